"""A shell's line, command by command, and what each of the commands that people put there does.

`PROGRAMS` is a table from a program's name to a function of its arguments; what is not in it is shown as it is.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence

import msgspec

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t]+)
    | (?P<operator>&&|\|\||;;|;|\||&(?!>)|\n)
    | (?P<word>(?:
        \\(?:.|\n)                             # an escaped character
        | '[^']*'
        | "(?:\\.|[^"\\])*"
        | \$\((?:[^()]|\([^()]*\))*\)           # another command's output
        | &>
        | [^\s'"\\;|&]
      )+)
    | (?P<rest>.)
    """,
    re.DOTALL | re.VERBOSE,
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh"})


class Command(msgspec.Struct, frozen=True):
    """One command of a line. `joined` is the operator before it: `&&` runs it only if the one before succeeded."""

    words: tuple[str, ...]
    joined: str = ""

    @property
    def text(self) -> str:
        return " ".join(self.words)


class Told(msgspec.Struct, frozen=True):
    """What a command does, and what to mind about it."""

    text: str
    cautions: tuple[str, ...] = ()


def split(line: str) -> list[Command]:
    """The commands of a line of shell, in order. Quotes stay in the words; compound commands are kept in pieces."""
    found: list[Command] = []
    words: list[str] = []
    joined = ""
    for match in _TOKEN.finditer(line.replace("\\\n", " ")):
        if operator := match["operator"]:
            if words:
                found.append(Command(tuple(words), joined))
            words, joined = [], operator if operator != "\n" else ";"
        elif word := match["word"] or match["rest"]:
            words.append(word)
    if words:
        found.append(Command(tuple(words), joined))
    return found


def unquoted(word: str) -> str:
    """The word without its quotes."""
    return re.sub(r"""'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)""", lambda m: m[1] or m[2] or m[3] or "", word)


def inner(words: Sequence[str]) -> str | None:
    """The script of `sh -c "…"`, or None for another command."""
    if len(words) >= 3 and os.path.basename(words[0]) in _SHELLS:
        for at, word in enumerate(words[1:-1], 1):
            if word.startswith("-") and word.endswith("c"):
                return words[at + 1]
    return None


def tell(command: Command) -> Told:
    """What one command does."""
    words = [unquoted(word) for word in command.words]
    while words and _ASSIGNMENT.match(words[0]):
        words = words[1:]
    while words and os.path.basename(words[0]) in _WRAPPERS:
        words = words[1:]
    if not words:
        return Told("sets shell variables")
    name = os.path.basename(words[0])
    base = re.sub(r"^(python|pip)[\d.]+$", r"\1", name)
    if base in PROGRAMS:
        return PROGRAMS[base](words[1:]) or Told(f"runs `{cut(command.text)}`")
    return Told(f"runs `{cut(command.text)}`")


def cut(text: str, most: int = 90) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _plain(words: Sequence[str], with_value: str = "") -> list[str]:
    """The arguments that are no options; `with_value` names options that take the next word."""
    takes = with_value.split()
    found, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in takes:
            skip = True
        elif not word.startswith("-") and not re.match(r"^\d?[<>]", word):
            found.append(word)
    return found


def listed(names: Sequence[str], most: int = 12) -> str:
    """`a`, `b` and `c`."""
    shown = [f"`{name}`" for name in names[:most]]
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def _apt(words: Sequence[str]) -> Told | None:
    plain = _plain(words, "-o -t -c")
    verb, names = (plain[0], plain[1:]) if plain else ("", [])
    if verb == "update":
        return Told("fetches the package lists of Debian (or Ubuntu), so that packages can be found")
    if verb == "install" and not names:
        return Told(
            "is asked to install packages, but names none: it installs nothing (a no-op)",
            (
                (
                    "Nothing is listed after `install`: packages that the application needs would be named "
                    "here, as in `apt-get install -y curl`."
                ),
            ),
        )
    if verb == "install":
        cautions = (
            []
            if any(word in ("-y", "--yes", "--assume-yes", "-qq", "-qy", "-yq") for word in words)
            else ["Without `-y` it asks a question, and a build has nobody to answer."]
        )
        return Told(f"installs system packages: {listed(names)}", tuple(cautions))
    if verb in ("upgrade", "dist-upgrade", "full-upgrade"):
        return Told("brings all installed packages to the newest version of the distribution, so two builds may differ")
    if verb in ("clean", "autoclean"):
        return Told("removes the downloaded package files")
    if verb in ("autoremove", "remove", "purge"):
        return Told(f"removes packages{': ' + listed(names) if names else ' that nothing needs any more'}")
    return None


