"""Ports: who can reach a service, and who gets in whose way."""

import re
from collections.abc import Iterator

from dockless.compose.load.short import ports as read_ports
from dockless.compose.load.tree import Map, Trouble
from dockless.compose.model import Port
from dockless.explain.doctor import yaml_text
from dockless.explain.doctor.composed import Composed, Part, Spot
from dockless.explain.doctor.findings import Edit, Hit
from dockless.explain.doctor.known import database
from dockless.explain.doctor.table import Table

rules = Table("compose")
_EVERYWHERE = ("", "0.0.0.0", "::")
DEVELOPMENT = re.compile(
    r"manage\.py\s+runserver|\bflask\b[^|;&]*\brun\b|\bphp\s+-S\b|\bnodemon\b|webpack(?:-dev-server| serve)"
    r"|\bvite\b(?! preview| build)"
    r"|\bng\s+serve\b|react-scripts\s+start|next\s+dev|nuxt\s+dev|--reload\b|rails\s+s(?:erver)?\b|\bnpm\s+run\s+dev\b|\byarn\s+dev\b"
    r"|\bpnpm\s+(?:run\s+)?dev\b|http\.server\b|debugpy"
)


def published(part: Part) -> Iterator[tuple[Port, Spot | None]]:
    """The ports that a service publishes, each with the entry that says so."""
    spots: dict[tuple[int, str], Spot] = {}
    for _, spot in part.items("ports"):
        if isinstance(spot.value, dict):
            spots[(int(spot.value.get("target", 0)), str(spot.value.get("published", "")))] = spot
            continue
        try:
            for port in read_ports(str(spot.value)):
                spots[(port["target"], port.get("published", ""))] = spot
        except (Trouble, ValueError):
            continue
    for entry in part.service.ports:
        yield entry, spots.get((entry.target, entry.published))


def _to_loopback(spot: Spot | None) -> Edit | None:
    """`8055:8055` becomes `127.0.0.1:8055:8055`."""
    if spot is None:
        return None
    if isinstance(spot.value, dict):
        return _host_ip(spot)
    span = yaml_text.scalar(spot.text, spot.mark)
    if span is None:
        return None
    written = spot.text.content[span[0] : span[1]]
    quote = written[0] if written[0] in "'\"" else '"'
    bare = written.strip("'\"").removeprefix("0.0.0.0:")
    if ":" not in bare or bare.startswith("["):
        return None
    return Edit(spot.text.path, *span, f"{quote}127.0.0.1:{bare}{quote}")


def _host_ip(spot: Spot) -> Edit | None:
    """`host_ip` in the long syntax."""
    if isinstance(spot.value, Map) and "host_ip" in spot.value:
        return yaml_text.rewritten(spot.text, spot.value.marks["host_ip"][1], "127.0.0.1")
    at = spot.text.offset(spot.mark.line + 1, spot.mark.column + 1)
    if spot.text.content[at] == "{":
        return Edit(spot.text.path, at + 1, at + 1, "host_ip: 127.0.0.1, ")
    return Edit(spot.text.path, at, at, f"host_ip: 127.0.0.1\n{' ' * spot.mark.column}")


def _needed_elsewhere(composed: Composed, port: Port) -> bool:
    """Whether something in the project comes to the port by way of the host."""
    return any(f"host.docker.internal:{port.published}" in file.text.content for file in composed.files) or any(
        f"host.docker.internal:{port.published}" in value
        for found in composed.variables.values()
        for value in found.values()
    )


@rules.rule(
    "CF020",
    "warning",
    "A database is open to the network",
    mends="safe",
    costs="Everybody in the same network can try passwords; Docker's port rules go past the host's firewall.",
    wrong="""
services:
  db:
    image: postgres:17.12
    env_file: db.env
    ports:
      - '5432:5432'
    volumes: ['data:/var/lib/postgresql/data']
volumes:
  data:
""",
    right="""
services:
  db:
    image: postgres:17.12
    env_file: db.env
    ports:
      - '127.0.0.1:5432:5432'
    volumes: ['data:/var/lib/postgresql/data']
volumes:
  data:
""",
)
def open_database(composed: Composed) -> Iterator[Hit]:
    """A port without an address is published on all of the host's interfaces. The services of the project reach the
    database without any published port; for your own tools `127.0.0.1:` is enough."""
    for part in composed.parts:
        kept = database(part.base)
        if kept is None:
            continue
        for port, spot in published(part):
            if port.target == kept.port and port.host_ip in _EVERYWHERE:
                edit = None if _needed_elsewhere(composed, port) else _to_loopback(spot)
                yield part.hit(
                    f"{kept.kind} is published on all of the machine's interfaces",
                    f"publish it on the loopback only, `127.0.0.1:{port.published or port.target}:{port.target}`, "
                    "or not at all",
                    at=spot,
                    edits=(edit,),
                )


