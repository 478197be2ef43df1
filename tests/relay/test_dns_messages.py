"""DNS messages: what a query says, and that no input whatever is worse than malformed."""

import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockless.relay import dns


def query(name: bytes = b"\3web\0", kind: int = dns.A, additional: bytes = b"") -> bytes:
    header = struct.pack("!6H", 7, 0x0100, 1, 0, 0, int(bool(additional)))
    return header + name + struct.pack("!2H", kind, dns.IN) + additional


def test_a_query_is_read() -> None:
    read = dns.Query(query(b"\3WeB\7Example\0"))
    assert (read.id, read.name, read.kind, read.udp_bytes, read.edns) == (7, "web.example", dns.A, 512, False)


@pytest.mark.parametrize(("offered", "taken"), [(0, 512), (1232, 1232), (65535, 4096)])
def test_the_edns_size_is_taken_within_bounds(offered: int, taken: int) -> None:
    read = dns.Query(query(additional=b"\0" + struct.pack("!HHIH", dns.OPT, offered, 0, 0)))
    assert (read.edns, read.udp_bytes) == (True, taken)


@given(st.binary(max_size=600))
def test_any_input_is_a_query_or_malformed(raw: bytes) -> None:
    try:
        dns.Query(raw)
    except dns.Malformed as problem:
        assert problem.answer is None or len(problem.answer) == 12


@given(st.binary(max_size=300))
def test_a_valid_beginning_with_any_rest_is_a_query_or_malformed(rest: bytes) -> None:
    try:
        dns.Query(query(additional=rest))
    except dns.Malformed as problem:
        assert problem.answer is not None


@given(st.binary(max_size=300), st.integers(0, 65535))
def test_only_a_reply_with_the_id_and_the_question_is_one(raw: bytes, identifier: int) -> None:
    read = dns.Query(query())
    if read.is_answered_by(raw, identifier):
        assert raw[:2] == struct.pack("!H", identifier) and raw[2] & 0x80


def test_a_reply_to_another_question_is_none() -> None:
    read = dns.Query(query())
    good = read.answer(dns.NOERROR, [(dns.A, os.urandom(4))])
    assert read.is_answered_by(good, 7)
    assert not read.is_answered_by(good, 8)
    assert not read.is_answered_by(dns.Query(query(b"\3wex\0")).answer(dns.NOERROR), 7)
    assert not read.is_answered_by(dns.Query(query(kind=dns.AAAA)).answer(dns.NOERROR), 7)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("2.0.18.172.in-addr.arpa", bytes([172, 18, 0, 2])),
        ("1." + "0." * 30 + "f.ip6.arpa", b"\xf0" + bytes(14) + b"\1"),
        ("300.0.18.172.in-addr.arpa", None),
        ("x.0.18.172.in-addr.arpa", None),
        ("18.172.in-addr.arpa", None),
        ("web", None),
    ],
)
def test_reverse_names_stand_for_addresses(name: str, address: bytes | None) -> None:
    assert dns.reversed_address(name) == address


def test_names_are_encoded_by_label() -> None:
    assert dns.encode_name("web.example.") == b"\3web\7example\0"
    assert dns.encode_name("") == b"\0"
    with pytest.raises(ValueError, match="64 bytes"):
        dns.encode_name("x" * 64)
