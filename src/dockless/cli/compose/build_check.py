"""`build --check`: BuildKit's build checks on the Dockerfiles of the services that would be built; nothing is built.

No engine is asked, so what depends on a base image's own settings is not judged.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from dockless.cli.docker.build_checks import Finding, report
from dockless.cli.failure import Exit, Failure
from dockless.cli.output import echo, note
from dockless.cli.session import Session, warn
from dockless.compose.run.context import BuildContext, ContextError, open_context
from dockless.dockerfile import DockerfileError, parse
from dockless.dockerfile.checks import BadSettings, Situation, check, read_settings

if TYPE_CHECKING:
    from dockless.compose.model import Build, Project

_PLATFORM_ARGUMENTS = ("PLATFORM", "OS", "ARCH", "VARIANT", "OSVERSION")


def check_builds(session: Session, services: tuple[str, ...]) -> None:
    """Prints what is found, for each Dockerfile. Raises `Exit` (1) if anything is, as BuildKit's client does."""
    project = session.load(services)
    if unknown := [name for name in services if name not in project.services]:
        raise Failure(f"no such service: {unknown[0]}")
    wanted = {name: build for name in services or project.services if (build := project.services[name].build)}
    if not wanted:
        warn("No services to build")
        return
    failed = False
    for name, build in wanted.items():
        try:
            found, text = _findings(project, build)
        except (ContextError, DockerfileError, BadSettings) as error:
            note(f"service {name}: {error}")
            failed = True
            continue
        echo(f"service {name}: {report(found, text)}".rstrip("\n"))
        failed = failed or bool(found)
    if failed:
        raise Exit(1)


def _findings(project: "Project", build: "Build") -> tuple[list[Finding], str]:
    """What is wrong, and the Dockerfile's text. Raises `ContextError`, `DockerfileError`, `BadSettings`."""
    context = open_context(Path(build.context), build.dockerfile, build.dockerfile_inline or None)
    name, text = _text(context)
    dockerfile = parse(text, name=name)
    predefined = dict.fromkeys(f"{side}{what}" for side in ("BUILD", "TARGET") for what in _PLATFORM_ARGUMENTS)
    situation = Situation(
        given={key: project.environment.get(key, "") if value is None else value for key, value in build.args.items()},
        predefined={**dict.fromkeys(predefined, ""), "TARGETSTAGE": build.target or "default"},
        ignore=context.ignore,
    )
    settings = read_settings(dockerfile.directives.get("check", "").partition(" ")[0])
    findings = [
        {
            "rule": finding.rule,
            "warned": finding.message,
            "where": f"{name}:{finding.position.line}",
            "lines": (finding.position.line, finding.position.last),
        }
        for finding in check(dockerfile, situation, settings)
    ]
    return findings, text


def _text(context: BuildContext) -> tuple[str, str]:
    """What the Dockerfile is called, and its text. Raises `ContextError`."""
    try:
        name, content = context.outside or (context.dockerfile, (context.root / context.dockerfile).read_bytes())
    except OSError as error:
        raise ContextError(f"failed to read dockerfile: {error}") from error
    return name, content.decode("utf-8", "replace")