@rules.rule(
    "CF021",
    "warning",
    "A development server is open to the network",
    mends="safe",
    costs="Everybody in the same network gets tracebacks and a debugger, which runs whatever it is given.",
    wrong="""
services:
  web:
    image: example/web:1
    command: python manage.py runserver 0.0.0.0:8000
    ports:
      - '8000:8000'
""",
    right="""
services:
  web:
    image: example/web:1
    command: python manage.py runserver 0.0.0.0:8000
    ports:
      - '127.0.0.1:8000:8000'
""",
)
def open_development(composed: Composed) -> Iterator[Hit]:
    """Development servers (`runserver`, `flask run`, `--reload`, `npm run dev` …) say themselves that they are not
    made for a network. Publish them for this machine alone, and use a production server elsewhere."""
    for part in composed.parts:
        found = DEVELOPMENT.search(part.line)
        if found is None or database(part.base) is not None:
            continue
        what = " ".join(found[0].split())
        for port, spot in published(part):
            if port.host_ip in _EVERYWHERE and port.published and port.protocol == "tcp":
                edit = None if _needed_elsewhere(composed, port) else _to_loopback(spot)
                yield part.hit(
                    f"`{what}` is a development server, published on all of the machine's interfaces",
                    f"publish it on the loopback only: `127.0.0.1:{port.published}:{port.target}`",
                    at=spot,
                    edits=(edit,),
                )


def _overlap(one: str, other: str) -> bool:
    """Whether two addresses of the host have one in common."""
    if {one, other} == {"0.0.0.0", "::"}:
        return False
    return one == other or one in _EVERYWHERE or other in _EVERYWHERE


def _numbers(port: Port) -> range:
    first, _, last = port.published.partition("-")
    return range(int(first), int(last or first) + 1) if first.isdigit() and (last or first).isdigit() else range(0)


@rules.rule(
    "CF022",
    "error",
    "Two services want one port of the host",
    costs="`up` fails: the address is already in use.",
    wrong="""
services:
  web:
    image: nginx:1.30
    ports: ['8080:80']
  api:
    image: nginx:1.30
    ports: ['8080:80']
""",
    right="""
services:
  web:
    image: nginx:1.30
    ports: ['8080:80']
  api:
    image: nginx:1.30
    ports: ['8081:80']
""",
)
def clash(composed: Composed) -> Iterator[Hit]:
    """A port of the host belongs to one container (for each address and protocol). Services of profiles that are
    never active together are not meant."""
    taken: dict[tuple[int, str], list[tuple[Part, Port]]] = {}
    for part in composed.parts:
        for port, spot in published(part):
            numbers = _numbers(port)
            if len(numbers) != 1:
                continue  # of a range a free one is taken
            for other, theirs in taken.get((numbers[0], port.protocol), []):
                same_host = _overlap(port.host_ip, theirs.host_ip)
                together = (
                    not part.service.profiles
                    or not other.service.profiles
                    or set(part.service.profiles) & set(other.service.profiles)
                )
                if same_host and together:
                    what = "itself" if other.name == part.name else other.name
                    yield part.hit(
                        f"port {numbers[0]} of the host is already taken by {what}", "take another port", at=spot
                    )
                    break
            taken.setdefault((numbers[0], port.protocol), []).append((part, port))


@rules.rule(
    "CF023",
    "warning",
    "Ports beside the host's network",
    mends="safe",
    costs="`ports` has no effect: the service listens on whatever port its program takes.",
    wrong="""
services:
  web:
    image: nginx:1.30
    network_mode: host
    ports: ['8080:80']
""",
    right="""
services:
  web:
    image: nginx:1.30
    network_mode: host
""",
)
def ports_on_host(composed: Composed) -> Iterator[Hit]:
    """With `network_mode: host` the container has no network of its own, so there is nothing to be published."""
    for part in composed.parts:
        spot = part.find("ports")
        if part.service.network_mode == "host" and part.service.ports and spot is not None:
            yield part.hit(
                "with `network_mode: host` published ports have no effect",
                "remove `ports`",
                at=spot,
                edits=(yaml_text.removed(spot.text, spot.key),),
            )


@rules.rule(
    "CF024",
    "warning",
    "Replicas want one port of the host",
    costs="Under Docker the second replica does not start: the port is taken. (dockless shares it between them.)",
    wrong="""
services:
  web:
    image: nginx:1.30
    ports: ['8080:80']
    deploy:
      replicas: 2
""",
    right="""
services:
  web:
    image: nginx:1.30
    ports: ['8080-8081:80']
    deploy:
      replicas: 2
""",
)
def replicas_port(composed: Composed) -> Iterator[Hit]:
    """Each replica is a container, and each wants the port. Publish a range, or put a proxy before them."""
    for part in composed.parts:
        if part.service.replicas > 1:
            for port, spot in published(part):
                if len(_numbers(port)) == 1:
                    yield part.hit(
                        f"{part.service.replicas} replicas want the host's port {port.published}",
                        "publish a range of ports, or a proxy",
                        at=spot,
                    )
                    break