def _apk(words: Sequence[str]) -> Told | None:
    plain = _plain(words, "-t --virtual -X --repository")
    verb, names = (plain[0], plain[1:]) if plain else ("", [])
    if verb == "add":
        return Told(f"installs Alpine packages: {listed(names)}")
    if verb == "del":
        return Told(f"removes Alpine packages: {listed(names)}")
    return Told("fetches Alpine's package lists") if verb == "update" else None


def _dnf(words: Sequence[str]) -> Told | None:
    plain = _plain(words)
    if plain[:1] == ["install"]:
        return Told(f"installs system packages: {listed(plain[1:])}")
    if plain[:1] in (["update"], ["upgrade"]):
        return Told("brings all installed packages to their newest version")
    return Told("removes the downloaded package files") if plain[:1] == ["clean"] else None


def _pip(words: Sequence[str]) -> Told | None:
    if not words or words[0] not in ("install", "wheel", "download"):
        return None
    rest = words[1:]
    files = [rest[at + 1] for at, word in enumerate(rest[:-1]) if word in ("-r", "--requirement")]
    files += [word.removeprefix("--requirement=") for word in rest if word.startswith("--requirement=")]
    names = _plain(rest, "-r --requirement -i --index-url --extra-index-url -c --constraint -t --target --prefix -f")
    upgrade = any(word in ("-U", "--upgrade") for word in rest)
    if files:
        return Told(f"installs all Python packages that {listed(files)} lists")
    if not names:
        return None
    if names[0] in (".", "-e") or names[0].startswith("."):
        return Told("installs the Python project in this folder with what it depends on")
    if upgrade:
        return Told(
            f"upgrades {listed(names)} to the newest version that there is when this step runs",
            (f"No version is named: the build of another day can get another {listed(names)}.",)
            if not any("=" in name for name in names)
            else (),
        )
    return Told(f"installs Python packages: {listed(names)}")


def _npm(words: Sequence[str]) -> Told | None:
    plain = _plain(words)
    verb = plain[0] if plain else "install"
    if verb == "ci":
        return Told("installs exactly the JavaScript packages that `package-lock.json` names")
    if verb in ("install", "i", "add"):
        names = plain[1:]
        return Told(
            f"installs JavaScript packages: {listed(names)}"
            if names
            else "installs the JavaScript packages that `package.json` asks for"
        )
    if verb in ("run", "run-script") and len(plain) > 1:
        return Told(
            f"runs the script `{plain[1]}` of `package.json`"
            + (" (the production build)" if plain[1] == "build" else "")
        )
    if verb == "start":
        return Told("runs the script `start` of `package.json`")
    return Told("runs the tests of `package.json`") if verb == "test" else None


def _yarn(words: Sequence[str]) -> Told | None:
    plain = _plain(words)
    if not plain or plain[0] == "install":
        return Told("installs the JavaScript packages that `package.json` and the lock file ask for")
    if plain[0] == "add":
        return Told(f"installs JavaScript packages: {listed(plain[1:])}")
    if plain[0] == "run":
        plain = plain[1:]
    return Told(f"runs the script `{plain[0]}` of `package.json`") if plain else None


