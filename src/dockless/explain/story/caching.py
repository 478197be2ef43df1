"""What of a build is cached: for each step, what a change of would run it again, and what follows from it.

A step is run again when its own line, the files that it reads, or any step before it in its stage has changed.
"""

import fnmatch
import posixpath
from collections.abc import Iterator

import msgspec

from dockless.dockerfile import model as language
from dockless.explain.story.built import Built, earlier_stage
from dockless.explain.story.shell import listed
from dockless.explain.story.stack import Image


class Cause(msgspec.Struct, frozen=True):
    """A step and the context's files that it reads itself: `.` is all of them."""

    line: int
    stage: int
    instruction: str
    reads: tuple[str, ...] = ()
    sentence: str = ""
    runs: bool = False
    """Whether it makes a layer, so that running it again costs time."""


def causes_of(image: Image, built: Built) -> list[Cause]:
    """The steps of the stages that are needed, in the file's order."""
    found: list[Cause] = []
    for stage in image.file.stages:
        if stage.index not in built.needed:
            continue
        earlier: list[str] = []
        found.append(Cause(stage.from_.position.line, stage.index, _short(stage.from_)))
        for each in stage.instructions:
            reads = _reads(each, built)
            new = [name for name in reads if name not in earlier]
            sentence = _sentence(each, tuple(reads), earlier)
            earlier += new
            makes = isinstance(each, (language.Run, language.Copy, language.Add, language.Workdir))
            found.append(Cause(each.position.line, stage.index, _short(each), tuple(reads), sentence, makes))
    return found


def _short(instruction: language.Instruction) -> str:
    text = " ".join(instruction.original.split())
    return text if len(text) <= 60 else text[:59] + "…"


def _reads(instruction: language.Instruction, built: Built) -> list[str]:
    if isinstance(instruction, language.Add) or (isinstance(instruction, language.Copy) and not instruction.from_):
        state = built.before.get(instruction.position.line)
        words = [state.expanded(each) if state else each for each in instruction.sources]
        return [posixpath.normpath(word.lstrip("/") or ".") for word in words if "://" not in word]
    if isinstance(instruction, language.Run):
        return [
            posixpath.normpath(parts.get("source") or parts.get("src") or ".")
            for mount in instruction.mounts
            if (parts := dict(part.partition("=")[::2] for part in mount.split(","))).get("type", "bind") == "bind"
            and not parts.get("from")
        ]
    return []


def _sentence(instruction: language.Instruction, reads: tuple[str, ...], earlier: list[str]) -> str:
    if isinstance(instruction, language.Run):
        above = [*earlier, *(name for name in reads if name not in earlier)]
        if not above:
            return "Cached: runs again only when this line, a line above or the base image changes."
        what = "any file of the project" if "." in above else listed(above)
        return (
            f"Cached: runs again when {what} changes (copied above), or this line or a line above; "
            "otherwise the layer is reused."
        )
    if reads and "." in reads:
        return "Cached until any file of the context changes; steps below this one then run again, steps above do not."
    if reads:
        return f"Cached until {listed(reads)} changes; then this step and all below it run again."
    return ""


class Rerun(msgspec.Struct, frozen=True):
    """A change, and the steps that it runs again (their lines, in order)."""

    change: str
    steps: tuple[Cause, ...]


def reruns(image: Image, built: Built) -> list[Rerun]:
    """What a change of each kind of file runs again, from the dearest to the cheapest."""
    causes = causes_of(image, built)
    found = [
        Rerun(f"the base image `{built.ends[built.target].base}` (pulled anew)", tuple(c for c in causes if c.runs))
    ]
    names = list(dict.fromkeys(name for cause in causes for name in cause.reads if name != "."))
    for name in names:
        found.append(Rerun(f"`{name}`", tuple(_after(image, causes, name))))
    if any("." in cause.reads for cause in causes):
        text = "any other file of the context" if names else "any file of the context"
        found.append(Rerun(text, tuple(_after(image, causes, "\0other"))))
    return found


def _after(image: Image, causes: list[Cause], name: str) -> Iterator[Cause]:
    """The steps that a change of the file `name` runs again: the first that reads it, all below it in its stage, and
    in later stages what comes after such a stage."""
    changed: set[int] = set()
    for stage in image.file.stages:
        base = earlier_stage(image.file, stage.from_.base, stage.index)
        dirty = base is not None and base.index in changed
        lines = {cause.line: cause for cause in causes if cause.stage == stage.index}
        for each in stage.instructions:
            cause = lines.get(each.position.line)
            if cause is None:
                continue
            from_ = (
                earlier_stage(image.file, each.from_, stage.index)
                if isinstance(each, language.Copy) and each.from_
                else None
            )
            dirty = dirty or _covers(cause.reads, name) or (from_ is not None and from_.index in changed)
            if dirty and cause.runs:
                yield cause
        if dirty:
            changed.add(stage.index)


def _covers(reads: tuple[str, ...], name: str) -> bool:
    return any(
        read in (".", name) or name.startswith(read + "/") or ("*" in read and fnmatch.fnmatch(name, read))
        for read in reads
    )
