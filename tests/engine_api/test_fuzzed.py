"""What schemathesis makes of the specification: whatever a client sends, the engine answers, and never with a fault.

`DOCKLESS_TEST_EXAMPLES` sets how many requests are made for each operation.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker.transport
import pytest
import requests
import schemathesis
from api_http import Api, clear
from exchanges import IMAGE
from hypothesis import HealthCheck, Phase, settings

SPECIFICATION = Path(__file__).parent / "data" / "docker-engine-api-v1.47.yaml"
EXAMPLES = int(os.environ.get("DOCKLESS_TEST_EXAMPLES", "3"))
# The fields of paths and queries that say how long to wait, and what is there to be named by a path.
PATIENCE = ("t", "timeout")
THERE = {"/containers/": "there", "/networks/": "bridge", "/volumes/": "there", "/images/": IMAGE}
# 503 is the answer of what is off (swarm, a registry that is not reached), 501 of what is not offered.
FAULTS = frozenset(range(500, 600)) - {501, 503}

# What is off is answered by one handler, whatever is sent.
OFF = "^/(swarm|nodes|services|tasks|configs|secrets|plugins)"


@schemathesis.serializer("application/x-tar")
def as_it_is(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """An archive is what was generated, whether it is one or not."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


schema = schemathesis.openapi.from_path(str(SPECIFICATION)).exclude(path_regex=OFF)


@pytest.fixture(scope="module")
def session(to_be_ruined: str) -> Iterator[requests.Session]:
    api = Api(to_be_ruined)
    command = ["sh", "-c", "while :; do sleep 0.1; done"]
    body = {"Image": IMAGE, "Cmd": command, "HostConfig": {"NetworkMode": "none", "Binds": ["there:/there"]}}
    assert api("POST", "/containers/create?name=there", body).status == 201
    opened = requests.Session()
    opened.trust_env = False
    opened.mount(
        "http://engine", docker.transport.UnixHTTPAdapter(to_be_ruined.replace("unix:", "http+unix:"), timeout=30)
    )
    yield opened
    opened.close()
    clear(api)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="DOCKLESS_TEST_EXAMPLES" not in os.environ,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
def test_no_request_is_a_fault_of_ours(case: schemathesis.Case, session: requests.Session) -> None:
    for name in PATIENCE:
        if name in (case.query or {}):
            case.query[name] = 0
    for kind, name in THERE.items():
        if case.operation.path.startswith(f"{kind}{{") and len(str(case.path_parameters)) % 2:
            case.path_parameters = dict.fromkeys(case.path_parameters, name)
    sent = case.as_transport_kwargs(base_url="http://engine/v1.47")
    # Streamed: some answers go on as long as something runs.
    with session.request(**sent, stream=True, timeout=30) as answer:
        text = answer.raw.read(400, decode_content=False) if answer.status_code in FAULTS else b""
        assert answer.status_code not in FAULTS, text
