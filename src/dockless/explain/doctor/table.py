"""What a rule is, and the tables that the modules of `rules/` fill."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import msgspec

from dockless.explain.doctor.findings import Hit, Severity

Subject = Literal["dockerfile", "compose"]
Mends = Literal["safe", "unsafe", ""]
Check = Callable[[Any], Iterable[Hit]]
Example = Mapping[str, str]
"""A small project: from a file's name to its text."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `about` is the page's prose, `wrong` and `right` are its examples (and its first tests).

    `also` are the names that hadolint and BuildKit have for the same, which their own ignore comments use. `subject`
    says what `check` is given: a `Recipe`, or a `Composed` with its recipes. `mends` says whether what is wrong in the
    example can be mended.
    """

    id: str
    severity: Severity
    title: str
    about: str
    costs: str
    wrong: Example
    right: Example
    check: Check
    subject: Subject
    mends: Mends = ""
    also: tuple[str, ...] = ()


class Table:
    """The rules of one module. `name` is the file that a bare example stands for."""

    def __init__(self, subject: Subject) -> None:
        self.rules: list[Rule] = []
        self._subject = subject

    def rule(
        self,
        id: str,
        severity: Severity,
        title: str,
        *,
        costs: str,
        wrong: str | Example,
        right: str | Example,
        mends: Mends = "",
        also: tuple[str, ...] = (),
    ) -> Callable[[Check], Check]:
        """Adds the decorated function as a row; its docstring is the rule's prose."""

        def add(check: Check) -> Check:
            about = " ".join((check.__doc__ or "").split())
            self.rules.append(
                Rule(
                    id=id,
                    severity=severity,
                    title=title,
                    about=about,
                    costs=costs,
                    wrong=self._example(wrong),
                    right=self._example(right),
                    check=check,
                    subject=self._subject,
                    mends=mends,
                    also=also,
                )
            )
            return check

        return add

    def _example(self, given: str | Example) -> Example:
        name = "Dockerfile" if self._subject == "dockerfile" else "compose.yaml"
        files = {name: given} if isinstance(given, str) else given
        return {name: text.strip("\n") + "\n" if text else "" for name, text in files.items()}
