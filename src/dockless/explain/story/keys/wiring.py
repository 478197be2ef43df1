"""Keys on who reaches whom and what starts before what: ports, names, networks, dependencies."""

from collections.abc import Mapping

from dockless.compose import model
from dockless.explain.story import shell
from dockless.explain.story.built import follow, known_ports
from dockless.explain.story.here import Here, Said, listed, tells
from dockless.explain.story.official import parse_reference
from dockless.explain.story.values import Caution


@tells("services.*.ports")
def _ports(here: Here) -> Said:
    for port in here.service.ports:
        yield from _port(here, port)
    if isinstance(here.raw, list) and any(isinstance(item, str) and ":" in item for item in here.raw):
        yield "In the short form the **host's** port stands left, the **container's** right."
    yield "Other services of the stack do not need this: they reach every port of the container directly."


def _port(here: Here, port: model.Port) -> Said:
    protocol = "" if port.protocol in ("", "tcp") else f" ({port.protocol.upper()})"
    if not port.published:
        yield (
            f"Port **{port.target}** of the container{protocol} is opened on a free port of the host, "
            f"another one at each start; `dockless port {here.name} {port.target}` names it."
        )
        return
    local = port.host_ip or "localhost"
    address = f"`http://{local}:{port.published}`" if protocol == "" else f"`{local}:{port.published}`"
    yield (
        f"Port **{port.published}** of the host leads to port **{port.target}** of the "
        f"container{protocol}: the service can be reached at {address}."
    )
    if port.host_ip in ("127.0.0.1", "::1"):
        yield "Only from this machine: the port is opened on its loopback address."
    elif not port.host_ip or port.host_ip in ("0.0.0.0", "::"):
        yield Caution(
            "It is opened on **all** addresses of the machine: others on the network reach it too. "
            f"`127.0.0.1:{port.published}:{port.target}` would keep it here."
        )


@tells("services.*.expose")
def _expose(here: Here) -> Said:
    yield (
        f"Says that the service listens on {listed(here.service.expose)} inside the stack. Nothing "
        "is opened on the host, and other services would reach the ports without this line too."
    )


@tells("services.*.depends_on")
def _depends_on(here: Here) -> Said:
    for name in _own_dependencies(here):
        needed = here.service.depends_on.get(name)
        if needed is None:
            continue
        says = {
            "service_started": f"`{name}` is started **before** `{here.name}`, and stopped after it.",
            "service_healthy": (
                f"`{here.name}` is started only when `{name}` is **healthy** (its health check succeeds)."
            ),
            "service_completed_successfully": (
                f"`{here.name}` is started only when `{name}` has run to its end **successfully**."
            ),
        }
        yield says.get(needed.condition, f"`{name}`: {needed.condition}.")
        if needed.condition == "service_started":
            yield from _readiness(here, name)
        if not needed.required:
            yield f"`required: false`: `{here.name}` starts without `{name}` too, with a warning."
        if needed.restart:
            yield f"`restart: true`: when Compose restarts `{name}`, it restarts `{here.name}`."


def _own_dependencies(here: Here) -> list[str]:
    raw = getattr(here.raw, "value", here.raw)
    return [str(name) for name in raw] if isinstance(raw, (list, Mapping)) else []


def _readiness(here: Here, name: str) -> Said:
    other = here.stack.project.services.get(name)
    if other is None:
        return
    image = here.stack.by_service.get(name)
    state = follow(image.file, image.target, image.arguments).final if image else None
    ports = known_ports(other.image, state)
    check = other.healthcheck
    yield Caution(
        f"Started is not **ready**: `{name}` may not take connections yet when `{here.name}` begins"
        + (
            ", above all on its first start, when it prepares its data."
            if parse_reference(other.image).data_first
            else "."
        )
        + (
            " It has a health check: `condition: service_healthy` would wait for it."
            if check and not check.disable and check.test
            else " A `healthcheck` there and `condition: service_healthy` here would wait."
        )
    )
    if ports:
        yield (
            f"dockless waits here until `{name}` listens on port {shell.listed(ports)} (Docker "
            "Compose does not; `--no-wait-for-ports` turns it off)."
        )


@tells("services.*.links")
def _links(here: Here) -> Said:
    for link in here.service.links:
        target, _, alias = link.partition(":")
        yield f"`{here.name}` reaches `{target}` by the name `{alias or target}`" + (
            ", which it would without this line too." if not alias or alias == target else "."
        )
    yield (
        "An older way to connect containers by host name (legacy): on the project's network "
        "every service has its name anyway. What is left of `links` is that they start in this "
        "order, and that they can give a second name."
    )


@tells("services.*.extra_hosts")
def _extra_hosts(here: Here) -> Said:
    for host, addresses in here.service.extra_hosts.items():
        for address in addresses:
            if address == "host-gateway":
                yield (
                    f"In the container, `{host}` is the **host machine** (`host-gateway`): the process can "
                    "reach services that run on the host itself. On Linux this needs the line; Docker "
                    "Desktop has the name `host.docker.internal` by itself."
                )
                yield (
                    "With Docker, a service on the host is reached so only if it listens on more than "
                    "127.0.0.1; with dockless also there."
                )
            else:
                yield f"In the container, `{host}` is `{address}` (a line in `/etc/hosts`)."


@tells("services.*.networks")
def _networks(here: Here) -> Said:
    project = here.stack.project
    for key, how in here.service.networks.items():
        network = project.networks.get(key) or model.Network()
        others = [name for name, other in project.services.items() if name != here.name and key in other.networks]
        by = "it" if len(others) == 1 else "them"
        reach = f"it reaches {listed(others)}, and is reached by {by}" if others else "there is no other service"
        inside = " (`internal`: without a way out to the internet)" if network.internal else ""
        yield f"On the network `{key}`{inside} {reach}."
        if how is not None:
            if how.aliases:
                yield f"There it is also called {listed(how.aliases)}."
            if how.ipv4_address or how.ipv6_address:
                yield f"It has the fixed address `{how.ipv4_address or how.ipv6_address}` there."
            if how.priority:
                yield f"Priority {how.priority}: networks with a higher one are connected first."


@tells("services.*.network_mode")
def _network_mode(here: Here) -> Said:
    mode = here.service.network_mode
    kind, _, who = mode.partition(":")
    says = {
        "host": (
            "The container uses the **host's** network: its ports are the host's, `ports` does "
            "nothing, and the names of other services are unknown to it."
        ),
        "none": "The container has no network at all.",
        "service": (
            f"The container shares the network of `{who}`: they reach each other at `localhost`, and "
            f"only `{who}` can publish ports."
        ),
        "container": f"The container shares the network of the container `{who}`.",
        "bridge": "The container uses Docker's default network, where service names are unknown.",
    }
    yield says.get(kind, f"The container is put on the network `{mode}`.")


@tells("services.*.hostname")
def _hostname(here: Here) -> Said:
    yield (
        f"Inside, the container is called `{here.service.hostname}`. Other services do not learn "
        f"that name: they use `{here.name}`."
    )
