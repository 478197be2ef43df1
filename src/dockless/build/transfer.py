"""COPY and ADD as a step: what is read, from where, as a key; and how it is written into a new layer."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from dockless.build import archives, copying, credentials, download
from dockless.build.copying import Destination
from dockless.build.draft import Draft
from dockless.build.events import Vertex
from dockless.build.metadata import Scope
from dockless.build.owners import Owner, octal_mode, parse_chmod, parse_owner
from dockless.build.plan import PlannedStage
from dockless.build.session import Session, folder_source
from dockless.build.sources import Selected, digest, select
from dockless.build.target import Target
from dockless.dockerfile.ignore import Ignore
from dockless.dockerfile.model import Add, Copy, Heredoc
from dockless.dockerfile.words import expand
from dockless.images.trees import remove_tree


class PreparedTransfer(msgspec.Struct, frozen=True):
    """A COPY or ADD with everything expanded and selected; `key` is what of it can change the result.

    `documents` are (name, content); `unpack` and `unpack_fetched` say whether local archives and downloads are opened;
    `archive_owner` is whose an archive's files become, None: as the archive says. `unmatched` are wildcards that
    matched nothing.
    """

    destination: Destination
    archive_owner: Owner | None
    selected: tuple[Selected, ...]
    documents: tuple[tuple[str, bytes], ...]
    fetched: tuple[download.Download, ...]
    unpack: bool
    unpack_fetched: bool
    created_by: str
    unmatched: tuple[str, ...]
    key: dict[str, Any]

    def write(self, folder: Path, lower: Sequence[Path]) -> Path:
        """Makes the layer's upper directory in `folder`. Raises `TargetError`, `SourceChanged`, `OSError`."""
        target = new_target(folder, lower)
        files = copying.count_files(self.selected) + len(self.documents) + len(self.fetched)
        copying.check_many(self.destination, files, target)
        for chosen in self.selected:
            self._write_local(chosen, target)
        for file in self.fetched:
            self._write_fetched(file, target)
        for name, body in self.documents:
            copying.place_content(body, name, self.destination, target, 0o644)
        target.finish()
        return folder / "upper"

    def _write_local(self, chosen: Selected, target: Target) -> None:
        if self.unpack and chosen.entry.is_file and archives.is_archive(chosen.entry.real):
            inside = Destination(self.destination.path, self.archive_owner)
            archives.unpack(chosen.entry.real, inside, target)
        else:
            copying.copy_selected(chosen, self.destination, target)

    def _write_fetched(self, file: download.Download, target: Target) -> None:
        if self.unpack_fetched and archives.is_archive(str(file.path)):
            inside = Destination(self.destination.path, self.archive_owner)
            archives.unpack(str(file.path), inside, target)
            return
        path = copying.file_path(file.name, self.destination, target)
        chmod = self.destination.chmod
        mode = 0o600 if chmod is None else chmod(0o100600)
        target.put_file(file.path, path, self.destination.owner or Owner(), mode, file.modified)


@contextmanager
def prepared(
    session: Session, planned: PlannedStage, draft: Draft, scope: Scope, instruction: Copy | Add, vertex: Vertex
) -> Iterator[PreparedTransfer]:
    """Expands, waits for the stage that is copied from, selects and reads; downloads live as long as the block.

    Raises `SourceError`, `UnknownUser`, `DownloadError`, `WordError`, `ValueError`, `BuildError`.
    """
    lower = session.lower(draft.diff_ids)
    written = scope.expand(instruction.destination, draft)
    chown, chmod = scope.expand(instruction.chown, draft), scope.expand(instruction.chmod, draft)
    sources = [scope.expand(source, draft) for source in instruction.sources]
    repositories = [source for source in sources if _is_git(session, instruction, source)]
    remote = [source for source in sources if source not in repositories and _is_url(session, instruction, source)]
    local = [source for source in sources if source not in remote and source not in repositories]
    chosen_owner = parse_owner(chown, lower) if chown else None
    owner = chosen_owner or Owner()
    selected: list[Selected] = []
    unmatched = []
    keeps_owners = False
    xattrs = True
    exclude = [scope.expand(pattern, draft) for pattern in instruction.exclude]
    if local:
        name = instruction.from_ if isinstance(instruction, Copy) else ""
        read = session.read(name, planned, instruction, lambda line: session.say(vertex, line))
        keeps_owners = chosen_owner is None and read.source.owner is None
        xattrs = read.source.xattrs
        for source in local:
            found = select(read.source, source, exclude, parents=isinstance(instruction, Copy) and instruction.parents)
            selected += found
            if not found:
                unmatched.append(source)
    mode = octal_mode(chmod)
    destination = Destination(
        path=copying.absolute(written, draft.config.working_dir),
        owner=None if keeps_owners else owner,
        chmod=parse_chmod(chmod) if chmod else None,
        xattrs=xattrs,
        folder_mode=0o755 if mode is None else mode & 0o755,
    )
    documents = tuple((document.name, _content(document, draft, scope)) for document in instruction.documents)
    unpack = instruction.unpack if isinstance(instruction, Add) else False
    checksum = scope.expand(instruction.checksum, draft) if isinstance(instruction, Add) else ""
    if checksum and len(remote + repositories) + len(instruction.documents) + len(local) != 1:
        raise session.error("checksum can't be specified for multiple sources", instruction)
    if checksum and not remote + repositories:
        raise session.error("checksum can't be specified for non-HTTP(S) and non-Git sources", instruction)
    with (
        _downloads(session, checksum, remote) as fetched,
        _checkouts(session, instruction, checksum, repositories, exclude) as checked_out,
    ):
        if checked_out:
            selected += checked_out
            destination = msgspec.structs.replace(destination, owner=owner, xattrs=False)
            xattrs = False
        yield PreparedTransfer(
            destination=destination,
            archive_owner=chosen_owner,
            selected=tuple(selected),
            documents=documents,
            fetched=tuple(fetched),
            unpack=unpack is not False,
            unpack_fetched=unpack is True,
            created_by=_history(instruction, sources, chown, chmod, written),
            unmatched=tuple(unmatched),
            key={
                "instruction": instruction.keyword,
                "destination": destination.path,
                "owner": None if keeps_owners else [owner.uid, owner.gid],
                "archive owner": chosen_owner is not None,
                "chmod": chmod,
                "content": digest(selected, owners=keeps_owners, xattrs=xattrs, content=session.tools.digests.of),
                "documents": [[name, hashlib.sha256(body).hexdigest()] for name, body in documents],
                "fetched": [[file.name, file.sha256, file.modified] for file in fetched],
                "unpack": unpack,
            },
        )


