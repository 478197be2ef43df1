"""Compose files from elsewhere: a git repository, or an OCI artifact at a registry; fetched into a cache folder.

The folder is Docker Compose's, `$XDG_CACHE_HOME/docker-compose/<commit or digest>`, and what is in it is laid out as it
does: both tools then see the same project, since bind mounts and labels name the folder. What is there is not fetched
again; a name (a branch, a tag) is looked up each time.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from dockless.compose.errors import ComposeError
from dockless.compose.load.options import Fetched
from dockless.compose.load.sources import NAMES

OCI = "oci://"
_SWITCHES = {OCI: "COMPOSE_EXPERIMENTAL_OCI_REMOTE", "git": "COMPOSE_EXPERIMENTAL_GIT_REMOTE"}
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SCP = re.compile(r"[\w.-]+@[\w.-]+:")
_HOSTS = ("github.com/", "gitlab.com/", "bitbucket.org/")


class GitReference(Struct, frozen=True):
    """`remote` is what git is told; `ref` a branch, tag or commit, empty for the default; `folder` a path inside."""

    remote: str
    ref: str
    folder: str


def git_reference(text: str) -> GitReference | None:
    """None for what names no repository: a web address whose path does not end in `.git` is none."""
    remote, _, fragment = text.partition("#")
    ref, _, folder = fragment.partition(":")
    if remote.startswith(_HOSTS):
        remote = f"https://{remote}"
    elif remote.startswith(("http://", "https://")):
        if not remote.endswith(".git"):
            return None
    elif not remote.startswith(("git://", "ssh://", "git@")) and not _SCP.match(remote):
        return None
    return GitReference(remote, ref, folder)


class RemoteFiles:
    """Fetches, each once for as long as this lives."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._known: dict[str, Fetched] = {}

    def __call__(self, name: str) -> Fetched:
        """The local file that `name` stands for. Raises `ComposeError`."""
        if name not in self._known:
            self._known[name] = self._oci(name) if name.startswith(OCI) else self._git(name)
        return self._known[name]

    def _cache(self) -> Path:
        home = self._environ.get("XDG_CACHE_HOME") or os.path.join(self._environ.get("HOME", "/"), ".cache")
        return Path(home, "docker-compose")

    def _allowed(self, kind: str, shown: str) -> None:
        value = self._environ.get(_SWITCHES[kind], "").lower()
        if value in ("0", "f", "false"):
            raise ComposeError(f'{shown} remote resource is disabled by "{_SWITCHES[kind]}"')
        if value not in ("", "1", "t", "true"):
            raise ComposeError(f"{_SWITCHES[kind]} environment variable expects boolean value")

    # registries

    def _oci(self, name: str) -> Fetched:
        from dockless.client.artifacts import ArtifactError, Artifacts
        from dockless.compose.run.artifact import COMPOSE_FILE, NoComposeArtifact, files_of

        self._allowed(OCI, "OCI")
        reference = name.removeprefix(OCI)
        try:
            artifacts = Artifacts(reference, self._environ)
            digest, manifest = artifacts.manifest()
            folder = self._cache() / digest.removeprefix("sha256:")
            if not folder.exists():
                files = files_of(manifest, artifacts.blob, reference)
                with _Arriving(folder) as arriving:
                    for file, content in files.items():
                        (arriving / file).write_bytes(content)
        except (ArtifactError, NoComposeArtifact) as error:
            raise ComposeError(f'failed to pull OCI resource "{reference}": {error}') from error
        except OSError as error:
            raise ComposeError(f"{name}: {error.filename}: {error.strerror}") from error
        return Fetched(str(folder / COMPOSE_FILE), str(folder))

    # git

    def _git(self, name: str) -> Fetched:
        reference = git_reference(name)
        if reference is None:
            raise ComposeError(
                f"{name} is no git repository and no OCI artifact: a repository's address ends in .git, an artifact's "
                "begins with oci://"
            )
        self._allowed("git", "git")
        inside = os.path.normpath(reference.folder) if reference.folder else ""
        if inside.startswith("/"):
            raise ComposeError(f"git subdirectory must be relative, got: {reference.folder}")
        if inside == ".." or inside.startswith("../"):
            raise ComposeError(f"git subdirectory path traversal detected: {reference.folder}")
        commit = self._commit(name, reference)
        root = self._cache() / commit
        if not root.exists():
            try:
                with _Arriving(root) as arriving:
                    self._check_out(reference.remote, commit, arriving)
            except OSError as error:
                raise ComposeError(f"{name}: {error.filename}: {error.strerror}") from error
        return Fetched(_compose_file(root, inside, name), str(root))

    def _commit(self, name: str, reference: GitReference) -> str:
        if _COMMIT.fullmatch(reference.ref):
            return reference.ref
        done = self._run("ls-remote", "--exit-code", "--", reference.remote, reference.ref or "HEAD")
        if done.returncode == 2:
            raise ComposeError(f"repository does not contain ref {name}")
        if done.returncode:
            raise ComposeError(f"failed to access repository at {reference.remote}:\n {done.stderr.strip()}")
        pairs = (line.partition("\t") for line in done.stdout.splitlines())
        found: dict[str, str] = {name: commit for commit, _, name in pairs}
        ref = reference.ref or "HEAD"
        for each in (f"refs/tags/{ref}^{{}}", ref, f"refs/{ref}", f"refs/tags/{ref}", f"refs/heads/{ref}"):
            if each in found and _COMMIT.fullmatch(found[each]):
                return found[each]
        raise ComposeError(f"repository does not contain ref {name}")

    def _check_out(self, remote: str, commit: str, folder: Path) -> None:
        for arguments in (
            ("init", "--quiet"),
            ("remote", "add", "--", "origin", remote),
            ("fetch", "--quiet", "--depth=1", "origin", commit),
            ("checkout", "--quiet", commit),
        ):
            done = self._run(*arguments, folder=folder)
            if done.returncode:
                raise ComposeError(f"git {arguments[0]} of {remote} failed:\n {done.stderr.strip()}")

    def _run(self, *arguments: str, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
        environ = {"GIT_TERMINAL_PROMPT": "0", **self._environ}
        if not environ.get("GIT_SSH") and not environ.get("GIT_SSH_COMMAND"):
            environ["GIT_SSH_COMMAND"] = "ssh -o ControlMaster=no -o BatchMode=yes"
        try:
            return subprocess.run(
                ["git", *arguments], cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True
            )
        except OSError as error:
            raise ComposeError(
                f"a compose file is in a git repository, and git cannot be run: {error.strerror}"
            ) from error


def _compose_file(root: Path, inside: str, name: str) -> str:
    """The file, or the compose file of the folder; never one that a link leads out to. Raises `ComposeError`."""
    place = root / inside
    candidates = [place / each for each in NAMES] if place.is_dir() else [place]
    for candidate in candidates:
        if candidate.is_file():
            if not candidate.resolve().is_relative_to(root.resolve()):
                raise ComposeError(f"{name}: {candidate.relative_to(root)} is a link that leads out of the repository")
            return str(candidate)
    raise ComposeError(f"{name}: there is no {inside or 'compose file'} in it: not found")


class _Arriving:
    """A folder that gets its name when all is in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Path:
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = Path(tempfile.mkdtemp(prefix=".arriving-", dir=self._folder.parent))
        return self._path

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._path.rename(self._folder)
        except OSError:
            # Somebody else has fetched the same meanwhile.
            if not self._folder.exists():
                raise
        finally:
            shutil.rmtree(self._path, ignore_errors=True)
