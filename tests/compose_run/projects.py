"""Projects from text, and the engine's side of them, for the planner's tests."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from dockless.compose.load import LoadOptions, load
from dockless.compose.model import Project
from dockless.compose.run import names
from dockless.compose.run.converge import UpOptions, up_plan
from dockless.compose.run.convert import Converter
from dockless.compose.run.observe import Existing, Observed
from dockless.compose.run.order import with_dependencies
from dockless.compose.run.plan import CreateContainer, CreateNetwork, CreateVolume, Plan
from dockless.compose.run.readiness import ImageFacts
from dockless.wire.containers import ContainerSummary, MountPoint, SummaryNetworkSettings
from dockless.wire.endpoints import EndpointSettings
from dockless.wire.networks import Network
from dockless.wire.volumes import Volume

NOTHING = Observed((), {}, {})
IMAGE = "sha256:" + "1" * 64


def project_of(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Project:
    """A project named `p` in `folder`."""
    (folder / "compose.yaml").write_text(dedent(text))
    return load(LoadOptions(cwd=folder, project_name="p", environ=dict(environ or {})))


def facts(project: Project, **special: ImageFacts) -> dict[str, ImageFacts]:
    return {name: special.get(name, ImageFacts(id=IMAGE)) for name in project.services}


def plan_of(
    project: Project,
    observed: Observed = NOTHING,
    options: UpOptions = UpOptions(),
    images: Mapping[str, ImageFacts] | None = None,
    services: tuple[str, ...] = (),
    converter: Converter | None = None,
) -> Plan:
    chosen = with_dependencies(project, services)
    return up_plan(project, observed, images or facts(project), chosen, options, converter or Converter(project))


def carried_out(project: Project, plan: Plan, *, state: str = "running") -> Observed:
    """What an engine reports once it has done all the creates of a plan made from nothing."""
    networks: dict[str, Network] = {}
    volumes: dict[str, Volume] = {}
    containers: list[Existing] = []
    for number, step in enumerate(plan):
        action = step.action
        if isinstance(action, CreateNetwork):
            networks[action.name] = Network(name=action.name, id=f"{number:064x}", labels=action.body.labels)
        elif isinstance(action, CreateVolume):
            volumes[action.name] = Volume(name=action.name, labels=action.body.labels)
        elif isinstance(action, CreateContainer):
            containers.append(existing(action, f"{number:064x}", networks, state=state))
    return Observed(tuple(containers), networks, volumes)


def existing(
    action: CreateContainer, identifier: str, networks: Mapping[str, Network], *, state: str = "running", name: str = ""
) -> Existing:
    body = action.body
    ends = body.networking_config.endpoints_config or {}
    mounts = [
        MountPoint(type="volume", name=bind.split(":")[0], destination=bind.split(":")[1])
        for bind in body.host_config.binds or ()
        if not bind.startswith("/")
    ]
    mounts += [
        MountPoint(type=mount.type, name=mount.source or f"{'a' * 60}{index:04}", destination=mount.target)
        for index, mount in enumerate(body.host_config.mounts or ())
        if mount.type == "volume"
    ]
    summary = ContainerSummary(
        id=identifier,
        names=(f"/{name or action.name}",),
        image=body.image,
        image_id=(body.labels or {}).get(names.IMAGE, ""),
        labels=body.labels or {},
        state=state,
        created=int(identifier[-8:], 16),
        mounts=tuple(mounts),
        network_settings=SummaryNetworkSettings(
            networks={key: EndpointSettings(network_id=networks[key].id) for key in ends if key in networks}
        ),
    )
    return Existing.of(summary)


def done(plan: Plan) -> list[str]:
    """The plan's lines without their numbers."""
    from dockless.compose.run.plan import describe

    return [describe(step.action) for step in plan]


def after(plan: Plan, key: str) -> set[str]:
    """All steps that come before one, by any number of edges."""
    steps = {step.key: step for step in plan}
    found: set[str] = set()
    open_ = [key]
    while open_:
        for before in steps[open_.pop()].after:
            if before in steps and before not in found:
                found.add(before)
                open_.append(before)
    return found
