"""Where in the reader's files something stands: what all of this room points at."""

import os

import msgspec


class Place(msgspec.Struct, frozen=True, order=True):
    """A file and a line. `line` and `column` count from 1; 0 means the whole file, or the whole line."""

    file: str
    line: int = 0
    column: int = 0

    def shown(self, folder: str) -> str:
        """`file:line`, as a reader in `folder` would name the file: relative to it unless it lies outside."""
        name = os.path.relpath(self.file, folder) if os.path.isabs(self.file) else self.file
        name = self.file if name.startswith("..") else name
        return f"{name}:{self.line}" if self.line else name
