"""Cases: one text file holds a whole project and what Docker Compose 2.40.3 made of it.

    args: -f a.yaml --profile x        (lines before the first section; `env:` sets a variable)
    -- compose.yaml --
    ...
    -- expected.json --                (or `-- refused --`)
    ...

The project's folder stands as `/PROJECT` in what is expected, and the folder above it as `/PARENT`.
"""

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path

CASES = Path(__file__).parent / "cases"
RECORDED = ("expected.json", "expected.yaml", "expected.hash", "refused")


@dataclass(frozen=True)
class Case:
    name: str
    args: tuple[str, ...]
    environ: dict[str, str]
    files: dict[str, str]
    recorded: dict[str, str] = field(default_factory=dict)

    def lay_out(self, folder: Path) -> None:
        """Writes the project's files."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def written(self) -> str:
        """The case's text."""
        head = [f"args: {shlex.join(self.args)}"] if self.args else []
        head += [f"env: {key}={value}" for key, value in self.environ.items()]
        sections = [f"-- {name} --\n{text}" for name, text in {**self.files, **self.recorded}.items()]
        return "".join(f"{line}\n" for line in head) + "".join(
            section if section.endswith("\n") else section + "\n" for section in sections
        )

    def with_recorded(self, recorded: dict[str, str]) -> "Case":
        return replace(self, recorded=recorded)


def read(path: Path) -> Case:
    """A case from its file."""
    args: tuple[str, ...] = ()
    environ: dict[str, str] = {}
    sections: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in path.read_text().splitlines(keepends=True):
        if line.startswith("-- ") and line.rstrip().endswith(" --"):
            current = sections.setdefault(line.strip()[3:-3], [])
        elif current is not None:
            current.append(line)
        elif line.startswith("args: "):
            args = tuple(shlex.split(line.removeprefix("args: ")))
        elif line.startswith("env: "):
            key, _, value = line.removeprefix("env: ").rstrip("\n").partition("=")
            environ[key] = value
    texts = {name: "".join(lines) for name, lines in sections.items()}
    recorded = {name: text for name, text in texts.items() if name in RECORDED}
    files = {name: text for name, text in texts.items() if name not in RECORDED}
    return Case(path.stem, args, environ, files, recorded)


def every() -> list[Case]:
    """All cases, by name."""
    return [read(path) for path in sorted(CASES.glob("*.case"))]
