"""Build checks: what a Dockerfile says that works and should be said otherwise (reference: "Build checks").

Pure: a parsed Dockerfile and what is known of the build → findings. `rules` names the rules, `settings` reads which of
them count, `spelling` judges the text, `bases` the FROMs, `steps` what each step does in its stage.
"""

from collections.abc import Iterator

from dockless.dockerfile.checks.bases import check_bases
from dockless.dockerfile.checks.rules import RULES, Finding, Rule
from dockless.dockerfile.checks.settings import BadSettings, Settings, read_settings
from dockless.dockerfile.checks.situation import Base, Situation
from dockless.dockerfile.checks.spelling import check_spelling
from dockless.dockerfile.checks.steps import check_steps
from dockless.dockerfile.model import Dockerfile

__all__ = ["RULES", "BadSettings", "Base", "Finding", "Rule", "Settings", "Situation", "check", "read_settings"]


def check(dockerfile: Dockerfile, situation: Situation, settings: Settings) -> list[Finding]:
    """The findings of the rules that `settings` want, in the order of their lines."""
    found = [finding for finding in _all(dockerfile, situation) if settings.wants(finding.rule)]
    return sorted(dict.fromkeys(found), key=lambda finding: finding.position.line)


def _all(dockerfile: Dockerfile, situation: Situation) -> Iterator[Finding]:
    yield from check_spelling(dockerfile)
    yield from check_bases(dockerfile, situation)
    yield from check_steps(dockerfile, situation)
