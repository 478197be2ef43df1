"""The messages against the API's description, and the small languages inside them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockless.wire import auth, base, config, containers, endpoints, execs, networks, system, times
from dockless.wire.errors import ApiError, BadParameter, Conflict, NotFound
from dockless.wire.filters import CONTAINERS, Filters, encode_filters, parse_filters
from dockless.wire.multiplex import STDERR, STDOUT, Demultiplexer, frame


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (config.PortBinding, "HostIp HostPort"),
        (config.Ulimit, "Name Soft Hard"),
        (config.DeviceRequest, "Driver Count DeviceIDs Capabilities Options"),
        (endpoints.EndpointIPAMConfig, "IPv4Address IPv6Address LinkLocalIPs"),
        (
            endpoints.EndpointSettings,
            "IPAMConfig Links Aliases MacAddress DriverOpts GwPriority NetworkID EndpointID Gateway IPAddress "
            "IPPrefixLen IPv6Gateway GlobalIPv6Address GlobalIPv6PrefixLen DNSNames",
        ),
        (
            containers.ContainerState,
            "Status Running Paused Restarting OOMKilled Dead Pid ExitCode Error StartedAt FinishedAt Health",
        ),
        (containers.MountPoint, "Type Name Source Destination Driver Mode RW Propagation"),
        (containers.Port, "IP PrivatePort PublicPort Type"),
        (networks.IPAMConfig, "Subnet IPRange Gateway AuxiliaryAddresses"),
        (networks.NetworkContainer, "Name EndpointID MacAddress IPv4Address IPv6Address"),
        (system.Actor, "ID Attributes"),
        (system.EventMessage, "status id from Type Action Actor scope time timeNano"),
        (
            execs.ExecInspect,
            "ID Running ExitCode ProcessConfig OpenStdin OpenStderr OpenStdout CanRemove ContainerID DetachKeys Pid",
        ),
    ],
)
def test_names_on_the_wire_are_the_apis(kind: type[msgspec.Struct], names: str) -> None:
    assert list(kind.__struct_encode_fields__) == names.split()


def test_a_host_configuration_has_the_apis_odd_names() -> None:
    names = set(config.HostConfig.__struct_encode_fields__)
    odd = "ContainerIDFile BlkioDeviceReadIOps BlkioDeviceWriteBps KernelMemoryTCP IOMaximumIOps IOMaximumBandwidth"
    assert names >= set(odd.split())
    more = "OomKillDisable OomScoreAdj UTSMode UsernsMode CpusetCpus NanoCpus PidsLimit CgroupnsMode ReadonlyRootfs"
    assert names >= set(more.split())


def test_an_inspect_answer_has_every_field_clients_need() -> None:
    found = msgspec.json.decode(base.encode(containers.ContainerInspect(id="x")))
    assert found["HostConfig"]["Binds"] is None
    assert found["HostConfig"]["PortBindings"] is None
    assert found["Config"]["Cmd"] is None
    assert found["Mounts"] == []
    assert found["NetworkSettings"]["Networks"] == {}
    assert found["State"]["Status"] == "created"
    assert "Health" not in found["State"]
    assert "Mounts" not in found["HostConfig"]
    assert found["ExecIDs"] is None


def test_a_list_item_has_every_field_clients_need() -> None:
    found = msgspec.json.decode(base.encode(containers.ContainerSummary(id="x")))
    needed = {"Id", "Names", "Image", "Labels", "State", "Status", "Command", "Created", "Ports", "NetworkSettings"}
    assert set(found) >= needed | {"Mounts", "HostConfig", "ImageID"}
    assert "SizeRw" not in found


def test_nulls_stand_for_zero_values_as_in_go() -> None:
    body = base.decode(
        b'{"Hostname":null,"Image":"x","HostConfig":{"Memory":null,"PortBindings":{"80/tcp":null}},'
        b'"NetworkingConfig":{"EndpointsConfig":{"net":null}},"Healthcheck":null,"Tty":null}',
        containers.ContainerCreateRequest,
    )
    assert body.hostname == ""
    assert body.host_config.memory == 0
    assert body.host_config.port_bindings == {"80/tcp": None}
    assert body.networking_config.endpoints_config == {"net": None}


def test_a_command_may_be_one_string() -> None:
    body = base.decode(b'{"Cmd":"date","Entrypoint":"sh"}', containers.ContainerCreateRequest)
    assert (body.cmd, body.entrypoint) == (("date",), ("sh",))


def test_an_empty_entrypoint_is_not_an_absent_one() -> None:
    assert base.decode(b'{"Entrypoint":[]}', config.ContainerConfig).entrypoint == ()
    assert base.decode(b'{"Entrypoint":null}', config.ContainerConfig).entrypoint is None


def test_unknown_fields_are_passed_over() -> None:
    assert base.decode(b'{"Image":"x","Novelty":{"a":1}}', containers.ContainerCreateRequest).image == "x"


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"Cmd":7}', b'{"Cmd":7', b'{"Hostname":1}', b"[" * 99_999])
def test_what_is_no_message_is_a_bad_parameter(data: bytes) -> None:
    with pytest.raises(BadParameter, match="invalid JSON"):
        base.decode(data, containers.ContainerCreateRequest)


def test_a_request_is_made_of_its_parts() -> None:
    part = config.ContainerConfig(image="x", env=("A=1",), stop_timeout=0)
    host = config.HostConfig(privileged=True)
    whole = containers.ContainerCreateRequest.of(part, host, endpoints.NetworkingConfig())
    assert whole.config == part
    assert base.decode(base.encode(whole), containers.ContainerCreateRequest) == whole


def test_errors_have_their_status() -> None:
    assert isinstance(ApiError.of(404, "x"), NotFound)
    assert isinstance(ApiError.of(409, "x"), Conflict)
    assert ApiError.of(418, "tea").status == 418


@pytest.mark.parametrize(
    "text", ['{"label":{"a=b":true,"c":false},"status":{"exited":true}}', '{"label":["a=b"],"status":["exited"]}']
)
def test_both_forms_of_filters_are_read(text: str) -> None:
    assert dict(parse_filters(text, CONTAINERS)) == {"label": ("a=b",), "status": ("exited",)}


@pytest.mark.parametrize("text", ["x", "[]", "7", '{"label":7}', '{"label":{"a":"b"}}', '{"nope":["x"]}'])
def test_other_filters_are_a_bad_parameter(text: str) -> None:
    with pytest.raises(BadParameter, match="invalid filter"):
        parse_filters(text, CONTAINERS)


def test_filters_accept_as_docker_does() -> None:
    found = Filters({"label": ["a", "b=1"], "label!": ["c"], "status": ["running"], "dangling": ["1"]})
    assert found.accepts_labels({"a": "x", "b": "1"})
    assert not found.accepts_labels({"a": "x", "b": "2"})
    assert not found.accepts_labels({"a": "x", "b": "1", "c": ""})
    assert not found.accepts_labels(None)
    assert found.accepts("status", "running")
    assert not found.accepts("status", "exited")
    assert found.accepts("name", "anything")
    assert found.flag("dangling") is True
    assert found.flag("other") is None
    with pytest.raises(BadParameter):
        found.flag("status")


@given(st.dictionaries(st.sampled_from(sorted(CONTAINERS)), st.sets(st.text(), min_size=1)))
def test_filters_survive_the_query(values: dict[str, set[str]]) -> None:
    found = parse_filters(encode_filters(values), CONTAINERS)
    assert {key: set(found.wanted(key)) for key in found} == values


@given(st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary(min_size=1))), st.data())
def test_frames_survive_being_cut_anywhere(frames: list[tuple[int, bytes]], data: st.DataObject) -> None:
    whole = b"".join(frame(stream, content) for stream, content in frames)
    demultiplexer = Demultiplexer()
    found: list[tuple[int, bytes]] = []
    while whole:
        size = data.draw(st.integers(1, len(whole)))
        found += demultiplexer.feed(whole[:size])
        whole = whole[size:]
    for stream in (STDOUT, STDERR):
        assert b"".join(part for number, part in found if number == stream) == b"".join(
            part for number, part in frames if number == stream
        )
    assert demultiplexer.complete


def test_what_is_not_multiplexed_is_noticed() -> None:
    with pytest.raises(ValueError, match="not a multiplexed stream"):
        Demultiplexer().feed(b"plain text of a terminal")


@given(st.integers(0, 4_000_000_000 * 10**9))
def test_times_survive_the_wire(nanoseconds: int) -> None:
    assert times.parse_rfc3339(times.rfc3339(nanoseconds)) == nanoseconds
    assert times.parse_time(times.rfc3339_fixed(nanoseconds), 0) == nanoseconds
    assert times.parse_time(times.unix_time(nanoseconds) or "0", 0) == nanoseconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1136073845", 1136073845),
        ("1136073845.5", 1136073845.5),
        ("2006-01-02T15:04:05", 1136214245),
        ("2006-01-02T15:04:05+01:00", 1136210645),
        ("2006-01-02", 1136160000),
        ("10m", 2_000_000_000 - 600),
        ("1h1.5s", 2_000_000_000 - 3601.5),
    ],
)
def test_times_are_read_in_all_their_forms(text: str, seconds: float) -> None:
    assert times.parse_time(text, 2_000_000_000 * 10**9) == int(seconds * 10**9)


@pytest.mark.parametrize("text", ["yesterday", "5 minutes", "", "2006-13-45", "1.2.3"])
def test_other_times_are_a_bad_parameter(text: str) -> None:
    with pytest.raises(BadParameter):
        times.parse_time(text, 0)


def test_a_time_prints_as_go_prints_it() -> None:
    assert times.rfc3339(1_500_000_000) == "1970-01-01T00:00:01.5Z"
    assert times.rfc3339(2_000_000_000) == "1970-01-01T00:00:02Z"
    assert times.rfc3339_fixed(1_500_000_000) == "1970-01-01T00:00:01.500000000Z"


def test_credentials_survive_the_header() -> None:
    found = auth.AuthConfig(username="me", password="ä?>~" * 9, server_address="https://r/")
    assert auth.parse_auth(auth.auth_header(found)) == found
    assert auth.parse_auth(auth.auth_header(found).rstrip("=")) == found
    assert auth.parse_auth("") is None
    # What clients without credentials send, and Docker takes.
    assert auth.parse_auth("placeholder") is auth.parse_auth("not base64!") is None
    assert auth.parse_auths(auth.auths_header({"r": found})) == {"r": found}
    with pytest.raises(BadParameter):
        auth.parse_auths("not base64!")
