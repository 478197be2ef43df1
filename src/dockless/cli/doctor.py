"""`doctor`: what is wrong with a Dockerfile, a compose file or the two together; `--fix` mends it."""

import os
import stat
import sys
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dockless.cli.failure import Exit, Failure
from dockless.cli.output import echo, note
from dockless.cli.session import Session, pass_session

if TYPE_CHECKING:
    from dockless.compose.load.options import LoadOptions
    from dockless.explain.doctor.findings import Report
    from dockless.explain.doctor.mending import Mended

_COLOURS: dict[str, dict[str, Any]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "info": {"fg": "cyan"},
    "faint": {"dim": True},
    "added": {"fg": "green"},
    "removed": {"fg": "red"},
}


@click.command(
    "doctor",
    short_help="Say what is wrong with a Dockerfile or a compose file, and mend it",
    epilog="Examples: `dockless doctor` looks at the project in this folder with its Dockerfiles; `dockless doctor "
    "--fix` makes the changes after which everything runs as before; `dockless doctor --format sarif Dockerfile` is "
    "for programs; `dockless doctor --explain CF010` says more about a rule. A comment `# dockless ignore=CF010` keeps "
    "it quiet about the entry that follows.",
)
@click.option("--fix", is_flag=True, help="Make the changes that are safe, and show them")
@click.option("--unsafe", is_flag=True, help="With --fix: also those after which you should look whether all works")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    help="Format the output",
)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "info", "never"]),
    default="warning",
    show_default=True,
    help="Exit with 1 for findings of this severity or a worse one",
)
@click.option("--rule", "only", multiple=True, metavar="RULE", help="Look for this rule only (may be repeated)")
@click.option("--ignore", "without", multiple=True, metavar="RULE", help="Leave a rule out (may be repeated)")
@click.option("--as-of", metavar="DATE", default="", help="Judge ends of life by another day than today (YYYY-MM-DD)")
@click.option("--list", "list_", is_flag=True, help="List all rules")
@click.option("--explain", default="", metavar="RULE", help="Say what a rule is about")
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@pass_session
def doctor(session: Session, /, paths: tuple[str, ...], **flags: Any) -> None:
    """Say what is wrong with a Dockerfile, a compose file, or the two together, and mend it.

    PATH is a folder, a compose file or a Dockerfile; without one the project in this folder is looked at, or the
    Dockerfile here.
    """
    if flags["list_"] or flags["explain"]:
        _say_rules(flags["explain"], flags["format_"])
        return
    if flags["unsafe"] and not flags["fix"]:
        raise Failure("--unsafe says which changes --fix makes: give both", 2)
    report = _mend(session, paths, flags) if flags["fix"] else _examine(session, paths, flags)
    _print(session, report, flags["format_"])
    _end(report, flags["fail_on"])


def _say_rules(name: str, format_: str) -> None:
    from dockless.cli.output import table, to_json
    from dockless.explain.doctor.examine import known, rules
    from dockless.explain.doctor.pages import page

    if name:
        rule = known(name)
        if rule is None:
            raise Failure(f"there is no rule {name}: `dockless doctor --list` names them all")
        echo(page(rule).rstrip("\n"))
    elif format_ == "json":
        echo(to_json([{"rule": rule.id, "severity": rule.severity, "title": rule.title} for rule in rules()]))
    else:
        echo(table(("RULE", "SEVERITY", "WHAT"), [(rule.id, rule.severity, rule.title) for rule in rules()]))


def _chosen(names: tuple[str, ...]) -> frozenset[str]:
    """The rules' own names. Raises `Failure`."""
    from dockless.explain.doctor.examine import known

    found = set()
    for name in (part for listed in names for part in listed.split(",") if part):
        rule = known(name)
        if rule is None:
            raise Failure(f"there is no rule {name}: `dockless doctor --list` names them all", 2)
        found.add(rule.id)
    return frozenset(found)


def _today(given: str) -> date:
    if not given:
        return datetime.now().astimezone().date()
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise Failure(f"--as-of: {given!r} is no date: write it as 2026-11-25", 2) from None


def _examine(session: Session, paths: tuple[str, ...], flags: dict[str, Any]) -> "Report":
    from dockless.explain.doctor.examine import examine, reader_of

    read = reader_of(_targets(session, paths), os.getcwd(), _today(flags["as_of"]))
    try:
        return examine(read({}), only=_chosen(flags["only"]), without=_chosen(flags["without"]))
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}") from error


