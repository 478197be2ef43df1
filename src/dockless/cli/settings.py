"""What a command works with: the global options, the project that they name, and the engine.

Both are made when they are first needed, and each costs its imports only then.
"""

import os
import sys
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from msgspec import Struct, field

from dockless.cli import manners
from dockless.cli.environment import of_process
from dockless.cli.failure import Failure
from dockless.cli.output import note
from dockless.compose.truth import means_yes

if TYPE_CHECKING:
    from dockless.cli.progress import Progress
    from dockless.client.api import Client
    from dockless.client.endpoint import Endpoint
    from dockless.client.tls import TlsOptions
    from dockless.compose.load import LoadOptions
    from dockless.compose.load.options import Fetched
    from dockless.compose.model import Project
    from dockless.compose.run.convert import Converter

COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")


class Session(Struct, dict=True):
    """The global options of `dockless` and `dockless compose`; what is made of them is kept beside them (`dict`)."""

    files: tuple[str, ...] = ()
    project_name: str = ""
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    project_directory: str = ""
    ansi_asked: str = ""
    progress_asked: str = ""
    parallel: int | None = None
    dry_run: bool = False
    compatibility: bool = False
    all_resources: bool = False
    host: str = ""
    context: str = ""
    tls: "TlsOptions | None" = None
    stand_ins: bool = True
    environ: dict[str, str] = field(default_factory=of_process)

    @cached_property
    def client(self) -> "Client":
        """Raises `EngineUnavailable`, `ConfigError`."""
        from dockless.client.connect import connect

        return connect(self.environ, named=self.endpoint)

    @cached_property
    def endpoint(self) -> "Endpoint | None":
        """Of the engine that the options, the environment or a context name. Raises `EngineUnavailable`, `Failure`."""
        from dockless.client.endpoint import parse_host

        if not self.context and (host := self.host or self.environ.get("DOCKER_HOST", "")):
            return parse_host(host, self.environ, options=self.tls)
        if name := self.context or self.environ.get("DOCKER_CONTEXT", ""):
            from dockless.cli.contexts import endpoint_of

            return endpoint_of(name, self.environ)
        return None

    @cached_property
    def fetch(self) -> "Callable[[str], Fetched]":
        from dockless.cli.remote import fetcher

        return fetcher(self.environ)

    @cached_property
    def _told(self) -> set[str]:
        return set()

    def names_project(self) -> bool:
        """Whether the command line or the environment names a project or its files."""
        return bool(self.files or self.project_name or self.project_directory or self.environ.get("COMPOSE_FILE"))

    def in_project(self) -> bool:
        """Whether there is a project here: one is named, or a compose file is in this folder or in one above."""
        if self.names_project():
            return True
        here = Path.cwd()
        return any((folder / name).exists() for folder in (here, *here.parents) for name in COMPOSE_FILES)

    def load(self, services: Iterable[str] = (), *, quiet: bool = False) -> "Project":
        """The project; its warnings are printed unless `quiet`. Raises `ComposeError`."""
        return self.load_with(self.load_options(services), quiet=quiet)

    def load_options(self, services: Iterable[str] = (), **settings: bool) -> "LoadOptions":
        """What loading is asked for; `settings` are `LoadOptions`' switches."""
        from dockless.compose.load import LoadOptions

        return LoadOptions(
            files=self.files,
            env_files=self.env_files,
            environ=self.environ,
            cwd=Path.cwd(),
            project_directory=self.project_directory,
            project_name=self.project_name,
            profiles=self.profiles,
            services=tuple(services),
            all_resources=self.all_resources,
            compatibility=self.compatibility,
            fetch=self.fetch,
            **cast(dict[str, Any], settings),
        )

    def load_with(self, options: "LoadOptions", *, quiet: bool = False) -> "Project":
        """Loads, and prints the warnings unless `quiet`, each once a command. Raises `ComposeError`, `Failure`."""
        from dockless.compose.load import load

        project = load(options)
        for name in manners.FROM_ENV_FILES:
            if name not in self.environ and name in project.environment:
                self.environ[name] = project.environment[name]
        _ = self.progress_mode, self.width  # what they refuse is refused before anything is done
        if not quiet:
            for warning in project.warnings:
                if warning not in self._told:
                    self._told.add(warning)
                    warn(warning)
        return project

    def project_or_name(self) -> tuple["Project | None", str]:
        """The project and its name; with `-p` alone and no compose file, only the name. Raises `ComposeError`."""
        name = self.project_name or self.environ.get("COMPOSE_PROJECT_NAME", "")
        if name and not self.files and not self.in_folder_with_file():
            return None, name
        project = self.load()
        return project, project.name

    def in_folder_with_file(self) -> bool:
        if self.environ.get("COMPOSE_FILE") or self.project_directory:
            return True
        here = Path.cwd()
        return any((folder / name).exists() for folder in (here, *here.parents) for name in COMPOSE_FILES)

    def may_use_stand_ins(self, asked: bool | None) -> bool:
        """What the command's own flag says, else the one given to `dockless`."""
        return self.stand_ins if asked is None else asked

    def converter(self, project: "Project") -> "Converter":
        from dockless.compose.run.convert import Converter

        major, _, minor = self.client.api_version.partition(".")
        return Converter(project, (int(major), int(minor)), self.client.proxies)

    def provided(
        self, project: "Project", services: Iterable[str], progress: "Progress", *, with_deps: bool = True
    ) -> "Project":
        """The project with what is not in its files: the engine's socket for those that ask for it, and what the
        providers among `services` (all, if none is named) give.

        Raises `ProjectError`.
        """
        if any(service.use_api_socket for service in project.services.values()):
            project = self._with_api_socket(project)
        if all(service.provider is None for service in project.services.values()):
            return project
        from dockless.compose.run.order import with_dependencies
        from dockless.compose.run.provider import with_provided

        asked = tuple(services)
        selected = with_dependencies(project, asked) if with_deps else frozenset(asked or project.services)
        return with_provided(project, selected, progress, self.environ, dry_run=self.dry_run)

    def _with_api_socket(self, project: "Project") -> "Project":
        from dockless.client.config_file import ConfigError
        from dockless.client.docker_config import auth_entries
        from dockless.compose.run.api_socket import with_api_socket

        try:
            return with_api_socket(project, self.client.endpoint, lambda: auth_entries(self.environ))
        except ConfigError as error:
            raise Failure(f"resolving credentials failed: {error}") from error

    def progress(self, *, quiet: bool = False) -> "Progress":
        from dockless.cli.progress import progress_for

        return progress_for(self.told, "quiet" if quiet else self.progress_mode, os.environ)

    def plain_progress(self) -> "Progress":
        """In plain lines: a block that is redrawn would fight with the services' output."""
        from dockless.cli.progress import progress_for

        mode = self.progress_mode
        return progress_for(self.told, "plain" if mode in ("auto", "tty") else mode, os.environ)

    @property
    def told(self) -> TextIO:
        """Where it is told what is done."""
        return sys.stdout if means_yes(self.environ.get("COMPOSE_STATUS_STDOUT")) else sys.stderr

    @property
    def ansi(self) -> str:
        """`never`, `always` or `auto`."""
        return manners.ansi(self.ansi_asked, self.environ)

    @property
    def progress_mode(self) -> str:
        """`auto`, `tty`, `plain`, `json` or `quiet`. Raises `Failure`."""
        return manners.progress(self.progress_asked, self.ansi, self.environ)

    @property
    def width(self) -> int:
        """How much is done at once; less than 1 for no limit. Raises `Failure`."""
        return manners.parallel(self.parallel, self.environ)


def warn(text: str) -> None:
    """As Docker Compose prints its warnings, but without the time."""
    note(f"WARN[0000] {text}")