def _manage(words: Sequence[str]) -> Told | None:
    verb = words[0] if words else ""
    address = next((word for word in words[1:] if not word.startswith("-")), "127.0.0.1:8000")
    texts = {
        "migrate": (
            "applies Django's migrations: it brings the database's tables to what the code expects, "
            "and so needs the database to answer"
        ),
        "makemigrations": "writes Django migrations for changed models",
        "collectstatic": "gathers Django's static files in one folder",
        "createsuperuser": "makes a Django administrator",
        "test": "runs Django's tests",
        "shell": "opens a Python shell with Django set up",
        "loaddata": "loads fixtures into Django's database",
    }
    if verb == "runserver":
        host, _, port = address.rpartition(":")
        where = (
            "on all of the container's addresses" if host in ("0.0.0.0", "[::]", "0") else f"on `{host or '127.0.0.1'}`"
        )
        cautions = (
            []
            if host in ("0.0.0.0", "[::]", "0")
            else [
                (
                    "On 127.0.0.1 it can be reached from inside the container only, whatever is published: "
                    "`0.0.0.0` is needed."
                )
            ]
        )
        told = (
            f"starts Django's development server on port {port} {where}, and goes on until it is "
            "stopped; it reloads when the files that it runs from change"
        )
        return Told(
            told,
            (
                *cautions,
                "Django's development server is not made for production: a WSGI or ASGI server (gunicorn, uvicorn) is.",
            ),
        )
    return Told(texts[verb]) if verb in texts else Told(f"runs Django's `{verb}`") if verb else None


def _python(words: Sequence[str]) -> Told | None:
    if not words:
        return Told("starts an interactive Python, which ends at once without a terminal")
    while words and words[0] in ("-u", "-B", "-O", "-X", "-W"):
        words = words[1:]
    if words[:1] and os.path.basename(words[0]) == "manage.py":
        return _manage(words[1:])
    if words[:1] == ["-m"] and len(words) > 1:
        if words[1] in PROGRAMS:
            return PROGRAMS[words[1]](words[2:])
        if words[1] == "venv":
            return Told(f"makes a Python environment in `{words[-1]}`")
        return Told(f"runs the Python module `{words[1]}`")
    if words[:1] == ["-c"]:
        return Told("runs a line of Python")
    return Told(f"runs the Python program `{words[0]}`") if words else None


def _port_of(words: Sequence[str], options: str, default: str) -> str:
    for at, word in enumerate(words):
        for option in options.split():
            if word == option and at + 1 < len(words):
                return words[at + 1].rpartition(":")[2]
            if word.startswith(option + "="):
                return word.rpartition("=")[2].rpartition(":")[2]
    return default


def _server(what: str, options: str, port: str) -> Callable[[Sequence[str]], Told]:
    def told(words: Sequence[str]) -> Told:
        plain = _plain(words, f"{options} --workers -w --worker-class -k --timeout --host --app")
        app = f" for `{plain[-1]}`" if plain and what.endswith("server") else ""
        reload = ", and reloads when files change" if "--reload" in words else ""
        return Told(f"starts {what}{app} on port {_port_of(words, options, port)}{reload}")

    return told


def _flask(words: Sequence[str]) -> Told | None:
    if "run" in words:
        debug = " with reloading and the debugger" if "--debug" in words else ""
        return Told(
            f"starts Flask's development server on port {_port_of(words, '--port -p', '5000')}{debug}",
            ("Flask's development server is not made for production.",),
        )
    return Told(f"runs Flask's `{' '.join(words)}`")


def _does(text: str) -> Callable[[Sequence[str]], Told]:
    return lambda _: Told(text)


def _names(text: str, with_value: str = "") -> Callable[[Sequence[str]], Told]:
    return lambda words: Told(f"{text} {listed(_plain(words, with_value))}".rstrip())


def _rm(words: Sequence[str]) -> Told:
    names = _plain(words)
    if any("/var/lib/apt/lists" in name for name in names):
        return Told("removes the package lists, which nothing needs after this step: the layer stays small")
    return Told(f"removes {listed(names)}")


def _make_user(words: Sequence[str]) -> Told:
    plain = _plain(words, "-u -g -G -s -d -h --uid --gid --home --shell --home-dir --gecos -c --ingroup")
    return Told(f"makes the user {listed(plain[-1:])}" if plain else "makes a user")


def _curl(words: Sequence[str]) -> Told:
    addresses = [word for word in words if "://" in word]
    return Told(f"downloads {listed(addresses)}" if addresses else "makes an HTTP request")


