"""Build checks around a build: what is known of it for them, and what their findings do.

The rules are the Dockerfile language's (`dockerfile/checks`). An ordinary build tells the findings when it ends, since
it knows its base images then; where they are to fail it (`# check=error=true`), the bases are looked up first.
"""

import contextlib
from collections.abc import Callable, Iterable

from dockless.build.errors import BuildError
from dockless.build.events import BuildEvent, Warned
from dockless.build.options import BuildOptions
from dockless.build.session import Session, platform_variables
from dockless.build.sources import Source
from dockless.dockerfile.checks import BadSettings, Base, Settings, Situation, check, read_settings
from dockless.dockerfile.checks.settings import BUILD_ARGUMENT
from dockless.dockerfile.model import Dockerfile
from dockless.images.store import Image

_DIRECTIVE = "check"


class Checks:
    """The checks of one build. Raises `BuildError` for a directive that means nothing."""

    def __init__(self, dockerfile: Dockerfile, options: BuildOptions, context: Source | None) -> None:
        self._dockerfile = dockerfile
        self._options = options
        self._context = context
        self.settings = _settings(dockerfile, options)

    def warnings(self, *, stages: frozenset[int] | None, base: Callable[[str, str], Base | None]) -> list[Warned]:
        """The findings; `stages` are those whose steps are judged, None for all of them."""
        options = self._options
        situation = Situation(
            given={name: value for name, value in options.args.items() if value is not None},
            predefined={**platform_variables(options), "TARGETSTAGE": options.target or "default"},
            stages=stages,
            base=base,
            ignore=self._context.ignore if self._context else None,
        )
        name = self._dockerfile.name
        return [
            Warned(
                finding.message,
                f"{name}:{finding.position.line}",
                rule=finding.rule,
                first=finding.position.line,
                last=finding.position.last,
            )
            for finding in check(self._dockerfile, situation, self.settings)
        ]

    def tell(self, session: Session) -> None:
        for warned in self._of_build(session):
            session.emit(warned)

    def insist(self, session: Session) -> None:
        """Before the build: raises `BuildError` where there is a finding."""
        for planned in session.plan.stages:
            if not planned.base or planned.base == "scratch":
                continue
            with contextlib.suppress(Exception):  # raised again, with its line, by the stage that stands on the image
                session.image(planned.base, planned.platform, lambda _: None)
        self.complain(self._of_build(session), session.emit)

    def complain(self, warnings: Iterable[Warned], progress: Callable[[BuildEvent], None]) -> None:
        """Tells them; raises `BuildError` where they are to fail the build."""
        rules: dict[str, None] = {}
        for warned in warnings:
            progress(warned)
            rules[warned.rule] = None
        if rules and self.settings.error:
            raise BuildError(f"lint violation found for rules: {', '.join(rules)}")

    def _of_build(self, session: Session) -> list[Warned]:
        def base(reference: str, platform: str) -> Base | None:
            found = session.found(reference, platform or self._options.platform)
            return image_base(found) if found else None

        return self.warnings(stages=frozenset(planned.stage.index for planned in session.plan.stages), base=base)


def image_base(image: Image) -> Base:
    config = image.config
    return Base(
        variables=dict(entry.partition("=")[::2] for entry in config.config.env),
        shell=bool(config.config.shell),
        platform="/".join(part for part in (config.os, config.architecture, config.variant) if part),
        triggers=config.config.on_build,
    )


def _settings(dockerfile: Dockerfile, options: BuildOptions) -> Settings:
    """A build argument wins over the directive, of which only the first word counts, as in BuildKit."""
    text = options.args.get(BUILD_ARGUMENT) or dockerfile.directives.get(_DIRECTIVE, "").partition(" ")[0]
    try:
        return read_settings(text)
    except BadSettings as error:
        raise BuildError(str(error), name=dockerfile.name) from error
