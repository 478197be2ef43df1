"""Looks for text that makes the Dockerfile language fall over, guided by coverage. Not part of the test suite.

    pip install atheris; python tests/dockerfile/fuzz.py parser|words|ignore [libFuzzer's options]

What it finds is mended, and kept as a test beside this file.
"""

import sys

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["dockless.dockerfile"]):
    from dockless.dockerfile import DockerfileError
    from dockless.dockerfile.checks import Base, Settings, Situation, check
    from dockless.dockerfile.ignore import Ignore, IgnoreError
    from dockless.dockerfile.mounts import MountError, parse_mount
    from dockless.dockerfile.parser import parse, parse_trigger
    from dockless.dockerfile.words import WordError, expand, expand_words, split_words

VARIABLES = {"A": "", "B": "value", "C": "a/b.c/*?", "1": "one"}


def parser(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    try:
        parsed = parse(text)
    except DockerfileError as error:
        str(error)
        return
    check(parsed, Situation(base=lambda *_: Base()), Settings(experimental=frozenset(["all"])))
    lines = text.count("\n") + 1
    for stage in parsed.stages:
        assert parsed.stage(str(stage.index)) is not None
        for instruction in stage.instructions:
            assert 1 <= instruction.position.line <= instruction.position.last <= lines
            try:
                parse_trigger(instruction.text)
            except DockerfileError as error:
                str(error)


def words(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for escape in "\\`":
        try:
            found = expand(text, VARIABLES, escape=escape)
            assert isinstance(found, str)
            expand_words(text, VARIABLES, escape=escape)
            expand(text, VARIABLES, escape=escape, quotes=False)
        except WordError as error:
            str(error)
        split_words(text, escape)
    try:
        parse_mount(text, lambda word: expand(word, VARIABLES))
    except (MountError, WordError) as error:
        str(error)


def ignore(data: bytes) -> None:
    patterns, _, paths = data.decode("utf-8", "surrogateescape").partition("\0")
    try:
        found = Ignore.parse(patterns)
    except IgnoreError as error:
        str(error)
        return
    for path in [path.strip("/") for path in paths.split("\n")][:8]:
        if found.ignored(path) and found.prunes(path):
            assert found.ignored(path + "/below"), path


if __name__ == "__main__":
    target = {"parser": parser, "words": words, "ignore": ignore}[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