def _set(words: Sequence[str]) -> Told:
    return Told(
        "makes the shell stop at the first command that fails"
        if any("e" in word for word in words)
        else "sets options of the shell"
    )


def _exec(words: Sequence[str]) -> Told | None:
    if not words:
        return None
    told = tell(Command(tuple(words)))
    return Told(f"{told.text} (in the shell's place, so that signals reach it directly)", told.cautions)


PROGRAMS: dict[str, Callable[[Sequence[str]], Told | None]] = {
    "apt-get": _apt,
    "apt": _apt,
    "apk": _apk,
    "dnf": _dnf,
    "microdnf": _dnf,
    "yum": _dnf,
    "pip": _pip,
    "pipenv": _does("installs the packages of the `Pipfile`"),
    "poetry": _does("installs the packages that `pyproject.toml` and `poetry.lock` ask for"),
    "uv": _does("installs Python packages with uv"),
    "npm": _npm,
    "pnpm": _npm,
    "yarn": _yarn,
    "npx": _names("runs the JavaScript tool"),
    "node": _names("runs the JavaScript program"),
    "bundle": _does("installs the Ruby gems that the `Gemfile` asks for"),
    "gem": _names("installs Ruby gems:"),
    "composer": _does("installs the PHP packages that `composer.json` asks for"),
    "go": _names("runs the Go tool:"),
    "cargo": _names("runs Rust's cargo:"),
    "mvn": _names("runs Maven:"),
    "gradle": _names("runs Gradle:"),
    "./mvnw": _names("runs Maven:"),
    "mvnw": _names("runs Maven:"),
    "gradlew": _names("runs Gradle:"),
    "dotnet": _names("runs .NET's tool:"),
    "java": _does("runs a Java program"),
    "make": _names("runs make:"),
    "python": _python,
    "manage.py": _manage,
    "flask": _flask,
    "gunicorn": _server("the Gunicorn server", "--bind -b", "8000"),
    "uvicorn": _server("the Uvicorn server", "--port", "8000"),
    "hypercorn": _server("the Hypercorn server", "--bind -b", "8000"),
    "daphne": _server("the Daphne server", "-p --port", "8000"),
    "fastapi": _server("FastAPI", "--port", "8000"),
    "celery": _names("starts Celery:", "-A --app -l --loglevel"),
    "nginx": _does("starts nginx"),
    "redis-server": _does("starts Redis"),
    "postgres": _does("starts PostgreSQL"),
    "mysqld": _does("starts MySQL"),
    "rm": _rm,
    "mkdir": _names("makes the folders", "-m"),
    "cp": _names("copies"),
    "mv": _names("moves"),
    "ln": _names("makes a link:"),
    "chmod": _names("changes permissions:"),
    "chown": _names("changes the owner:"),
    "touch": _names("makes the files"),
    "cd": _names("goes to the folder"),
    "useradd": _make_user,
    "adduser": _make_user,
    "groupadd": _names("makes the group", "-g --gid"),
    "addgroup": _names("makes the group", "-g --gid"),
    "curl": _curl,
    "wget": _curl,
    "tar": _does("packs or unpacks an archive"),
    "unzip": _does("unpacks an archive"),
    "git": _names("runs git:"),
    "sed": _does("edits text by a pattern"),
    "echo": _does("prints a text"),
    "sleep": lambda words: Told(f"waits {' '.join(words)} seconds"),
    "tail": lambda words: Told(
        "runs for ever without doing anything" if "/dev/null" in words else "prints the end of a file"
    ),
    "set": _set,
    "exec": _exec,
    "alembic": _names("runs database migrations with Alembic:"),
    "pg_isready": _does("asks PostgreSQL whether it takes connections"),
    "redis-cli": _names("asks Redis:"),
    "mysqladmin": _does("asks MySQL whether it answers"),
    "corepack": _does("makes the package manager ready that `package.json` names"),
    "true": _does("does nothing, successfully"),
}
_WRAPPERS = frozenset({"sudo", "time", "nice", "env", "tini", "dumb-init"})


def sentences(line: str) -> Iterator[tuple[Command, Told]]:
    """Each command of a line with what it does."""
    for command in split(line):
        yield command, tell(command)
