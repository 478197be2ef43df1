"""`dockless init`: a new stack for the application in this folder; `explain/init` says what it is and what to write."""

import json
import os
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dockless.cli.failure import Failure
from dockless.cli.output import echo

if TYPE_CHECKING:
    from dockless.explain.init.application import Application, NewFile
    from dockless.explain.init.environment import Setting

_KINDS = ("django", "fastapi", "flask", "python", "node", "site", "static")
_EXAMPLES = """\b
Examples:
  dockless init                 ask what cannot be known, and write the files
  dockless init --yes shop      never ask; for the application in the folder shop
  dockless init --classic       two services, the source mounted, for development
  dockless init --dry-run       print what would be written
"""


@click.command("init", short_help="Write the stack for the application in this folder", epilog=_EXAMPLES)
@click.argument("folder", default=".", type=click.Path(path_type=Path))
@click.option("-y", "--yes", is_flag=True, help="Ask nothing: take what is likeliest")
@click.option("--kind", type=click.Choice(_KINDS), help="What the application is, where it is not recognised")
@click.option(
    "--database/--no-database", default=None, help="With or without PostgreSQL (default: as the code asks for)"
)
@click.option("--classic", is_flag=True, help="Two services, `web` and `postgres`, with the source mounted into `web`")
@click.option("--port", type=click.IntRange(1, 65535), help="The port that the application listens on")
@click.option("--force", is_flag=True, help="Replace files that are there; a .env is never replaced")
@click.option("--dry-run", is_flag=True, help="Print the files, and write none")
@click.option("--json", "as_json", is_flag=True, help="Say what was done as JSON")
def init(
    folder: Path,
    yes: bool,
    kind: str | None,
    database: bool | None,
    classic: bool,
    port: int | None,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write a Dockerfile, compose.yaml, .dockerignore, and .env with random secrets for an application.

    Recognised are Django, FastAPI, Flask, other programs of Python, Node, sites that Node builds, and static files.
    """
    from msgspec.structs import replace

    from dockless.explain.init.folder import read_folder
    from dockless.explain.init.recognise import recognise
    from dockless.explain.init.variables import variables
    from dockless.explain.init.writing import stack

    if not folder.is_dir():
        raise Failure(f"{folder}: no such folder")
    looked = read_folder(folder)
    asks = not yes and sys.stdin.isatty() and sys.stdout.isatty()
    application = _choose(recognise(looked), kind, folder, asks=asks)
    if port:
        serve, develop = (_on_port(words, application.port, port) for words in (application.serve, application.develop))
        application = replace(application, port=port, serve=serve, develop=develop)
    if classic and (not application.serve or not application.port or application.kind == "node"):
        raise Failure("--classic is for a web application of Python: a server that is started by one command")
    wanted = classic or database
    if wanted is None:
        wanted = application.database or (asks and _may_have_database(application) and _ask_database())
    application = replace(application, database=wanted)
    files, settings = stack(looked, application, variables(looked), lambda: secrets.token_urlsafe(32), classic=classic)
    if dry_run:
        echo("\n".join(f"# ---- {file.path}\n{file.text}" for file in files))
        return
    written, kept = _write(folder, files, force=force)
    if as_json:
        told = {"kind": application.kind, "recognised_by": application.why, "written": written, "kept": kept}
        echo(json.dumps(told | {"fill_in": [setting.name for setting in settings if setting.open]}))
        return
    _tell(folder, application, settings, written, kept)


def _choose(found: Sequence["Application"], kind: str | None, folder: Path, *, asks: bool) -> "Application":
    """Raises `Failure` where nothing fits."""
    if kind:
        for application in found:
            if application.kind == kind:
                return application
        known = ", ".join(application.kind for application in found) or "nothing"
        raise Failure(f"{folder}: no application of the kind {kind!r} is in there; found: {known}")
    if not found:
        raise Failure(
            f"{folder}: cannot tell what runs here: there is no manage.py, no Flask or FastAPI object, "
            "no package.json, no main.py or app.py and no index.html; start it in the application's folder"
        )
    if len(found) == 1 or not asks:
        return found[0]
    for number, application in enumerate(found, 1):
        echo(f"  {number}. {application.title} ({application.why})")
    return found[click.prompt("Which of them is it?", type=click.IntRange(1, len(found)), default=1) - 1]


def _may_have_database(application: "Application") -> bool:
    return application.kind in ("django", "fastapi", "flask", "node")


def _ask_database() -> bool:
    return click.confirm("The code names no PostgreSQL driver. A PostgreSQL service beside it?", default=False)


def _on_port(words: tuple[str, ...], old: int, new: int) -> tuple[str, ...]:
    """A command that names its port, with another one."""
    return tuple(str(new) if word == str(old) else word.replace(f":{old}", f":{new}") for word in words)


def _write(folder: Path, files: Sequence["NewFile"], *, force: bool) -> tuple[list[str], list[str]]:
    """All of them or none: what was written, and what was there and stays. Raises `Failure`."""
    there = [file.path for file in files if (folder / file.path).exists()]
    kept = [path for path in there if path == ".env"]
    in_the_way = [path for path in there if path not in kept]
    if in_the_way and not force:
        raise Failure(
            f"{folder}: {', '.join(in_the_way)} would be replaced; nothing was written. --force replaces them"
        )
    if folders := [path for path in in_the_way if (folder / path).is_dir()]:
        raise Failure(f"{folder}: {', '.join(folders)} is a folder; nothing was written")
    new = [file for file in files if file.path not in kept]
    try:
        with tempfile.TemporaryDirectory(prefix=".dockless-init-", dir=folder) as halves:
            for file in new:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
                with os.fdopen(os.open(Path(halves, file.path), flags, file.mode), "w", encoding="utf-8") as out:
                    out.write(file.text)
            for file in new:
                os.rename(Path(halves, file.path), folder / file.path)
    except OSError as error:
        raise Failure(f"{error.filename or folder}: {error.strerror}") from error
    return [file.path for file in new], kept


def _tell(
    folder: Path, application: "Application", settings: Sequence["Setting"], written: list[str], kept: list[str]
) -> None:
    echo(f"{application.title}, recognised by {application.why}")
    for path in written:
        echo(f"  wrote  {folder / path}" + ("  (random secrets, readable by you alone)" if path == ".env" else ""))
    for path in kept:
        echo(f"  kept   {folder / path}")
    if missing := [setting.name for setting in settings if setting.open]:
        echo(f"Fill in .env: {', '.join(missing)}")
    if application.kind == "django" and application.install and "whitenoise" not in application.install.packages:
        echo("Static files (the admin's styles) come from the development server alone; for `web` see whitenoise.")
    where = "" if folder == Path() else f"cd {folder} && "
    address = f"   then http://localhost:{application.port}/" if application.port else ""
    echo(f"Start it:  {where}dockless up -d{address}")