def new_target(folder: Path, lower: Sequence[Path]) -> Target:
    """An empty `upper` in `folder`, to be written over `lower`."""
    upper = folder / "upper"
    upper.mkdir(mode=0o755)
    upper.chmod(0o755)
    return Target(upper, lower)


def _is_git(session: Session, instruction: Copy | Add, source: str) -> bool:
    if not download.is_git(source):
        return False
    if isinstance(instruction, Copy):
        raise session.error("source can't be a git ref for COPY", instruction)
    return True


def _is_url(session: Session, instruction: Copy | Add, source: str) -> bool:
    if not download.is_url(source):
        return False
    if isinstance(instruction, Copy):
        raise session.error("source can't be a URL for COPY", instruction)
    return True


@contextmanager
def _checkouts(
    session: Session, instruction: Copy | Add, checksum: str, repositories: Sequence[str], exclude: Sequence[str]
) -> Iterator[list[Selected]]:
    if not repositories:
        yield []
        return
    from dockless.build import git

    keep = isinstance(instruction, Add) and instruction.keep_git_dir
    found: list[Selected] = []
    with ExitStack() as stack:
        for text in repositories:
            wanted = git.parse_git(text, checksum=checksum, keep_git_dir=keep)
            scratch = session.tools.layers.scratch.folder("git")
            stack.callback(remove_tree, scratch)
            (scratch / "checkout").mkdir(mode=0o755)
            agent = session.options.ssh.get("default")
            options = session.options
            folder = git.check_out(wanted, scratch / "checkout", options.environ, agent, options.secrets, session.check)
            ignore = Ignore() if wanted.keep_git_dir else Ignore([".git"])
            found += select(folder_source(folder, text, ignore), "/", exclude)
        yield found


@contextmanager
def _downloads(session: Session, checksum: str, urls: Sequence[str]) -> Iterator[list[download.Download]]:
    if not urls:
        yield []
        return
    from dockless.build import fetching

    folder = session.tools.layers.scratch.folder("download")
    try:
        fetched = []
        for number, url in enumerate(urls):
            into = folder / str(number)
            authorization = credentials.for_download(url, session.options.secrets)
            fetched.append(fetching.fetch(url, into, checksum, session.options.environ, session.check, authorization))
        yield fetched
    finally:
        shutil.rmtree(folder)


def _content(document: Heredoc, draft: Draft, scope: Scope) -> bytes:
    body = document.body
    if document.expand:
        body = expand(body, draft.variables, quotes=False)
    return body.encode("utf-8", "surrogateescape")


def _history(instruction: Copy | Add, sources: Sequence[str], chown: str, chmod: str, destination: str) -> str:
    words = [instruction.keyword]
    if isinstance(instruction, Copy) and instruction.parents:
        words.append("--parents")
    if chown:
        words.append(f"--chown={chown}")
    if chmod:
        words.append(f"--chmod={chmod}")
    words += [*sources, *(f"<<{document.name}" for document in instruction.documents), destination]
    return " ".join(words) + " # buildkit"
