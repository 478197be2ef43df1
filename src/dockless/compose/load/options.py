"""What a load is asked to do; the process's environment, folder and standard input are handed in."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct, field


def read_standard_input() -> str:
    """All of standard input, for `-f -`."""
    return sys.stdin.read()


class Fetched(Struct, frozen=True):
    """A compose file that was elsewhere: its `path` here, and the `folder` that holds all that came with it."""

    path: str
    folder: str


class LoadOptions(Struct, frozen=True, kw_only=True):
    """As the command line gives them.

    `files` are the values of `-f` (`-`: standard input); empty: `COMPOSE_FILE`, else compose.yaml and its kin in
    `cwd` or the nearest folder above. `env_files` are those of `--env-file`; empty: `COMPOSE_ENV_FILES`, else `.env`.
    `environ` is the process's environment. `profiles` are added to `COMPOSE_PROFILES`.
    """

    files: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    cwd: Path = field(default_factory=lambda: Path.cwd())
    project_directory: str = ""
    project_name: str = ""
    profiles: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    """Services named on the command line: they are enabled whatever their profiles, and the project is restricted to
    them and what they depend on."""
    compatibility: bool = False
    """Names as the first Docker Compose made them (`p_web_1`); so does a true `COMPOSE_COMPATIBILITY`."""
    all_resources: bool = False
    """Keeps networks, volumes, secrets and configs that no service uses."""
    interpolate: bool = True
    normalize: bool = True
    resolve_paths: bool = True
    resolve_environment: bool = True
    """Reads `env_file` into `environment`; False leaves both as written (`config --no-env-resolution`, `--hash`)."""
    consistency: bool = True
    standard_input: Callable[[], str] = read_standard_input
    fetch: Callable[[str], Fetched] | None = None
    """Brings a compose file that a git repository or a registry has; None: such files are refused."""
    texts: Mapping[str, bytes] = field(default_factory=dict)
    """What stands for the content of compose files (by absolute path): changes that have not been written yet."""
