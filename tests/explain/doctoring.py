"""Writes small projects into a folder and has them examined, as `dockless doctor` does."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from dockless.compose.load.options import LoadOptions
from dockless.explain.doctor.examine import examine, reader_of
from dockless.explain.doctor.findings import Finding, Report
from dockless.explain.doctor.mending import Mended, mend

TODAY = date(2026, 11, 25)
COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yml")


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def targets(folder: Path) -> list[LoadOptions | str]:
    """The compose project of a folder, or its Dockerfile."""
    if any((folder / name).exists() for name in COMPOSE):
        return [LoadOptions(cwd=folder, environ={"HOME": "/root"})]
    return [str(folder / "Dockerfile")]


def examined(folder: Path, files: Mapping[str, str] | None = None, *, today: date = TODAY) -> Report:
    write(folder, files or {})
    return examine(reader_of(targets(folder), str(folder), today)({}))


def found(folder: Path, files: Mapping[str, str], rule: str) -> list[Finding]:
    return [finding for finding in examined(folder, files).findings if finding.rule == rule]


def mended(folder: Path, files: Mapping[str, str], *, unsafe: bool = False) -> Mended:
    """Also writes what came out."""
    write(folder, files)
    result = mend(reader_of(targets(folder), str(folder), TODAY), unsafe=unsafe)
    for path, text in result.texts.items():
        Path(path).write_text(text)
    return result
