"""The host's routes, as the kernel writes them."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from dockless.engine.hostnet import mtu, routes

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
LAN = "lan\t0000A8C0\t00000000\t0001\t0\t0\t100\t0000FFFF\t0\t0\t0\n"
DEFAULT = "{}\t00000000\t0100A8C0\t0003\t0\t0\t{}\t00000000\t0\t0\t0\n"
HALF = "vpn\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n"
NOTHING = "0" * 32
DEFAULT6 = f"{NOTHING} 00 {NOTHING} 00 fe800000000000000000000000000001 00000400 1 0 00000003 {{}}\n"
LOOP6 = f"{NOTHING} 00 {NOTHING} 00 {NOTHING} ffffffff 1 0 00200200 lo\n"


@pytest.mark.parametrize(
    ("table", "table6", "expected"),
    [
        (HEAD + LAN + DEFAULT.format("lan", 100), LOOP6, 9000),
        (HEAD + DEFAULT.format("lan", 100) + DEFAULT.format("vpn", 50), "", 1280),
        (HEAD + LAN + HALF, DEFAULT6.format("vpn") + LOOP6, 1280),
        (HEAD + LAN, LOOP6, 1500),
        (HEAD + DEFAULT.format("gone", 0), "", 1500),
        (None, None, 1500),
    ],
)
def test_the_mtu_is_that_of_the_way_out(tmp_path: Path, table: str | None, table6: str | None, expected: int) -> None:
    for device, value in (("lan", "9000"), ("vpn", "1280")):
        (tmp_path / device).mkdir()
        (tmp_path / device / "mtu").write_text(f"{value}\n")
    for name, text in (("route", table), ("ipv6_route", table6)):
        if text is not None:
            (tmp_path / name).write_text(text)
    assert mtu(tmp_path / "route", tmp_path / "ipv6_route", tmp_path) == expected


def test_routes_are_networks(tmp_path: Path) -> None:
    (tmp_path / "route").write_text(HEAD + LAN + DEFAULT.format("lan", 100))
    assert routes(tmp_path / "route") == [ip_network("192.168.0.0/16"), ip_network("0.0.0.0/0")]
