"""Keys on resources, rights, output, and what holds only at times: deploy, logging, profiles, develop."""

from collections.abc import Mapping

from dockless.compose import model
from dockless.compose.plain import YAML, plain
from dockless.explain.story.here import Here, Said, listed, parts, tells
from dockless.explain.story.keys.process import replicas
from dockless.explain.story.meanings import MEANINGS
from dockless.explain.story.values import Caution, Value


@tells("services.*.mem_limit")
def _memory(here: Here) -> Said:
    yield (
        f"The container may use {size(here.service.mem_limit)} of memory; when it wants more, "
        "the kernel kills its processes."
    )


def size(size: int) -> str:
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= factor:
            return f"{size / factor:g} {unit}"
    return f"{size} bytes"


def _resources(here: Here) -> Said:
    deploy = here.service.deploy or model.Deploy()
    for what, held in (("may use at most", deploy.resources.limits), ("has set aside", deploy.resources.reservations)):
        if held is None:
            continue
        amounts = []
        if held.cpus:
            amounts.append(f"{held.cpus:g} processors' worth of time")
        if held.memory:
            amounts.append(f"{size(held.memory)} of memory")
        if held.pids:
            amounts.append(f"{held.pids} processes")
        if held.devices:
            amounts.append(f"{len(held.devices)} kind of devices")
        if amounts:
            yield f"Each container {what} {' and '.join(amounts)}."


@tells("services.*.deploy")
def _deploy(here: Here) -> Said:
    raw = here.raw if isinstance(here.raw, Mapping) else {}
    if raw.get("replicas") is not None:
        yield from replicas(here)
    if "resources" in raw:
        yield from _resources(here)
    rest = {key: value for key, value in raw.items() if key not in ("replicas", "resources")}
    yield from parts(Here(here.stack, here.path, rest))


@tells("services.*.privileged")
def _privileged(here: Here) -> Said:
    if not here.service.privileged:
        yield "The container has no special rights; that is the default."
        return
    yield "The container may do what the host's root may: all capabilities, all devices."
    yield Caution("A fault in the program is then a fault of the whole machine.")


@tells("services.*.read_only")
def _read_only(here: Here) -> Said:
    yield (
        "The container's own files cannot be written; only mounts and `tmpfs` can."
        if here.service.read_only
        else "The container's files can be written; that is the default."
    )


@tells("services.*.cap_add")
def _cap_add(here: Here) -> Said:
    yield f"Gives the container the kernel capabilities {listed(here.service.cap_add)} beyond the usual ones."


@tells("services.*.cap_drop")
def _cap_drop(here: Here) -> Said:
    drops = here.service.cap_drop
    yield (
        "Takes all kernel capabilities from the container; `cap_add` gives single ones back."
        if "ALL" in drops
        else f"Takes the kernel capabilities {listed(drops)} from the container."
    )


@tells("services.*.logging")
def _logging(here: Here) -> Said:
    logging = here.service.logging or model.Logging()
    driver = logging.driver or "json-file"
    yield f"The container's output goes to the log driver `{driver}`."
    size, files = logging.options.get("max-size"), logging.options.get("max-file")
    if size:
        yield (
            f"A log file grows to {size} and then makes room for a new one; {files or 1} "
            f"{'are' if files and files != '1' else 'is'} kept."
        )
    rest = {key: value for key, value in logging.options.items() if key not in ("max-size", "max-file")}
    for key, value in rest.items():
        yield f"`{key}`: `{value}`."


@tells("services.*.profiles")
def _profiles(here: Here) -> Said:
    names = here.service.profiles
    yield (
        f"The service takes part only when one of the profiles {listed(names)} is asked for "
        f"(`--profile {names[0] if names else '…'}`), or when it is named itself."
    )


@tells("services.*.extends")
def _extends(here: Here) -> Said:
    raw = here.raw if isinstance(here.raw, Mapping) else {"service": here.raw}
    where = f" in `{raw['file']}`" if raw.get("file") else ""
    yield (
        f"The service begins as a copy of `{raw.get('service')}`{where}; what is said here goes "
        "before it, lists are joined."
    )


@tells("services.*.develop")
def _develop(here: Here) -> Said:
    yield "Counts for `watch` and `up --watch` only:"
    actions = {
        "sync": "is copied to `{target}` in the running container at once",
        "rebuild": "causes the image to be built and the container to be replaced",
        "restart": "restarts the container",
        "sync+restart": "is copied to `{target}`, and the container is restarted",
        "sync+exec": "is copied to `{target}`, and a command is run in the container",
    }
    for rule in (here.service.develop or model.Develop()).watch:
        text = actions.get(rule.action, f"does `{rule.action}`").format(target=rule.target)
        ignored = f" (but not {listed(rule.ignore)})" if rule.ignore else ""
        yield f"A change in `{here.stack.shown(rule.path)}`{ignored} {text}."


@tells("services.*.labels")
def _labels(here: Here) -> Said:
    yield MEANINGS["services.*.labels"]
    if isinstance(here.raw, (Mapping, list)):
        labels = plain(here.service.labels, YAML)
        routes = [key for key in labels if key.startswith("traefik.")]
        if routes:
            yield "The reverse proxy Traefik reads them: they say which requests it passes to this service."
        for key, value in list(labels.items())[:12]:
            yield Value(key, str(value))
