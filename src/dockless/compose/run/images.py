"""Sees to it that every service's image is there: inspects, pulls and builds side by side, as the pull policies say."""

import time
from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from dockless.client.api import Client
from dockless.compose.model import Project, Service
from dockless.compose.run.builds import build_service, build_services
from dockless.compose.run.execute import Reporter
from dockless.compose.run.image_options import ImageError, ImageOptions, image_name
from dockless.compose.run.observe import together
from dockless.compose.run.progress import PullProgress
from dockless.compose.run.readiness import ImageFacts
from dockless.wire.errors import ApiError, NotFound
from dockless.wire.images import ImageInspect
from dockless.wire.times import parse_duration, parse_rfc3339


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
