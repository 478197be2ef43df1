"""/etc/hosts of a running container as networks come and go."""

import re
import socket
from collections.abc import Mapping
from typing import Any

from api_http import PEER_API, Api, clear
from exchanges import IMAGE

NETS = {"first": "172.29.1.0/24", "second": "172.29.2.0/24", "third": "172.29.3.0/24"}
#: A line of its user's, before networks change and after.
OWN = "192.0.2.7\tmine\n"


def _hosts(api: Api, identity: str, command: str = "cat /etc/hosts") -> list[str]:
    made = api(
        "POST", f"/containers/{identity}/exec", {"Cmd": ["sh", "-c", command], "AttachStdout": True, "Tty": True}
    )
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(api.path)
        body = b'{"Tty":true}'
        head = (
            f"POST /v{PEER_API}/exec/{made.json['Id']}/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        )
        head += f"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        seen = b""
        while part := connection.recv(65536):
            seen += part
    text = seen.partition(b"\r\n\r\n")[2].decode()
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]
    return [line for line in lines if re.match(r"(172|192|10)\.", line)]


def _told(api: Api) -> list[list[str]]:
    """What the file says after each step."""
    clear(api)
    for name, subnet in NETS.items():
        network: Mapping[str, Any] = {"Name": name, "IPAM": {"Config": [{"Subnet": subnet}]}}
        assert api("POST", "/networks/create", network).status == 201

    def at(address: str) -> dict[str, Any]:
        return {"IPAMConfig": {"IPv4Address": address}}

    body = {
        "Image": IMAGE,
        "Cmd": ["sleep", "1000"],
        "Hostname": "box",
        "Domainname": "example.test",
        "HostConfig": {"NetworkMode": "first", "ExtraHosts": ["other:192.0.2.1"]},
        "NetworkingConfig": {"EndpointsConfig": {"first": at("172.29.1.5")}},
    }
    identity = api("POST", "/containers/create?name=hosts", body).json["Id"]
    assert api("POST", f"/containers/{identity}/start").status == 204
    told = [_hosts(api, identity)]
    _hosts(api, identity, f"printf '{OWN}' >>/etc/hosts")
    for name, address in (("second", "172.29.2.5"), ("third", "172.29.3.5")):
        connect = {"Container": identity, "EndpointConfig": at(address)}
        assert api("POST", f"/networks/{name}/connect", connect).status == 200
        told.append(_hosts(api, identity))
    for name in ("second", "first", "third"):
        assert api("POST", f"/networks/{name}/disconnect", {"Container": identity}).status == 200
        told.append(_hosts(api, identity))
    clear(api)
    return told


def test_the_lines_follow_connect_and_disconnect(ours: str, theirs: str) -> None:
    """What Docker writes as networks come. As they go, Docker 26 takes all lines of the name away, or none of them
    where there is a domain name, too: here those of the address go."""
    told = _told(Api(ours, PEER_API))
    assert told[:3] == _told(Api(theirs, PEER_API))[:3]
    first, second, third = (f"172.29.{number}.5 box.example.test box" for number in (1, 2, 3))
    assert told[2:] == [
        ["192.0.2.1 other", first, "192.0.2.7 mine", second, third],
        ["192.0.2.1 other", first, "192.0.2.7 mine", third],
        ["192.0.2.1 other", "192.0.2.7 mine", third],
        ["192.0.2.1 other", "192.0.2.7 mine"],
    ]
