"""ADD of a git repository: what its address says, and the checkout, made with the host's `git`.

The forms are the reference's ("ADD": "Adding files from a Git repository"): `REPOSITORY#REF:FOLDER`, or the same by
`?branch=`, `tag=`, `ref=`, `commit=`, `subdir=`, `keep-git-dir=`, `submodules=`.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

import msgspec

from dockless.build import credentials, handover
from dockless.build.download import DownloadError

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_BEGINNING = re.compile(r"[0-9a-f]{1,64}")
_HEAD = re.compile(r"ref: (refs/heads/\S+)\tHEAD")
_PATIENCE = 0.2  # seconds between two looks at whether the build was cancelled
_YES = {"": True, "1": True, "true": True, "0": False, "false": False}


class GitSource(msgspec.Struct, frozen=True):
    """`ref` "": the repository's default branch. `commit`: what must have been fetched, or how it begins."""

    url: str
    ref: str = ""
    folder: str = ""
    commit: str = ""
    keep_git_dir: bool = False
    submodules: bool = True


def parse_git(text: str, *, checksum: str = "", keep_git_dir: bool = False) -> GitSource:
    """Raises `DownloadError`."""
    address, _, fragment = text.partition("#")
    ref, _, folder = fragment.partition(":")
    found = GitSource(address, ref, folder, keep_git_dir=keep_git_dir)
    if "://" in address and "?" in address:
        found = _by_query(found, address)
    if checksum:
        found = msgspec.structs.replace(found, commit=checksum.lower())
    if found.commit and not _BEGINNING.fullmatch(found.commit):
        raise DownloadError(f"{text}: a commit is written in hex, not {found.commit!r}")
    if found.ref.startswith("-") or found.url.startswith("-"):
        raise DownloadError(f"{text}: a ref does not begin with a dash")
    return found


def check_out(
    source: GitSource,
    into: Path,
    environ: Mapping[str, str],
    agent: Path | None,
    secrets: Mapping[str, bytes],
    still_wanted: Callable[[], None],
) -> Path:
    """The folder with the files. Blocking; `still_wanted` is called now and then, and ends it by raising.

    `secrets` may hold what opens the server (`credentials`).

    Raises `DownloadError`.
    """
    authorization = credentials.for_git(source.url, secrets)
    git = _Git(into, _environment(environ, agent, into) | _authorized(source.url, authorization), still_wanted)
    git("init", "-q", ".")
    # A commit's first letters are no name to ask a server for: they are held against what comes.
    wanted = source.ref or (source.commit if _COMMIT.fullmatch(source.commit) else "") or "HEAD"
    try:
        git("fetch", "-q", "--depth=1", "--no-tags", source.url, wanted)
        fetched = "FETCH_HEAD"
    except DownloadError:
        # A server may refuse to give one commit alone, or to cut the history.
        if not _COMMIT.fullmatch(wanted):
            raise
        git("fetch", "-q", source.url, "+refs/*:refs/remotes/origin/*")
        fetched = wanted
    git("checkout", "-q", "--detach", fetched)
    actual = git("rev-parse", "HEAD").strip()
    if source.commit and not actual.startswith(source.commit):
        raise DownloadError(f"expected checksum to match {source.commit}, got {actual} (of {source.url})")
    if source.submodules and (into / ".gitmodules").is_file():
        git("submodule", "-q", "update", "--init", "--recursive", "--depth=1")
    git("remote", "add", "origin", source.url)
    if source.keep_git_dir:
        _tidy(git, source, fetched, actual)
    folder = Path(os.path.normpath(into / source.folder.lstrip("/")))
    if not folder.is_relative_to(into) or not folder.is_dir() or folder.is_symlink():
        raise DownloadError(f"{source.url}: there is no folder {source.folder} in it")
    return folder


