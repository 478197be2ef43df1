"""Which files make the project, where it lives, what it is called, and the environment that its variables come from."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from dockless.compose.errors import ComposeError, NoConfigurationError
from dockless.compose.load.environment import read_env_file
from dockless.compose.load.options import Fetched, LoadOptions
from dockless.compose.load.tree import Files

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
_REMOTE = ("git@", "git://", "ssh://", "http://", "https://", "oci://", "github.com/", "bitbucket.org/", "gitlab.com/")


class Sources(Struct, frozen=True):
    """`files` are absolute paths or `-`; `environment` is the process's over that of the env files.

    `home` is the folder that a project without a name is called after: not that of files from elsewhere.
    """

    files: tuple[str, ...]
    working_dir: str
    environment: dict[str, str]
    profiles: tuple[str, ...]
    env_files: tuple[str, ...] = ()
    home: str = ""


def find(options: LoadOptions, files: Files, warn: Callable[[str], None]) -> Sources:
    """Raises NoConfigurationError where there is no file to load, ComposeError for a bad env file."""
    cwd = str(options.cwd)
    directory = os.path.join(cwd, options.project_directory) if options.project_directory else ""
    environment = dict(options.environ)
    # A shell says where it is; a service manager does not, and files refer to it all the same.
    environment.setdefault("PWD", cwd)
    remote: set[str] = set()

    def place(path: str) -> str:
        if path == "-":
            return path
        found = fetched(path, options.fetch)
        if found is None:
            return os.path.join(cwd, path)
        remote.add(found.path)
        return found.path

    named = tuple(place(path) for path in options.files)

    def first() -> str | None:
        return next((path for path in named if path != "-"), None)

    def home() -> str:
        if directory and first() not in remote:
            return os.path.normpath(directory)
        return os.path.normpath(os.path.dirname(first() or "") or cwd)

    def own() -> str:
        """Where the .env is, and what the project is called after: no cache folder."""
        return (directory or cwd) if first() in remote else home()

    env_files = _env_files(options, cwd, own())
    add_env_files(environment, env_files, files, warn)
    if not named and (listed := environment.get("COMPOSE_FILE")):
        separator = environment.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
        named = tuple(place(path) for path in listed.split(separator))
    if not named:
        named = _default_files(home(), warn)
    if not named:
        raise NoConfigurationError(
            "no configuration file provided: not found: a compose.yaml is looked for here and in the folders above"
        )
    # The files may have moved the project's folder, and with it the default .env.
    env_files = _env_files(options, cwd, own())
    add_env_files(environment, env_files, files, warn)
    profiles = options.profiles or tuple(part.strip() for part in environment.get("COMPOSE_PROFILES", "").split(","))
    return Sources(
        tuple(path if path == "-" else os.path.normpath(path) for path in named),
        home(),
        environment,
        profiles,
        tuple(env_files),
        own(),
    )


def add_env_files(environment: dict[str, str], paths: Iterable[str], files: Files, warn: Callable[[str], None]) -> None:
    """Adds what the files say to an environment, which goes before them; a later file goes before an earlier one."""
    found: dict[str, str] = {}
    for path in paths:
        found.update(read_env_file(path, lambda name: environment.get(name, found.get(name)), files, warn))
    for key, value in found.items():
        environment.setdefault(key, value)


def _env_files(options: LoadOptions, cwd: str, directory: str) -> list[str]:
    listed = options.env_files or tuple(filter(None, options.environ.get("COMPOSE_ENV_FILES", "").split(",")))
    if listed:
        return [os.path.normpath(os.path.join(cwd, path)) for path in listed]
    if options.environ.get("COMPOSE_DISABLE_ENV_FILE", "").lower() in ("1", "t", "true"):
        return []
    default = os.path.join(directory, ".env")
    return [default] if os.path.exists(default) and not os.path.isdir(default) else []


def _default_files(folder: str, warn: Callable[[str], None]) -> tuple[str, ...]:
    while True:
        if found := _existing(folder, NAMES, warn):
            overrides = _existing(folder, OVERRIDES, warn)
            return (found, overrides) if overrides else (found,)
        parent = os.path.dirname(folder)
        if parent == folder:
            return ()
        folder = parent


def _existing(folder: str, names: Iterable[str], warn: Callable[[str], None]) -> str:
    paths = [path for name in names if os.path.exists(path := os.path.join(folder, name))]
    if len(paths) > 1:
        warn(f"Found multiple config files with supported names: {', '.join(paths)}")
        warn(f"Using {paths[0]}")
    return paths[0] if paths else ""


def read_file(path: str, standard_input: Callable[[], str]) -> bytes:
    """A compose file's bytes; raises ComposeError where it cannot be read."""
    if path == "-":
        return standard_input().encode()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ComposeError(f"open {path}: {(error.strerror or str(error)).lower()}") from error


def is_remote(path: str) -> bool:
    """Whether a compose file is not on this machine."""
    return path.startswith(_REMOTE)


def fetched(path: str, fetch: Callable[[str], Fetched] | None) -> Fetched | None:
    """What a remote file stands for; None for a local one. Raises ComposeError where it cannot be had."""
    if not is_remote(path):
        return None
    if fetch is None:
        raise ComposeError(f"{path} is a remote resource, which is not fetched: fetch it and name the local path")
    return fetch(path)


def normalize_name(text: str) -> str:
    """What of a text may be a project's name: lower case letters, digits, `-` and `_`, not beginning with these two."""
    allowed = "abcdefghijklmnopqrstuvwxyz0123456789_-"
    return "".join(character for character in text.lower() if character in allowed).lstrip("_-")


def project_name(options: LoadOptions, sources: Sources, in_files: str) -> str:
    """`-p`, COMPOSE_PROJECT_NAME, the files' `name`, the folder's name: the first there is. Raises ComposeError."""
    name = options.project_name or sources.environment.get("COMPOSE_PROJECT_NAME", "") or normalize_name(in_files)
    if not name and not in_files:
        name = normalize_name(os.path.basename(os.path.realpath(sources.home or sources.working_dir)))
    if not name:
        raise ComposeError("project name must not be empty: name it with -p or a top-level `name`")
    if normalize_name(name) != name:
        raise ComposeError(
            f'invalid project name "{name}": must consist only of lowercase alphanumeric characters, hyphens, and '
            "underscores as well as start with a letter or number"
        )
    return name


def home_of(environment: Mapping[str, str]) -> str:
    """What `~` stands for."""
    return environment.get("HOME") or os.path.expanduser("~")
