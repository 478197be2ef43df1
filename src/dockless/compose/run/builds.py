"""Builds the images of services: what `build` asks for as a request, with what it is lent and its caches."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from msgspec.structs import replace

from dockless.client.api import Client
from dockless.compose.model import Build, Project, Service
from dockless.compose.run import names
from dockless.compose.run.execute import Reporter
from dockless.compose.run.image_options import ImageError, ImageOptions, image_name
from dockless.compose.run.observe import together
from dockless.compose.run.progress import BuildProgress
from dockless.wire.errors import ApiError
from dockless.wire.queries import BuildQuery


def build_services(
    client: Client, project: Project, services: Iterable[Service], options: ImageOptions, reporter: Reporter
) -> None:
    """Builds side by side, but before a service those whose images are its named contexts. Raises `ImageError`."""
    from dockless.compose.run.lending import needed_services

    waiting = {service.name: service for service in services}
    unseen = list(waiting.values())
    while unseen:
        service = unseen.pop()
        for needed in needed_services(project, service.build) if service.build else ():
            if needed.name not in waiting:
                waiting[needed.name] = needed
                unseen.append(needed)
    while waiting:
        ready = [each for each in waiting.values() if not _waits(project, each, waiting)]
        if not ready:
            raise ImageError(f"the builds of {', '.join(sorted(waiting))} need one another as additional contexts")
        together(*[lambda each=each: build_service(client, project, each, options, reporter) for each in ready])
        for each in ready:
            del waiting[each.name]


def _waits(project: Project, service: Service, waiting: Mapping[str, Service]) -> bool:
    from dockless.compose.run.lending import needed_services

    needed = needed_services(project, service.build) if service.build else ()
    return any(each.name in waiting for each in needed)


def build_service(client: Client, project: Project, service: Service, options: ImageOptions, reporter: Reporter) -> str:
    """Builds a service's image and returns its id. Raises `ImageError` with the failed step's output."""
    # The Dockerfile language is a large import, and most commands build nothing.
    from dockless.client.build_caches import CacheError
    from dockless.compose.run.context import ContextError
    from dockless.compose.run.lending import LendingError

    build = service.build
    assert build is not None
    reference = image_name(project, service)
    subject = f"Image {reference}"
    prefix = f"{service.name} | " if options.prefix_output else ""
    progress = BuildProgress(subject, reporter, quiet=options.quiet_build, prefix=prefix)
    reporter.report(subject, "Building", done=False)
    try:
        _build(client, project, service, build, options, reporter, progress)
    except (CacheError, ContextError, LendingError, ApiError) as error:
        reason = error.message if isinstance(error, ApiError) else str(error)
        progress.failed(reason)
        reporter.report(subject, "Error", done=True, failed=True)
        raise ImageError(f"failed to build {reference} (service {service.name}): {reason.rstrip()}") from error
    reporter.report(subject, "Built", done=True)
    return progress.image_id


def _build(
    client: Client,
    project: Project,
    service: Service,
    build: Build,
    options: ImageOptions,
    reporter: Reporter,
    progress: BuildProgress,
) -> None:
    """Raises `CacheError`, `ContextError`, `LendingError`, `ApiError`."""
    from dockless.client.building import Lent, is_remote
    from dockless.compose.run.context import ContextError, open_context
    from dockless.compose.run.lending import caches, lent, refusals

    def say(line: str) -> None:
        reporter.line(f"service {service.name}: build: {line}")

    if is_remote(build.context):
        if build.dockerfile_inline:
            raise ContextError(f"dockerfile_inline with the context {build.context}: it needs a folder")
        context, name = None, build.dockerfile
    else:
        context = open_context(Path(build.context), build.dockerfile, build.dockerfile_inline or None)
        name = context.dockerfile
    query = _build_query(project, service, build, name, options, ours=client.is_ours)
    for key in refusals(build, options.build_ssh, ours=client.is_ours, platforms=options.all_platforms):
        say(f"`{key}` is not supported by the engine's builder and has no effect")
    with ExitStack() as stack:
        known = stack.enter_context(caches(build, ours=client.is_ours).ready(client, say))
        query = replace(
            query,
            build_args={**query.build_args, **known.arguments},
            cache_from=known.sources,
            cache_to=known.targets,
        )
        given = Lent()
        if client.is_ours:
            given = stack.enter_context(lent(project, build, context, options.build_ssh))
        for message in client.images.build(b"" if context is None else context.stream(), query, given):
            progress.feed(message)
        known.deliver(client, say)


def build_platform(project: Project, service: Service, build: Build, *, every: bool) -> str:
    """What to build for: empty leaves it to the engine, which builds for its own. Raises `ImageError`.

    `every`: what is built is to be given away, so that all of `build.platforms` are meant, with commas between.
    """
    platform, allowed = service.platform, build.platforms
    if not platform and (default := project.environment.get("DOCKER_DEFAULT_PLATFORM", "")):
        if allowed and default not in allowed:
            said = "build.platforms does not support value set by DOCKER_DEFAULT_PLATFORM"
            raise ImageError(f'service "{service.name}" {said}: {default}')
        platform = default
    if every and allowed:
        return ",".join(allowed)
    return platform or (allowed[0] if len(allowed) == 1 else "")


def _build_query(
    project: Project, service: Service, build: Build, dockerfile: str, options: ImageOptions, *, ours: bool
) -> BuildQuery:
    from dockless.client.building import is_remote
    from dockless.compose.run.lending import entitlements, ulimits

    arguments = {**build.args, **options.build_args}
    environment = project.environment
    return BuildQuery(
        tags=(image_name(project, service), *build.tags),
        dockerfile=dockerfile,
        remote=build.context if is_remote(build.context) else "",
        build_args={name: environment.get(name) if value is None else value for name, value in arguments.items()},
        labels={
            **build.labels,
            names.PROJECT: project.name,
            names.SERVICE: service.name,
            names.VERSION: names.COMPOSE_VERSION,
        },
        target=build.target,
        platform=build_platform(project, service, build, every=options.all_platforms and ours),
        network_mode=build.network,
        extra_hosts=tuple(f"{host}:{address}" for host, found in build.extra_hosts.items() for address in found),
        allow=entitlements(build, ours=ours),
        no_cache=options.no_cache or build.no_cache,
        pull=options.pull_bases or build.pull,
        shm_size=int(build.shm_size),
        memory=options.build_memory,
        ulimits=ulimits(build),
        stand_ins=options.stand_ins,
    )
