"""The two files together: whether what the program listens on is what is published."""

import re
from collections.abc import Iterator

from dockless.dockerfile.model import Expose
from dockless.explain.doctor.composed import Composed, Part
from dockless.explain.doctor.findings import Hit
from dockless.explain.doctor.rules.exposure import published
from dockless.explain.doctor.table import Table

rules = Table("compose")
_LISTEN = (
    re.compile(r"manage\.py\s+runserver\s+(?:\S+:)?(\d+)(?![\d.])"),
    re.compile(
        r"\b(?:uvicorn|hypercorn|flask|fastapi|http-server|serve|vite|gunicorn|daphne|waitress-serve)\b"
        r".*?(?:--port|-p)[ =](\d+)"
    ),
    re.compile(r"\b(?:gunicorn|hypercorn)\b.*?(?:-b|--bind)[ =]?\S*?:(\d+)"),
    re.compile(r"http\.server\s+(\d+)"),
    re.compile(r"\bphp\s+-S\s+\S+:(\d+)"),
)
_LOOPBACK = (
    (
        re.compile(
            r"manage\.py\s+runserver(?:\s+(?:127\.0\.0\.1|localhost)(?::\d+)?|\s+\d+(?![\d.:])|\s*$|\s*[&|;\"'])"
        ),
        "runserver 0.0.0.0:8000",
    ),
    (re.compile(r"\bflask\b(?![^|;&]*(?:--host|-h[ =]))[^|;&]*\brun\b(?![^|;&]*(?:--host|-h[ =]))"), "--host 0.0.0.0"),
    (re.compile(r"\buvicorn\b(?![^|;&]*--(?:host|uds|fd))"), "--host 0.0.0.0"),
    (re.compile(r"\bfastapi\s+dev\b(?![^|;&]*--host)"), "--host 0.0.0.0"),
    (re.compile(r"\bgunicorn\b(?![^|;&]*(?:-b|--bind|-c|--config)\b)"), "--bind 0.0.0.0:8000"),
    (
        re.compile(
            r"\b(?:uvicorn|gunicorn|hypercorn|flask|fastapi|daphne|vite|http-server)\b[^|;&]*"
            r"(?:--host|--bind|-b|-h)[ =](?:127\.0\.0\.1|localhost)\b"
        ),
        "0.0.0.0",
    ),
)
_BY_ENVIRONMENT = frozenset({"FLASK_RUN_HOST", "UVICORN_HOST", "GUNICORN_CMD_ARGS", "HOST", "PORT"})


@rules.rule(
    "ST010",
    "error",
    "The program listens inside its container only",
    costs="The published port answers nobody: “connection reset” or “connection refused”.",
    wrong="""
services:
  web:
    image: example/web:1
    command: flask run
    ports: ['127.0.0.1:5000:5000']
""",
    right="""
services:
  web:
    image: example/web:1
    command: flask run --host 0.0.0.0
    ports: ['127.0.0.1:5000:5000']
""",
)
def loopback(composed: Composed) -> Iterator[Hit]:
    """127.0.0.1 in a container is the container's own loopback; what comes through a published port arrives at
    another address. Listen on 0.0.0.0 inside, and keep the world out where it is published:
    `127.0.0.1:8000:8000`."""
    for part in composed.parts:
        if not part.service.ports or part.service.network_mode == "host":
            continue
        given = set(part.service.environment) | {
            name for entry in part.service.env_file for name in composed.variables.get(entry.path, {})
        }
        if part.recipe is not None:
            given |= set(re.findall(r"FLASK_RUN_HOST|UVICORN_HOST|GUNICORN_CMD_ARGS", part.recipe.text.content))
        if part.recipe is not None and ".flaskenv" in part.recipe.folder.files:
            continue
        if given & _BY_ENVIRONMENT or any(entry.path in composed.missing for entry in part.service.env_file):
            continue
        for pattern, wanted in _LOOPBACK:
            if (found := pattern.search(part.line)) is None:
                continue
            if (
                "gunicorn" in pattern.pattern
                and part.recipe is not None
                and any("gunicorn.conf.py" in f for f in part.recipe.folder.files)
            ):
                continue
            what = " ".join(found[0].split()).strip("\"'&|; ")
            yield part.hit(
                f"`{what}` listens on 127.0.0.1, which no published port reaches",
                f"listen on all of the container's addresses: `{wanted}`",
                at=part.find("command") or part.find("ports"),
            )
            break


def listens(part: Part) -> int | None:
    """The port that the command says the program listens on."""
    for pattern in _LISTEN:
        if (found := pattern.search(part.line)) is not None:
            return int(found[1])
    return None


@rules.rule(
    "ST011",
    "warning",
    "A port is published where nobody listens",
    costs="The published port answers nobody.",
    wrong="""
services:
  web:
    image: example/web:1
    command: gunicorn -b 0.0.0.0:8000 app
    ports: ['8080:80']
""",
    right="""
services:
  web:
    image: example/web:1
    command: gunicorn -b 0.0.0.0:8000 app
    ports: ['8080:8000']
""",
)
def wrong_port(composed: Composed) -> Iterator[Hit]:
    """The second number is the container's port. The command listens on another one."""
    for part in composed.parts:
        port = listens(part)
        entries = list(published(part))
        if port is None or not entries or any(entry.target == port for entry, _ in entries):
            continue
        if len(entries) == 1 and part.service.network_mode != "host":
            entry, spot = entries[0]
            yield part.hit(
                f"the command listens on {port}, and {entry.target} is published",
                f"write {entry.published or port}:{port}",
                at=spot,
            )


@rules.rule(
    "ST012",
    "info",
    "A port is published that the image does not expose",
    costs="If EXPOSE is right, the published port answers nobody.",
    wrong={
        "compose.yaml": """
services:
  web:
    build: .
    ports: ['8080:8080']
""",
        "Dockerfile": """
FROM python:3.13
EXPOSE 8000
USER nobody
CMD ["python", "app.py"]
""",
    },
    right={
        "compose.yaml": """
services:
  web:
    build: .
    ports: ['8080:8000']
""",
        "Dockerfile": """
FROM python:3.13
EXPOSE 8000
USER nobody
CMD ["python", "app.py"]
""",
    },
)
def not_exposed(composed: Composed) -> Iterator[Hit]:
    """EXPOSE is a note of the image's author on which port the program listens."""
    for part in composed.parts:
        if part.recipe is None or part.service.command is not None or listens(part) is not None:
            continue
        numbers = [port for _, expose in part.recipe.all(Expose) for port in expose.ports]
        if not numbers or any("$" in number or "-" in number for number in numbers):
            continue
        exposed = {number.split("/")[0] for number in numbers}
        for entry, spot in published(part):
            if str(entry.target) not in exposed and len(exposed) == 1 and len(part.service.ports) == 1:
                yield part.hit(
                    f"the Dockerfile exposes {', '.join(sorted(exposed))}, and {entry.target} is published",
                    "correct one of the two",
                    at=spot,
                )
