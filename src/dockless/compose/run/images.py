"""Sees to it that every service's image is there: inspects, pulls and builds side by side, as the pull policies say."""

import time
from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from dockless.client.api import Client
from dockless.compose.model import Build, Project, Service
from dockless.compose.run import names
from dockless.compose.run.execute import Reporter
from dockless.compose.run.observe import together
from dockless.compose.run.progress import BuildProgress, PullProgress
from dockless.compose.run.readiness import ImageFacts
from dockless.wire.errors import ApiError, NotFound
from dockless.wire.images import ImageInspect
from dockless.wire.queries import BuildQuery
from dockless.wire.times import parse_duration, parse_rfc3339


class ImageError(Exception):
    """An image that cannot be had; the message says which, for which service, why, and what to do."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class ImageOptions(Struct, frozen=True):
    """Where images come from. `pull`: `always`, `missing`, `never`, or empty for each service's own policy.

    `all_platforms`: images are built to be given away, not to be run here: each platform of `build.platforms` is meant.
    """

    build: bool = False
    no_build: bool = False
    pull: str = ""
    quiet_pull: bool = False
    quiet_build: bool = False
    prefix_output: bool = False
    stand_ins: bool = True
    dry_run: bool = False
    no_cache: bool = False
    pull_bases: bool = False
    build_args: Mapping[str, str | None] = field(default_factory=dict)
    build_memory: int = 0
    build_ssh: Mapping[str, str] = field(default_factory=dict)
    all_platforms: bool = False


def image_name(project: Project, service: Service) -> str:
    return service.image or names.default_image(project.name, service.name)


def split_reference(reference: str) -> tuple[str, str]:
    """A name and the tag or digest to pull: without one, an engine would pull every tag."""
    name, at, digest = reference.partition("@")
    if at:
        return name, digest
    head, colon, tag = reference.rpartition(":")
    if colon and "/" not in tag:
        return head, tag
    return reference, "latest"


def inspect_images(client: Client, references: Iterable[str]) -> dict[str, ImageInspect | None]:
    """Each image as the engine has it, or None; asked side by side."""
    wanted = list(dict.fromkeys(references))

    def one(reference: str) -> ImageInspect | None:
        try:
            return client.images.inspect(reference)
        except NotFound:
            return None

    return dict(zip(wanted, together(*[lambda reference=name: one(reference) for name in wanted]), strict=True))


def facts_of(image: ImageInspect) -> ImageFacts:
    config = image.config
    test = config.healthcheck.test if config.healthcheck else None
    return ImageFacts(
        id=image.id,
        ports=any(not port.endswith(("/udp", "/sctp")) for port in config.exposed_ports or ()),
        healthcheck=bool(test) and test != ("NONE",),
        volumes=frozenset(config.volumes or ()),
    )


class ImageWork(Struct, frozen=True):
    """The services whose images are to be built, to be pulled, or cannot be had."""

    build: tuple[Service, ...]
    pull: tuple[Service, ...]
    missing: tuple[Service, ...]


def image_work(
    project: Project, services: Iterable[Service], found: Mapping[str, ImageInspect | None], options: ImageOptions
) -> ImageWork:
    """Decides for each service by its policy (`pull_policy`, `--pull`, `--build`) and by what the engine has."""
    build: dict[str, Service] = {}
    pull: dict[str, Service] = {}
    missing: list[Service] = []
    for service in services:
        if service.provider is not None:
            continue
        reference = image_name(project, service)
        have = found.get(reference)
        policy = options.pull or service.pull_policy or "missing"
        wants_build = service.build is not None and (options.build or (policy == "build" and not options.no_build))
        if wants_build:
            build.setdefault(reference, service)
        elif service.build is not None and (have is None or policy == "always"):
            if policy == "always" and service.image:
                pull.setdefault(reference, service)
            elif have is None and options.no_build:
                missing.append(service)
            elif have is None:
                build.setdefault(reference, service)
        elif have is None and policy == "never":
            missing.append(service)
        elif service.build is None and (have is None or _stale(policy, have)):
            pull.setdefault(reference, service)
    return ImageWork(tuple(build.values()), tuple(pull.values()), tuple(missing))


_PERIODS = {"daily": 86_400_000_000_000, "weekly": 7 * 86_400_000_000_000}


def _stale(policy: str, image: ImageInspect) -> bool:
    """Whether the policy asks for a newer image though there is one."""
    if policy == "always":
        return True
    period = _PERIODS.get(policy)
    if period is None and policy.startswith("every_"):
        period = _long_duration(policy.removeprefix("every_"))
    if period is None:
        return False
    tagged = parse_rfc3339(image.metadata.last_tag_time)
    return time.time_ns() - tagged > period


def _long_duration(text: str) -> int:
    """A duration that may have weeks and days (`1w2d3h`), in nanoseconds."""
    total = 0
    for unit, hours in (("w", 168), ("d", 24)):
        head, found, rest = text.partition(unit)
        if found and head.isdigit():
            total += int(head) * hours * 3_600_000_000_000
            text = rest
    return total + (parse_duration(text) if text else 0)


def ensure_images(
    client: Client, project: Project, services: Iterable[Service], options: ImageOptions, reporter: Reporter
) -> dict[str, ImageFacts]:
    """Facts of each service's image, by service, after all that was missing has been pulled or built.

    Raises `ImageError`.
    """
    wanted = [service for service in services if service.provider is None]
    found = inspect_images(client, (image_name(project, service) for service in wanted))
    work = image_work(project, wanted, found, options)
    for service in work.missing:
        hint = "build it with `dockless build`" if service.build else "its pull policy is `never`"
        raise ImageError(f"No such image: {image_name(project, service)} (service {service.name}): {hint}")
    if options.dry_run:
        return _expected_facts(project, wanted, found, work, reporter)
    if work.pull or work.build:
        if len(work.build) > 1:
            options = replace(options, prefix_output=True)
        together(
            *[lambda each=each: pull_service(client, project, each, options, reporter) for each in work.pull],
            lambda: build_services(client, project, work.build, options, reporter),
        )
        changed = [image_name(project, service) for service in (*work.pull, *work.build)]
        found |= inspect_images(client, changed)
    facts = {}
    for service in wanted:
        image = found[image_name(project, service)]
        if image is None:
            raise ImageError(f"No such image: {image_name(project, service)} (service {service.name})")
        facts[service.name] = facts_of(image)
    return facts


def _expected_facts(
    project: Project,
    services: Iterable[Service],
    found: Mapping[str, ImageInspect | None],
    work: ImageWork,
    reporter: Reporter,
) -> dict[str, ImageFacts]:
    """`--dry-run`: says what would be pulled and built; the id of an image that is not there yet is not known."""
    for service in work.pull:
        reporter.report(f"Image {image_name(project, service)}", "pull", done=True)
    for service in work.build:
        reporter.report(f"Image {image_name(project, service)}", "build", done=True)
    facts = {}
    for service in services:
        image = found[image_name(project, service)]
        facts[service.name] = facts_of(image) if image else ImageFacts(id="")
    return facts


def pull_service(client: Client, project: Project, service: Service, options: ImageOptions, reporter: Reporter) -> None:
    """Pulls a service's image. Raises `ImageError`; a service that can be built is built instead."""
    reference = image_name(project, service)
    subject = service.name
    progress = PullProgress(subject, reporter, quiet=options.quiet_pull)
    reporter.report(subject, "Pulling", done=False)
    try:
        name, tag = split_reference(reference)
        pull = client.images.pull(name, tag=tag, platform=service.platform, stand_ins=options.stand_ins)
        for message in pull:
            progress.feed(message)
    except ApiError as error:
        reporter.report(subject, "Error", done=True, failed=True)
        if service.build is not None and not options.no_build:
            build_service(client, project, service, options, reporter)
            return
        raise ImageError(f"{error.message.rstrip()}\n  image {reference}, wanted by service {service.name}") from error
    reporter.report(subject, "Pulled", done=True)


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
    from contextlib import nullcontext
    from pathlib import Path

    from dockless.client.building import is_remote
    from dockless.compose.run.context import ContextError, open_context
    from dockless.compose.run.lending import LendingError, lent, refusals

    build = service.build
    assert build is not None
    reference = image_name(project, service)
    subject = f"Image {reference}"
    prefix = f"{service.name} | " if options.prefix_output else ""
    progress = BuildProgress(subject, reporter, quiet=options.quiet_build, prefix=prefix)
    reporter.report(subject, "Building", done=False)
    try:
        if is_remote(build.context):
            if build.dockerfile_inline:
                raise ContextError(f"dockerfile_inline with the context {build.context}: it needs a folder")
            context, name = None, build.dockerfile
        else:
            context = open_context(Path(build.context), build.dockerfile, build.dockerfile_inline or None)
            name = context.dockerfile
        query = _build_query(project, service, build, reference, name, options)
        for key in refusals(build, options.build_ssh, ours=client.is_ours, platforms=options.all_platforms):
            warning = f"`{key}` is not supported by the engine's builder and has no effect"
            reporter.line(f"service {service.name}: build: {warning}")
        with lent(project, build, context, options.build_ssh) if client.is_ours else nullcontext() as given:
            for message in client.images.build(b"" if context is None else context.stream(), query, given):
                progress.feed(message)
    except (ContextError, LendingError, ApiError) as error:
        reason = error.message if isinstance(error, ApiError) else str(error)
        progress.failed(reason)
        reporter.report(subject, "Error", done=True, failed=True)
        raise ImageError(f"failed to build {reference} (service {service.name}): {reason.rstrip()}") from error
    reporter.report(subject, "Built", done=True)
    return progress.image_id


