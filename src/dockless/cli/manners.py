"""How a command of Compose's goes about its work (colours, progress, width, orphans), as its options and variables say.

An option goes before its variable. The variables may stand in the project's `.env`, too.
"""

from collections.abc import Mapping

from dockless.cli.failure import Failure
from dockless.compose.truth import means_yes

ANSI = ("never", "always", "auto")
PROGRESS = ("auto", "tty", "plain", "json", "quiet")
FROM_ENV_FILES = (
    "COMPOSE_ANSI",
    "COMPOSE_IGNORE_ORPHANS",
    "COMPOSE_MENU",
    "COMPOSE_PARALLEL_LIMIT",
    "COMPOSE_REMOVE_ORPHANS",
    "COMPOSE_STATUS_STDOUT",
)


def ansi(asked: str, environ: Mapping[str, str]) -> str:
    """One of `ANSI`; what is none of them means `auto`, as for Docker Compose."""
    said = asked or environ.get("COMPOSE_ANSI", "")
    return said if said in ANSI else "auto"


def progress(asked: str, ansi: str, environ: Mapping[str, str]) -> str:
    """One of `PROGRESS`. Raises `Failure`."""
    said = asked or environ.get("COMPOSE_PROGRESS") or "auto"
    said = "quiet" if said == "none" else said
    if said not in PROGRESS:
        raise Failure(f'unsupported --progress value "{said}": it is one of {", ".join(PROGRESS)}')
    if said == "tty" and ansi == "never":
        raise Failure("can't use --progress tty while ANSI support is disabled")
    if said == "plain" and ansi == "always":
        raise Failure("can't use --progress plain while ANSI support is forced")
    by_ansi = {"never": "plain", "always": "tty"}
    return by_ansi.get(ansi, said) if said == "auto" else said


def parallel(asked: int | None, environ: Mapping[str, str]) -> int:
    """How much is done at once; less than 1 for no limit. Raises `Failure`."""
    if asked is not None:
        return asked
    said = environ.get("COMPOSE_PARALLEL_LIMIT", "-1")
    try:
        return int(said)
    except ValueError:
        raise Failure(f'COMPOSE_PARALLEL_LIMIT must be an integer (found: "{said}")') from None


def removes_orphans(flag: bool | None, environ: Mapping[str, str]) -> bool:
    """What `--remove-orphans` says, else COMPOSE_REMOVE_ORPHANS: for `up` and `down`."""
    return means_yes(environ.get("COMPOSE_REMOVE_ORPHANS")) if flag is None else flag


def ignores_orphans(environ: Mapping[str, str], *, removing: bool) -> bool:
    """COMPOSE_IGNORE_ORPHANS: whether `up` and `run` say nothing of them. Raises `Failure`."""
    ignored = means_yes(environ.get("COMPOSE_IGNORE_ORPHANS"))
    if ignored and removing:
        raise Failure("cannot combine COMPOSE_IGNORE_ORPHANS and --remove-orphans")
    return ignored
