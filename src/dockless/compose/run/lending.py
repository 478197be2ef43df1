"""What a service's build is lent beside its context: secrets, ssh agents, named contexts, and the folder itself.

Our own engine takes them; what another one cannot be given is named by `refusals`.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dockless.client.build_caches import Caches, Called, kind_of
from dockless.client.building import Lent, is_remote
from dockless.compose.model import Build, FileObject, Project, Service
from dockless.compose.run import names
from dockless.compose.run.agents import AgentError, agents
from dockless.compose.run.context import BuildContext
from dockless.wire.building import IMAGE_SCHEME
from dockless.wire.queries import Ulimit

INSECURE = "security.insecure"
_SERVICE = "service:"


class LendingError(Exception):
    """Something that the build needs is not there; the message says which key wants it."""


@contextmanager
def lent(project: Project, build: Build, context: BuildContext | None, ssh: Mapping[str, str]) -> Iterator[Lent]:
    """`context` None: the engine fetches it. `ssh`: further agents, as `--ssh` names them. Agents for keys end with the
    block. Raises `LendingError`."""
    beside = context.beside.encode() if context is not None and context.beside is not None else None
    try:
        with agents({**build.ssh, **ssh}, {**os.environ, **project.environment}) as found:
            yield Lent(
                folder=context.root if context is not None else None,
                dockerfile=context.outside if context is not None else None,
                ignore=beside,
                secrets={each.target or each.source: _content(project, each.source) for each in build.secrets},
                ssh=found,
                contexts={name: _context(project, name, said) for name, said in build.additional_contexts.items()},
            )
    except AgentError as error:
        raise LendingError(f"build ssh {error.name}: {error}") from error


def needed_services(project: Project, build: Build) -> list[Service]:
    """The services whose images a build takes as named contexts: they are built before it, named or not."""
    said = build.additional_contexts.values()
    return [_service(project, each.removeprefix(_SERVICE)) for each in said if each.startswith(_SERVICE)]


def refusals(build: Build, ssh: Mapping[str, str], *, ours: bool, platforms: bool) -> list[str]:
    """The keys that have no effect on this engine; `platforms`: whether all of them were asked for."""
    found: dict[str, object] = {
        "isolation": build.isolation,
        "provenance": build.provenance not in ("", "false"),
        "sbom": build.sbom not in ("", "false"),
    }
    if not ours:
        found["platforms` of other machines than the engine's in `platforms"] = platforms and build.platforms[1:]
        found |= {"additional_contexts": build.additional_contexts, "secrets": build.secrets, "ssh": build.ssh or ssh}
    usable = caches(build, ours=ours)
    unusable = [
        f"cache_from` of the type `{kind_of(text)}" for text in build.cache_from if text not in usable.texts_from
    ]
    unusable += [f"cache_to` of the type `{kind_of(text)}" for text in build.cache_to if text not in usable.texts_to]
    return [*dict.fromkeys(unusable), *(key for key, value in found.items() if value)]


def entitlements(build: Build, *, ours: bool) -> tuple[str, ...]:
    """What the steps are granted; `privileged` is another word for one of them. Raises `LendingError`."""
    asked = {"privileged": build.privileged, "entitlements": build.entitlements}
    if not ours and (keys := [f"build.{key}" for key, value in asked.items() if value]):
        raise LendingError(f"{', '.join(keys)}: only dockless's own engine can grant that (unset DOCKER_HOST)")
    return tuple(dict.fromkeys([*build.entitlements, *([INSECURE] if build.privileged else [])]))


def caches(build: Build, *, ours: bool) -> Caches:
    """The caches that can be used; another engine than ours takes known steps from images alone."""
    sources = ("registry", "local", "") if ours else ("registry", "")
    targets = ("registry", "local", "inline", "") if ours else ()
    return Caches(
        [text for text in build.cache_from if kind_of(text) in sources],
        [text for text in build.cache_to if kind_of(text) in targets],
        Called("build.cache_from", "build.cache_to"),
    )


def ulimits(build: Build) -> tuple[Ulimit, ...]:
    return tuple(
        Ulimit(name=name, soft=limit.single or limit.soft, hard=limit.single or limit.hard)
        for name, limit in build.ulimits.items()
    )


def _content(project: Project, source: str) -> bytes:
    secret = project.secrets.get(source) or project.disabled_secrets.get(source, FileObject())
    if secret.environment:
        value = secret.value if secret.value is not None else project.environment.get(secret.environment)
        if value is None:
            raise LendingError(f'build secret "{source}": the environment variable {secret.environment} is not set')
        return value.encode("utf-8", "surrogateescape")
    if secret.external or not secret.file:
        raise LendingError(f'build secret "{source}": only secrets from a file or the environment can be given')
    try:
        return Path(secret.file).read_bytes()
    except OSError as error:
        raise LendingError(f'build secret "{source}": {secret.file}: {error.strerror}') from error


def _service(project: Project, name: str) -> Service:
    return project.services.get(name) or project.disabled_services[name]


def _context(project: Project, name: str, said: str) -> str:
    if said.startswith(_SERVICE):
        service = _service(project, said.removeprefix(_SERVICE))
        return IMAGE_SCHEME + (service.image or names.default_image(project, service.name))
    if "://" in said and not said.startswith(IMAGE_SCHEME) and not is_remote(said):
        raise LendingError(
            f"additional context {name}: {said}: what can be used is a folder, {IMAGE_SCHEME}REFERENCE, "
            f"{_SERVICE}NAME, and the address of a git repository or an archive"
        )
    return said