def _mend(session: Session, paths: tuple[str, ...], flags: dict[str, Any]) -> "Report":
    """Changes the files, shows how, and returns what is left to be said."""
    from dockless.explain.doctor.examine import reader_of
    from dockless.explain.doctor.mending import mend
    from dockless.explain.doctor.reports import diff

    read = reader_of(_targets(session, paths), os.getcwd(), _today(flags["as_of"]))
    try:
        result = mend(read, unsafe=flags["unsafe"], only=_chosen(flags["only"]), without=_chosen(flags["without"]))
        if not session.dry_run:
            _write(result)
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}") from error
    if flags["format_"] == "text":
        if result.texts:
            echo(diff(result.before, result.texts, _name, _painter(session)) + "\n")
        verb = "would be mended" if session.dry_run else "mended"
        for finding in result.done:
            echo(f"{verb}: {finding.file}: {finding.message} [{finding.rule}]")
        if result.done:
            echo("")
    return result.report


def _name(path: str) -> str:
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def _write(result: "Mended") -> None:
    """Each file is replaced in one step, and only if it is still what was read. Raises `Failure`, `OSError`."""
    for path, before in result.before.items():
        there = Path(path).read_bytes().decode("utf-8", "surrogateescape") if os.path.exists(path) else None
        if there != before:
            raise Failure(f"{_name(path)} changed while it was looked at: nothing was written, run it again")
    for path, text in result.texts.items():
        try:
            _replace(os.path.realpath(path), text.encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise Failure(f"{_name(path)} cannot be written: {error.strerror}") from error


def _replace(path: str, content: bytes) -> None:
    """Writes beside the file, with its mode and owner, and renames into its place."""
    descriptor, beside = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=os.path.dirname(path))
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            known = os.stat(path)
            os.chmod(beside, stat.S_IMODE(known.st_mode))
            if os.geteuid() == 0:
                os.chown(beside, known.st_uid, known.st_gid)
        except FileNotFoundError:
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(beside, 0o666 & ~mask)
        os.rename(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def _targets(session: Session, paths: tuple[str, ...]) -> list["LoadOptions | str"]:
    """What is to be read: projects as load options, Dockerfiles as paths. Raises `Failure`."""
    if not paths:
        if session.in_project():
            return [session.load_options()]
        if (here := Path.cwd() / "Dockerfile").is_file():
            return [str(here)]
        raise Failure("there is neither a compose file nor a Dockerfile here: name one, or a folder")
    found: list[LoadOptions | str] = []
    for path in paths:
        found += _target(session, Path(os.path.abspath(path)), path)
    return found


def _target(session: Session, path: Path, given: str) -> list["LoadOptions | str"]:
    from msgspec.structs import replace

    from dockless.cli.session import COMPOSE_FILES

    if path.is_dir():
        if any((path / name).is_file() for name in COMPOSE_FILES):
            return [replace(session.load_options(), cwd=path, files=())]
        dockerfiles = sorted(str(found) for found in path.glob("*Dockerfile*") if _is_dockerfile(found))
        if not dockerfiles:
            raise Failure(f"{given}: there is neither a compose file nor a Dockerfile in this folder")
        return [*dockerfiles]
    if not path.is_file():
        raise Failure(f"{given}: no such file or directory")
    if path.suffix in (".yaml", ".yml") and not _is_dockerfile(path):
        return [replace(session.load_options(), cwd=path.parent, files=(str(path),))]
    return [str(path)]


def _is_dockerfile(path: Path) -> bool:
    name = path.name.lower()
    return (
        path.is_file()
        and not name.endswith((".dockerignore", ".swp", "~"))
        and (name == "dockerfile" or name.startswith("dockerfile.") or name.endswith((".dockerfile", "-dockerfile")))
    )


def _painter(session: Session) -> Any:
    from dockless.explain.doctor.reports import plain

    wanted = sys.stdout.isatty() and not session.environ.get("NO_COLOR")
    if session.ansi == "never" or not (wanted or session.ansi == "always"):
        return plain
    return lambda text, what: click.style(text, **_COLOURS.get(what, {}))


def _print(session: Session, report: "Report", format_: str) -> None:
    from dockless import __version__
    from dockless.explain.doctor import reports

    if format_ == "json":
        echo(reports.as_json(report))
    elif format_ == "sarif":
        from dockless.explain.doctor.sarif import sarif

        echo(sarif(report, __version__))
    elif format_ == "github":
        if report.findings:
            echo(reports.github(report))
        note(reports.summary(report))
    else:
        echo(reports.text(report, _painter(session)).rstrip("\n"))


def _end(report: "Report", fail_on: str) -> None:
    from dockless.explain.doctor.findings import SEVERITIES

    if fail_on == "never":
        return
    counted = SEVERITIES[: [*SEVERITIES].index(fail_on) + 1]  # type: ignore[arg-type]
    if any(finding.severity in counted for finding in report.findings):
        raise Exit(1)
