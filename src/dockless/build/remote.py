"""A build context that is fetched where the build runs: a git repository, an archive, or a Dockerfile alone.

The forms are the classic builder's (`POST /build?remote=`): what names a git repository is checked out, with the
`#REF:FOLDER` behind it; any other URL is downloaded, and what comes is opened where it is a tar archive, compressed or
not, and taken for a Dockerfile else.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from dockless.build import archives, credentials, download, git
from dockless.build.download import DownloadError
from dockless.build.options import BuildOptions
from dockless.images.compression import decompress
from dockless.images.trees import remove_tree
from dockless.images.unpack import extract

_CHUNK = 1 << 18
_MAX_DOCKERFILE = 16 << 20  # bytes
_KEEP = "BUILDKIT_CONTEXT_KEEP_GIT_DIR"  # a build argument (reference: "BuildKit built-in build args")


class RemoteContext(msgspec.Struct, frozen=True):
    """`folder` has the context, or `dockerfile` is the text of a Dockerfile without one."""

    folder: Path | None = None
    dockerfile: str | None = None


def fetch_context(text: str, scratch: Path, options: BuildOptions, still_wanted: Callable[[], None]) -> RemoteContext:
    """Blocking; what is fetched is below `scratch`, an empty folder. `still_wanted` ends it by raising.

    Of the options count the environment, the agent, the secrets that open servers, and whether `.git` is kept.

    Raises `DownloadError`, and `tarfile.TarError`, `EOFError`, `ImageError` for an archive that is broken.
    """
    address = f"https://{text}" if text.startswith(download.SHORT) else text
    into = scratch / "context"
    into.mkdir(mode=0o755)
    if text.startswith(download.SHORT) or download.is_git(address):
        wanted = git.parse_git(address, keep_git_dir=options.truth_of(_KEEP))
        folder = git.check_out(wanted, into, options.environ, options.ssh.get("default"), options.secrets, still_wanted)
        if not wanted.keep_git_dir:
            remove_tree(into / ".git")
        return RemoteContext(folder=folder)
    if not download.is_url(address):
        raise DownloadError(f"remoteURL ({text}) could not be recognized as URL")
    from dockless.build import fetching  # its HTTP client is a large import

    authorization = credentials.for_download(address, options.secrets)
    found = fetching.fetch(address, scratch / "fetched", "", options.environ, still_wanted, authorization)
    if archives.is_archive(str(found.path)):
        extract(decompress(_chunks(found.path, still_wanted)), into)
        return RemoteContext(folder=into)
    return RemoteContext(dockerfile=_text(address, found.path))


def _chunks(path: Path, still_wanted: Callable[[], None]) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(_CHUNK):
            still_wanted()
            yield data


def _text(address: str, path: Path) -> str:
    if path.stat().st_size > _MAX_DOCKERFILE:
        raise DownloadError(f"{address}: neither a tar archive nor a Dockerfile: too large for one")
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise DownloadError(f"{address}: neither a tar archive nor a Dockerfile in UTF-8 ({error.reason})") from error
