"""The parsed Dockerfile as frozen values: stages, and their instructions with where they stand in the file.

Words are as written: variables are expanded by whoever knows their values (`words.expand`). An instruction's `original`
is its one logical line (continuations joined, comments gone), `text` the same with its here-documents.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from dockless.dockerfile.errors import Position


class Heredoc(msgspec.Struct, frozen=True):
    """A here-document. `content` is as written, with its newlines; `expand` is false where the word was quoted."""

    name: str
    content: str
    expand: bool = True
    chomp: bool = False
    descriptor: int = 0

    @property
    def body(self) -> str:
        """The content as a file gets it: without leading tabs after `<<-`."""
        if not self.chomp:
            return self.content
        return "".join(line.lstrip("\t") for line in self.content.splitlines(keepends=True))


class CommandLine(msgspec.Struct, frozen=True):
    """A command in shell form (`words` is the one line for the shell) or in exec form (`words` is the JSON array)."""

    words: tuple[str, ...]
    shell: bool


class Mount(msgspec.Struct, frozen=True):
    """One `--mount` of a RUN, expanded and checked (`mounts.parse_mount`); None where nothing was said.

    `size` is in bytes. `from_` is a stage, an image or a named context; "" is the build context.
    """

    type: Literal["bind", "cache", "tmpfs", "secret", "ssh"]
    target: str = ""
    source: str = ""
    from_: str = ""
    readonly: bool = True
    required: bool = False
    id: str = ""
    sharing: Literal["shared", "private", "locked"] = "shared"
    size: int = 0
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    env: str | None = None


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """What every instruction has. `keyword` is in capitals; `comments` are those right above it, without their mark."""

    keyword: str
    original: str
    position: Position
    heredocs: tuple[Heredoc, ...] = ()
    comments: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The instruction with its here-documents, as it stands in the file but for continuations."""
        documents = (f"{document.content}{document.name}" for document in self.heredocs)
        return "\n".join((self.original, *documents))


class From(Instruction, frozen=True, kw_only=True):
    base: str
    stage_name: str | None = None
    platform: str = ""


class Run(Instruction, frozen=True, kw_only=True):
    """`mounts` are the options' values as written; `mounts.parse_mount` reads one."""

    command: CommandLine
    mounts: tuple[str, ...] = ()
    network: Literal["default", "none", "host"] = "default"
    security: Literal["sandbox", "insecure"] = "sandbox"
    devices: tuple[str, ...] = ()


class Copy(Instruction, frozen=True, kw_only=True):
    """COPY. Sources that are here-documents stand in `documents`, the others in `sources`."""

    sources: tuple[str, ...]
    documents: tuple[Heredoc, ...] = ()
    destination: str
    from_: str = ""
    chown: str = ""
    chmod: str = ""
    link: bool = False
    parents: bool = False
    exclude: tuple[str, ...] = ()


class Add(Instruction, frozen=True, kw_only=True):
    """ADD. `unpack` is None where the default holds: local archives are unpacked, downloaded ones are not."""

    sources: tuple[str, ...]
    documents: tuple[Heredoc, ...] = ()
    destination: str
    chown: str = ""
    chmod: str = ""
    link: bool = False
    checksum: str = ""
    keep_git_dir: bool = False
    unpack: bool | None = None
    exclude: tuple[str, ...] = ()


class Env(Instruction, frozen=True, kw_only=True):
    pairs: tuple[tuple[str, str], ...]


class Label(Instruction, frozen=True, kw_only=True):
    pairs: tuple[tuple[str, str], ...]


class Arg(Instruction, frozen=True, kw_only=True):
    """`pairs` are (name, default); the default is None where none was given."""

    pairs: tuple[tuple[str, str | None], ...]


class Expose(Instruction, frozen=True, kw_only=True):
    ports: tuple[str, ...]


class Volume(Instruction, frozen=True, kw_only=True):
    paths: tuple[str, ...]


class User(Instruction, frozen=True, kw_only=True):
    user: str


class Workdir(Instruction, frozen=True, kw_only=True):
    path: str


class Cmd(Instruction, frozen=True, kw_only=True):
    command: CommandLine


class Entrypoint(Instruction, frozen=True, kw_only=True):
    command: CommandLine


class Stopsignal(Instruction, frozen=True, kw_only=True):
    signal: str


class Healthcheck(Instruction, frozen=True, kw_only=True):
    """`command` is None for `HEALTHCHECK NONE`. Durations in nanoseconds (as in the image's configuration), 0 unset."""

    command: CommandLine | None
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class Shell(Instruction, frozen=True, kw_only=True):
    words: tuple[str, ...]


class Onbuild(Instruction, frozen=True, kw_only=True):
    """`trigger` is the instruction's text, as the image's configuration keeps it; it has been checked."""

    trigger: str


class Maintainer(Instruction, frozen=True, kw_only=True):
    name: str


class Stage(msgspec.Struct, frozen=True):
    """One FROM and what follows it. `index` counts from 0; `name` is in lower case."""

    index: int
    from_: From
    instructions: tuple[Instruction, ...]

    @property
    def name(self) -> str | None:
        return self.from_.stage_name

    @property
    def title(self) -> str:
        """How people know the stage: its name, or `stage-N`."""
        return self.name or f"stage-{self.index}"


class Dockerfile(msgspec.Struct, frozen=True):
    """A whole file. `arguments` are the ARGs before the first FROM; `escape` the escape character.

    `empty_continuations` are where instructions go on over an empty line.
    """

    name: str
    text: str
    stages: tuple[Stage, ...]
    arguments: tuple[Arg, ...] = ()
    escape: str = "\\"
    directives: Mapping[str, str] = msgspec.field(default_factory=dict)
    empty_continuations: tuple[Position, ...] = ()

    def stage(self, reference: str) -> Stage | None:
        """The stage of this name (letter case ignored) or number; of two with one name the last."""
        lowered = reference.lower()
        for stage in reversed(self.stages):
            if stage.name == lowered:
                return stage
        if reference.isascii() and reference.isdigit() and int(reference) < len(self.stages):
            return self.stages[int(reference)]
        return None
