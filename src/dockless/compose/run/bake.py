"""The project's builds as a bake file (JSON), as `docker compose build --print` writes it for `docker buildx bake`."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from dockless.compose.model import Build, Project, Service
from dockless.compose.run import names
from dockless.compose.run.image_options import ImageOptions, image_name
from dockless.compose.run.lending import INSECURE, needed_services

_SERVICE = "service:"


def bake_file(project: Project, services: Iterable[Service], options: ImageOptions, *, push: bool) -> dict[str, Any]:
    """Targets for `services` and for those whose images they take; empty settings are left out."""
    wanted: dict[str, Service] = {}
    unseen = list(services)
    while unseen:
        service = unseen.pop(0)
        if service.name not in wanted and service.build is not None:
            wanted[service.name] = service
            unseen += needed_services(project, service.build)
    ordered = [wanted[name] for name in sorted(wanted)]
    return {
        "group": {"default": {"targets": [_target_name(service.name) for service in ordered]}},
        "target": {
            _target_name(service.name): _target(project, service, service.build, options, push=push)
            for service in ordered
            if service.build is not None
        },
    }


def _target_name(service: str) -> str:
    """Bake takes a dot for the way into a target."""
    return service.replace(".", "_")


def _target(
    project: Project, service: Service, build: Build, options: ImageOptions, *, push: bool
) -> dict[str, object]:
    found: dict[str, object] = {
        "context": build.context,
        "contexts": {name: _context(said) for name, said in sorted(build.additional_contexts.items())},
        "dockerfile": "" if build.dockerfile_inline else _dockerfile(build),
        "dockerfile-inline": _literal(build.dockerfile_inline),
        "args": dict(sorted(_arguments(project, build, options).items())),
        "labels": dict(sorted(_labels(project, service, build).items())),
        "tags": [*build.tags, image_name(project, service)],
        "cache-from": list(build.cache_from),
        "cache-to": list(build.cache_to),
        "target": build.target,
        "secret": [_secret(project, each.source, each.target or each.source) for each in build.secrets],
        "ssh": [f"{name}={path}" for name, path in {**build.ssh, **options.build_ssh}.items()],
        "platforms": list(build.platforms or ((service.platform,) if service.platform else ())),
        "pull": build.pull or options.pull_bases,
        "no-cache": build.no_cache or options.no_cache,
        "network": build.network,
        "shm-size": str(int(build.shm_size)) if build.shm_size else "",
        "ulimits": [
            f"{name}={limit.single}" if limit.single else f"{name}={limit.soft}:{limit.hard}"
            for name, limit in sorted(build.ulimits.items())
        ],
        "entitlements": [*build.entitlements, *([INSECURE] if build.privileged else [])],
        "extra-hosts": {host: ",".join(found) for host, found in sorted(build.extra_hosts.items())},
        "output": [_output(build, push=push and bool(service.image))],
    }
    return {key: value for key, value in found.items() if value}


def _dockerfile(build: Build) -> str:
    return os.path.join(build.context, build.dockerfile) if "://" not in build.context else build.dockerfile


def _context(said: str) -> str:
    return f"target:{_target_name(said.removeprefix(_SERVICE))}" if said.startswith(_SERVICE) else said


def _literal(text: str) -> str:
    """Bake would fill in `${…}` itself."""
    return text.replace("${", "$${")


def _arguments(project: Project, build: Build, options: ImageOptions) -> Mapping[str, str]:
    given = {**build.args, **options.build_args}
    values = {name: project.environment.get(name) if value is None else value for name, value in given.items()}
    return {name: _literal(value) for name, value in values.items() if value is not None}


def _labels(project: Project, service: Service, build: Build) -> Mapping[str, str]:
    ours = {names.PROJECT: project.name, names.SERVICE: service.name, names.VERSION: names.COMPOSE_VERSION}
    return {**build.labels, **ours}


def _secret(project: Project, source: str, target: str) -> str:
    secret = project.secrets.get(source) or project.disabled_secrets.get(source)
    if secret is not None and secret.environment:
        return f"id={target},type=env,env={secret.environment}"
    return f"id={target},type=file,src={secret.file if secret is not None else ''}"


def _output(build: Build, *, push: bool) -> str:
    if len(build.platforms) > 1:
        return f"type=image,push={str(push).lower()}"
    return "type=registry" if push else "type=docker"
