"""A Dockerfile with its context, as rules look at it: stages and what they build on, commands, folders, edits."""

import posixpath
import re
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from typing import TypeVar

import msgspec

from dockless.dockerfile import model
from dockless.dockerfile.words import WordError, expand
from dockless.explain.doctor import shell
from dockless.explain.doctor.findings import Edit, Hit, Severity, Text
from dockless.explain.doctor.folder import Folder

Kind = TypeVar("Kind", bound=model.Instruction)
_SCRIPTING = re.compile(r"(?:/bin/)?(?:ba|da|a)?sh(?: -\w+)*$")


class Recipe(msgspec.Struct, frozen=True, dict=True):
    """`today` decides what has reached its end of life. `target` is the stage that the project builds ("": the last).

    `env_files` are the paths below the context that the project gives to its services as environment.
    """

    text: Text
    parsed: model.Dockerfile
    folder: Folder
    today: date
    target: str = ""
    env_files: frozenset[str] = frozenset()
    users: tuple[str, ...] = ()
    """The `user` of each service that runs it, as the compose file sets it ("" where it does not)."""

    @cached_property
    def final(self) -> model.Stage:
        """The stage that becomes the image."""
        return self.parsed.stage(self.target) or self.parsed.stages[-1]

    @cached_property
    def chain(self) -> tuple[model.Stage, ...]:
        """The stages whose instructions the image is made of, the lowest first."""
        return self.chain_of(self.final)

    def chain_of(self, stage: model.Stage) -> tuple[model.Stage, ...]:
        chain = [stage]
        while (below := self._below(chain[0])) is not None:
            chain.insert(0, below)
        return tuple(chain)

    def _below(self, stage: model.Stage) -> model.Stage | None:
        named = self.base_name(stage).lower()
        return next((other for other in self.parsed.stages[: stage.index] if other.name == named), None)

    def base_name(self, stage: model.Stage) -> str:
        """What FROM names, with the defaults of the arguments before it."""
        return self.expanded(stage.from_.base, self.arguments)

    def base(self, stage: model.Stage) -> str:
        """The image at the bottom of a stage: `python:3.12-slim`."""
        return self.base_name(self.chain_of(stage)[0])

    @cached_property
    def arguments(self) -> dict[str, str]:
        """The ARGs before the first FROM that have a default."""
        found: dict[str, str] = {}
        for argument in self.parsed.arguments:
            for name, value in argument.pairs:
                if value is not None:
                    found[name] = self.expanded(value, found)
        return found

    def expanded(self, word: str, variables: dict[str, str]) -> str:
        try:
            return expand(word, variables, escape=self.parsed.escape)
        except WordError:
            return word

    def all(self, kind: type[Kind]) -> Iterator[tuple[model.Stage, Kind]]:
        """Every instruction of a kind in the file, with its stage."""
        for stage in self.parsed.stages:
            for instruction in stage.instructions:
                if isinstance(instruction, kind):
                    yield stage, instruction

    def last(self, kind: type[Kind]) -> Kind | None:
        """The image's last instruction of a kind: the one that counts."""
        found = None
        for stage in self.chain:
            for instruction in stage.instructions:
                if isinstance(instruction, kind):
                    found = instruction
        return found

    def walk(self) -> Iterator[tuple[model.Instruction, str]]:
        """The instructions that the image is made of, each with the folder that it works in."""
        folder = "/"
        known: dict[str, str] = {}
        for stage in self.chain:
            for instruction in stage.instructions:
                yield instruction, folder
                if isinstance(instruction, model.Workdir):
                    folder = posixpath.normpath(posixpath.join(folder, self.expanded(instruction.path, known)))
                elif isinstance(instruction, model.Env):
                    known.update((name, self.expanded(value, known)) for name, value in instruction.pairs)
                elif isinstance(instruction, model.Arg):
                    for name, value in instruction.pairs:
                        known.setdefault(name, value if value is not None else self.arguments.get(name, ""))

    @cached_property
    def folder_at_end(self) -> str:
        """The working directory of the image's process, as far as the file says."""
        where = "/"
        for instruction, folder in self.walk():
            where = folder
            if isinstance(instruction, model.Workdir):
                where = posixpath.normpath(posixpath.join(folder, instruction.path))
        return where

    @cached_property
    def copies(self) -> tuple[tuple[model.Instruction, str, str], ...]:
        """What of the context is where in the image: (instruction, path in the context, absolute path in the image)."""
        found = []
        for instruction, folder in self.walk():
            if isinstance(instruction, (model.Copy, model.Add)) and not getattr(instruction, "from_", ""):
                for source in instruction.sources:
                    found.append((instruction, *self._copied(source, instruction, folder)))
        return tuple(found)

    def _copied(self, source: str, instruction: "model.Copy | model.Add", folder: str) -> tuple[str, str]:
        clean = posixpath.normpath(source.lstrip("/") or ".")
        target = posixpath.normpath(posixpath.join(folder, self.expanded(instruction.destination, {})))
        is_file = clean in self.folder.files
        if is_file and (instruction.destination.endswith(("/", ".")) or len(instruction.sources) > 1):
            target = posixpath.join(target, posixpath.basename(clean))
        return clean, target

    @cached_property
    def runs(self) -> tuple[tuple[model.Stage, model.Run, tuple[shell.Command, ...]], ...]:
        """Every RUN with the commands in it; exec form has one, whose words stand nowhere."""
        return tuple((stage, run, self._commands(run)) for stage, run in self.all(model.Run))

    def _commands(self, run: model.Run) -> tuple[shell.Command, ...]:
        start, end = self.span(run)
        if not run.command.shell:
            words = tuple(shell.Word(word, word, start, start) for word in run.command.words)
            return (shell.Command(words, "", ""),)
        content = self.text.content
        end = start + len(content[start:end].rstrip())
        if run.heredocs:
            first = run.command.words[0].split("<<")[0].strip()
            if first and not _SCRIPTING.match(first):
                end = content.index("\n", start) if "\n" in content[start:end] else end
            else:
                start = content.index("\n", start) + 1
                last = content.rfind("\n", start, end)
                return shell.commands(content, start, max(start, last), escape="\\")
        found = shell.commands(content, start, end, escape=self.parsed.escape)
        if not found:
            return ()
        first_words = found[0].words[1:]  # without RUN itself
        while first_words and first_words[0].raw.startswith("--"):
            first_words = first_words[1:]
        head = (msgspec.structs.replace(found[0], words=first_words),) if first_words else ()
        return head + found[1:]

    def span(self, instruction: model.Instruction) -> tuple[int, int]:
        """Where an instruction stands in the text, with its last line's end."""
        position = instruction.position
        start = self.text.offset(position.line, position.column)
        return start, self.text.offset(position.last + 1)

    def written(self, instruction: model.Instruction) -> str:
        start, end = self.span(instruction)
        return self.text.content[start:end]

    def hit(
        self,
        instruction: model.Instruction,
        message: str,
        change: str = "",
        *,
        at: shell.Command | shell.Word | None = None,
        edits: tuple[Edit, ...] = (),
        safe: bool = True,
        severity: Severity | None = None,
    ) -> Hit:
        """A hit at the instruction, or at the word or command of it that is to blame."""
        line, column = instruction.position.line, instruction.position.column
        if at is not None and at.start:
            line, column = self.text.place(at.start)
        return Hit(
            text=self.text,
            line=line,
            column=column,
            message=message,
            change=change,
            edits=edits,
            safe=safe,
            severity=severity or "",
        )

    def edit(self, start: int, end: int, text: str) -> Edit:
        return Edit(self.text.path, start, end, text)

    def replaced(self, word: shell.Word, text: str) -> Edit:
        return self.edit(word.start, word.end, text)

    def rewritten(self, instruction: model.Instruction, text: str) -> Edit:
        """Another text for a whole instruction."""
        start, end = self.span(instruction)
        ending = "\n" if self.text.content[start:end].endswith("\n") else ""
        return self.edit(start, end, text + ending)

    def removed(self, instruction: model.Instruction) -> Edit:
        """The instruction goes, and one of two empty lines that would meet."""
        position = instruction.position
        start, end = self.text.offset(position.line), self.text.offset(position.last + 1)
        if not self.text.line(position.line - 1).strip() and not self.text.line(position.last + 1).strip():
            end = self.text.offset(position.last + 2)
        return self.edit(start, end, "")

    def without(self, run: model.Run, command: shell.Command) -> Edit | None:
        """One command of several in a RUN goes, with the operator before it (or after it, for the first)."""
        found = next((commands for _, other, commands in self.runs if other is run), ())
        index = found.index(command)
        if len(found) < 2 or command.before == "|" or command.after == "|":
            return None
        if index:
            return self.edit(found[index - 1].end, command.end, "")
        return self.edit(command.start, found[1].start, "")
