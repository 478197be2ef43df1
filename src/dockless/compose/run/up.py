"""From a project to the plan of `up`: looks at the engine, sees to the images, compares."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from dockless.client.api import Client
from dockless.compose.model import Project, Service
from dockless.compose.run.converge import UpOptions, up_plan
from dockless.compose.run.convert import Converter
from dockless.compose.run.execute import Reporter
from dockless.compose.run.image_options import ImageOptions
from dockless.compose.run.images import ensure_images
from dockless.compose.run.observe import Observed, observe, together
from dockless.compose.run.order import ProjectError, in_order, with_dependencies
from dockless.compose.run.plan import Plan
from dockless.compose.run.readiness import ImageFacts


class Prepared(Struct, frozen=True):
    """What `up` knows before it acts. `selected`: the services that it is about, dependencies included."""

    plan: Plan
    selected: frozenset[str]
    observed: Observed
    images: Mapping[str, ImageFacts]


def prepare(
    client: Client,
    project: Project,
    services: Sequence[str],
    options: UpOptions,
    images: ImageOptions,
    converter: Converter,
    reporter: Reporter,
    *,
    with_deps: bool = True,
) -> Prepared:
    """Pulls and builds what is missing, and plans the rest.

    Raises `ProjectError`, `ImageError`, `MountError`, `ApiError`.
    """
    selected = with_dependencies(project, services) if with_deps else frozenset(services or project.services)
    if unknown := selected - project.services.keys():
        raise ProjectError(f"no such service: {sorted(unknown)[0]}")
    for name in options.scale:
        if name not in project.services:
            raise ProjectError(f"no such service: {name}")
    if not selected:
        raise ProjectError("no service selected")
    # What a provider provides has no container; it has been called before (`provider.with_provided`).
    selected = frozenset(name for name in selected if project.services[name].provider is None)
    wanted = in_order(project, selected)
    facts, observed = together(
        lambda: ensure_images(client, project, wanted, images, reporter),
        lambda: observe(client, project.name),
    )
    options = replace(options, asked=frozenset(services) or None)
    plan = up_plan(project, observed, facts, selected, options, converter)
    plan.warnings.extend(converter.warnings)
    plan.warnings.extend(models_not_run(project, wanted))
    return Prepared(plan, selected, observed, facts)


def models_not_run(project: Project, services: Iterable[Service]) -> list[str]:
    """One line where services use models: they are understood, and nothing runs them."""
    users = [service.name for service in services if service.models]
    if not users:
        return []
    models = sorted({name for user in users for name in project.services[user].models})
    return [
        f"models are not run: {', '.join(models)} (used by {', '.join(users)}): no model is started, and the variables "
        "with its address and name are not set"
    ]