def _tidy(git: "_Git", source: GitSource, fetched: str, commit: str) -> None:
    """What is kept of it: it knows the branch or tag that was asked for, and nothing of when it was fetched."""
    if fetched == "FETCH_HEAD":
        said = (git.folder / ".git/FETCH_HEAD").read_text(encoding="utf-8", errors="replace")
        if named := re.match(r"([0-9a-f]+)\t\S*\t(tag|branch) '([^']+)' of ", said):
            git("update-ref", f"refs/{'tags' if named[2] == 'tag' else 'heads'}/{named[3]}", named[1])
        elif not source.ref and (head := _HEAD.match(git("ls-remote", "--symref", source.url, "HEAD"))):
            git("update-ref", head[1], commit)
    (git.folder / ".git/FETCH_HEAD").unlink(missing_ok=True)
    for log in (git.folder / ".git/logs").rglob("*"):
        if log.is_file():
            log.write_bytes(b"")


def _by_query(found: GitSource, address: str) -> GitSource:
    parts = urlsplit(address)
    given = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
    known = {"branch", "tag", "ref", "commit", "checksum", "subdir", "keep-git-dir", "submodules", "mtime"}
    if unknown := sorted(given.keys() - known):
        raise DownloadError(f"{address}: unexpected {unknown[0]!r} (known: {', '.join(sorted(known))})")
    refs = [given.get("ref", "")]
    refs += [f"refs/heads/{given['branch']}"] if given.get("branch") else []
    refs += [f"refs/tags/{given['tag']}"] if given.get("tag") else []
    named = [ref for ref in (found.ref, *refs) if ref]
    if len(named) > 1:
        raise DownloadError(f"{address}: only one of ref, branch, tag and a fragment can be given")
    return GitSource(
        url=urlunsplit(parts._replace(query="")),
        ref=named[0] if named else "",
        folder=given.get("subdir") or found.folder,
        commit=(given.get("checksum") or given.get("commit") or "").lower(),
        keep_git_dir=found.keep_git_dir or _yes(address, given, "keep-git-dir", False),
        submodules=_yes(address, given, "submodules", True),
    )


def _yes(address: str, given: Mapping[str, str], key: str, default: bool) -> bool:
    if key not in given:
        return default
    found = _YES.get(given[key].lower())
    if found is None:
        raise DownloadError(f"{address}: {key} is true or false, not {given[key]!r}")
    return found


class _Git(msgspec.Struct):
    folder: Path
    environ: Mapping[str, str]
    still_wanted: Callable[[], None]

    def __call__(self, *arguments: str) -> str:
        git = shutil.which("git", path=self.environ.get("PATH"))
        if git is None:
            raise DownloadError("ADD of a git repository needs git, which is not installed where the engine runs")
        process = subprocess.Popen(
            [git, *arguments],
            cwd=self.folder,
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            umask=0o022,
        )
        try:
            while True:
                try:
                    out, said = process.communicate(timeout=_PATIENCE)
                    break
                except subprocess.TimeoutExpired:
                    self.still_wanted()
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        if process.returncode:
            raise DownloadError(f"git {arguments[0]} {arguments[-1]}: {said.strip() or process.returncode}")
        return out


def _environment(environ: Mapping[str, str], agent: Path | None, home: Path) -> dict[str, str]:
    """No configuration of the machine or its user, no question to anybody, and no protocol but those of the network."""
    found = {name: value for name in ("PATH", *handover.PROXY_VARIABLES) if (value := environ.get(name))}
    found.setdefault("PATH", os.defpath)
    found |= {
        "HOME": str(home.parent),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "http:https:git:ssh",
        "GIT_SSH_COMMAND": "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new"
        f" -o UserKnownHostsFile={home.parent}/known_hosts",
        "LC_ALL": "C.UTF-8",
    }
    if (bundle := handover.ca_bundle(environ)) is not None:
        found["GIT_SSL_CAINFO"] = str(bundle)
    if agent is not None:
        found["SSH_AUTH_SOCK"] = str(agent)
    return found


def _authorized(url: str, authorization: str | None) -> dict[str, str]:
    """Configuration for git (2.31 and later) that no command line shows, for this server alone."""
    if authorization is None:
        return {}
    parts = urlsplit(url)
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc.rpartition('@')[2]}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: {authorization}",
    }
