"""The keys at the top of a file, and the entries of its sections: services, volumes, networks, secrets, configs."""

from collections.abc import Mapping

from dockless.compose import model
from dockless.explain.story.built import follow
from dockless.explain.story.here import Here, Said, Tell, listed, parts, tells
from dockless.explain.story.official import described
from dockless.explain.story.values import Caution


@tells("version")
def _version(here: Here) -> Said:
    yield (
        f"Once the version of the Compose file format (`{here.raw}`). Today the format has no "
        "versions: the line is ignored."
    )
    yield Caution("Docker Compose warns about it; the line can go.")


@tells("name")
def _name(here: Here) -> Said:
    yield f"The project is called `{here.stack.project.name}`: containers, networks and volumes begin with that name."


@tells("services")
def _services(here: Here) -> Said:
    names = list(here.raw) if isinstance(here.raw, Mapping) else []
    if not names:
        yield "Defines the services of the stack: there are none."
        return
    yield (
        f"Defines the services (containers) that run together: {listed(names)}. The order in the file means nothing; "
        "`depends_on` does."
    )
    off = [name for name in names if name in here.stack.project.disabled_services]
    if off:
        yield f"Not taking part now: {listed(off)} (their `profiles` are not asked for)."


@tells("services.*")
def _service(here: Here) -> Said:
    service, project = here.service, here.stack.project
    if service.provider is not None:
        yield f"`{here.name}` is no container: the program `{service.provider.type}` provides it."
        return
    count = service.replicas
    what = f"{count} containers" if count != 1 else "one container"
    if image := here.image:
        base = follow(image.file, image.target, image.arguments).final.base
        yield f"The service `{here.name}`: {what} of an image that is **built here** (from `{base}`)."
    else:
        yield (
            f"The service `{here.name}`: {what} of "
            f"{described(service.image) if service.image else 'an image that is built'}."
        )
    name = service.container_name or f"{project.name}-{here.name}-1"
    yield f"The container is called `{name}`; other services reach it as `{here.name}`."
    if here.name in project.disabled_services:
        yield Caution(f"It takes no part now: it belongs to the profiles {listed(service.profiles)}.")
    if service.command is None and service.entrypoint is None and not here.image:
        yield "It runs what its image runs by default."
    if not service.restart and service.deploy is None:
        yield "Nothing says `restart`: when its process ends, the container stays stopped."


@tells("volumes.*")
def _volume(here: Here) -> Said:
    volume = here.stack.project.volumes.get(here.name)
    users = [
        name
        for name, service in here.stack.project.services.items()
        if any(v.source == here.name and v.type == "volume" for v in service.volumes)
    ]
    if volume is None:
        yield f"The named volume `{here.name}`; no service uses it."
        return
    if volume.external:
        yield f"The volume `{volume.name}` is made by somebody else: it must exist, and `down -v` leaves it alone."
    else:
        yield (
            f"`{here.name}` is a **named volume**; the engine calls it `{volume.name}`, makes it at "
            "the first `up` and keeps its files on the host."
        )
        yield (
            "When the containers are removed, the data remains in it. Only `down -v` or `volume rm "
            f"{volume.name}` removes it."
        )
    yield f"It is used by {listed(users)}." if users else "No service uses it."
    if isinstance(here.raw, Mapping):
        if (driver := here.raw.get("driver")) is not None:
            yield f"`driver: {driver}`: " + (
                "the data is in a folder of this machine; that is the default."
                if driver == "local"
                else "this driver keeps the data."
            )
        yield from parts(
            Here(here.stack, here.path, {k: v for k, v in here.raw.items() if k not in ("driver", "external")})
        )


@tells("networks.*")
def _network(here: Here) -> Said:
    network = here.stack.project.networks.get(here.name)
    users = [name for name, service in here.stack.project.services.items() if here.name in service.networks]
    if network is None:
        yield f"The network `{here.name}`; no service uses it."
        return
    if network.external:
        yield f"The network `{network.name}` is made by somebody else: it must exist, and `down` leaves it alone."
    else:
        yield f"The network `{here.name}`; the engine calls it `{network.name}`, `up` makes it and `down` removes it."
    yield f"On it are {listed(users)}: they reach each other by their names." if users else "No service uses it."
    if network.internal:
        yield "`internal`: its containers do not reach the internet."
    if isinstance(here.raw, Mapping):
        yield from parts(
            Here(here.stack, here.path, {k: v for k, v in here.raw.items() if k not in ("external", "internal")})
        )


@tells("secrets.*", "configs.*")
def _file_object(here: Here) -> Said:
    held = getattr(here.stack.project, str(here.path[0])).get(here.name) or model.FileObject()
    users = [
        name
        for name, service in here.stack.project.services.items()
        if any(g.source == here.name for g in getattr(service, str(here.path[0])))
    ]
    yield f"`{here.name}`: {origin_of(here, held)}. " + (
        f"It is granted to {listed(users)}." if users else "No service is granted it."
    )


def _section(what: str) -> Tell:
    def told(here: Here) -> Said:
        names = list(here.raw) if isinstance(here.raw, Mapping) else []
        yield f"{what}: {listed(names)}." if names else f"{what}."

    return told


def origin_of(here: Here, held: model.FileObject) -> str:
    if held.external:
        return "it is made by somebody else"
    if held.file:
        return f"it is `{here.stack.shown(held.file)}` of the host"
    if held.environment:
        return f"it is the variable `{held.environment}` of the shell or `.env`"
    return "its content stands in this file"


tells("volumes")(
    _section("Declares named volumes: data that several containers can share and that persists when they go")
)


tells("networks")(_section("Declares networks beside the one that Compose makes by itself"))


tells("secrets")(_section("Declares secrets, which services are granted as files"))


tells("configs")(_section("Declares configuration files, which services are granted"))