def build_platform(project: Project, service: Service, build: Build) -> str:
    """What to build for: empty leaves it to the engine, which builds for its own. Raises `ImageError`."""
    platform, allowed = service.platform, build.platforms
    if not platform and (default := project.environment.get("DOCKER_DEFAULT_PLATFORM", "")):
        if allowed and default not in allowed:
            said = "build.platforms does not support value set by DOCKER_DEFAULT_PLATFORM"
            raise ImageError(f'service "{service.name}" {said}: {default}')
        platform = default
    return platform or (allowed[0] if len(allowed) == 1 else "")


def _build_query(
    project: Project, service: Service, build: Build, reference: str, dockerfile: str, options: ImageOptions
) -> BuildQuery:
    from dockless.client.building import is_remote
    from dockless.compose.run.lending import cache_sources, ulimits

    arguments = {**build.args, **options.build_args}
    environment = project.environment
    return BuildQuery(
        tags=(reference, *build.tags),
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
        platform=build_platform(project, service, build),
        network_mode=build.network,
        extra_hosts=tuple(f"{host}:{address}" for host, found in build.extra_hosts.items() for address in found),
        no_cache=options.no_cache or build.no_cache,
        pull=options.pull_bases or build.pull,
        cache_from=cache_sources(build),
        shm_size=int(build.shm_size),
        memory=options.build_memory,
        ulimits=ulimits(build),
        stand_ins=options.stand_ins,
    )
