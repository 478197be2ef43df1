"""What a build context holds, as a value: the names of its files and the patterns that leave some of them out."""

import posixpath

import msgspec

from dockless.dockerfile.ignore import Ignore


class Folder(msgspec.Struct, frozen=True):
    """A folder. `files` are paths below it, with slashes; `complete` is false where there were too many to list.

    `ignore_text` is None where there is no ignore file; `ignore_path` is where it is, or would be. `there` is false for
    a folder that does not exist.
    """

    path: str
    files: frozenset[str] = frozenset()
    complete: bool = True
    there: bool = True
    ignore_path: str = ""
    ignore_text: str | None = None

    @property
    def ignore(self) -> Ignore:
        """Raises `IgnoreError`."""
        return Ignore.parse(self.ignore_text or "")

    def has(self, path: str) -> bool:
        """Whether there is a file or a folder of that name."""
        clean = posixpath.normpath(path)
        return clean == "." or clean in self.files or any(name.startswith(clean + "/") for name in self.files)

    def matching(self, names: frozenset[str]) -> list[str]:
        return sorted(names & self.files)

    def within(self, path: str) -> str | None:
        """An absolute path as one below this folder ("." for itself), None where it lies outside."""
        clean = posixpath.normpath(path)
        if clean == self.path:
            return "."
        return clean[len(self.path) + 1 :] if clean.startswith(self.path.rstrip("/") + "/") else None
