"""The Dockerfile language: what a text parses to, and what is said of a wrong one."""

from pathlib import Path
from typing import Any

import pytest

from dockless.dockerfile import DockerfileError, Instruction, parse
from dockless.dockerfile.model import (
    Add,
    Arg,
    Cmd,
    CommandLine,
    Copy,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Label,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
)


def only(line: str, head: str = "FROM base\n") -> Any:
    (instruction,) = parse(head + line).stages[0].instructions
    return instruction


def shell(text: str) -> CommandLine:
    return CommandLine((text,), shell=True)


def words(*args: str) -> CommandLine:
    return CommandLine(args, shell=False)


@pytest.mark.parametrize(
    ("line", "kind", "fields"),
    [
        ("RUN a  b", Run, {"command": shell("a  b")}),
        ('RUN ["a", "b c"]', Run, {"command": words("a", "b c")}),
        ("RUN ['a']", Run, {"command": shell("['a']")}),
        ('RUN [ "a" ] && b', Run, {"command": shell('[ "a" ] && b')}),
        ("run --network=none x", Run, {"network": "none", "command": shell("x")}),
        (
            "RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t x",
            Run,
            {"mounts": ("type=cache,target=/c", "type=tmpfs,target=/t")},
        ),
        ("RUN --security=insecure x", Run, {"security": "insecure"}),
        ("RUN -- --odd", Run, {"command": shell("--odd")}),
        ("COPY a b /c/", Copy, {"sources": ("a", "b"), "destination": "/c/"}),
        ('COPY ["a b", "c"]', Copy, {"sources": ("a b",), "destination": "c"}),
        (
            "COPY --from=x --chown=1:2 --chmod=755 --link a b",
            Copy,
            {"from_": "x", "chown": "1:2", "chmod": "755", "link": True},
        ),
        ("COPY --parents --exclude=*.md --exclude=*.txt a b", Copy, {"parents": True, "exclude": ("*.md", "*.txt")}),
        ("COPY --link=false a b", Copy, {"link": False}),
        (
            "ADD --checksum=sha256:00 --keep-git-dir=true --unpack=false u d",
            Add,
            {"checksum": "sha256:00", "keep_git_dir": True, "unpack": False},
        ),
        ('ENV a=b c="d e" f=g\\ h', Env, {"pairs": (("a", "b"), ("c", '"d e"'), ("f", "g\\ h"))}),
        ("ENV old way  of it", Env, {"pairs": (("old", "way  of it"),)}),
        ('LABEL a.b=c "d e"=f', Label, {"pairs": (("a.b", "c"), ('"d e"', "f"))}),
        ("ARG a b=c d=", Arg, {"pairs": (("a", None), ("b", "c"), ("d", ""))}),
        ("EXPOSE 80 443/tcp $PORT", Expose, {"ports": ("80", "443/tcp", "$PORT")}),
        ("VOLUME /a /b", Volume, {"paths": ("/a", "/b")}),
        ('VOLUME ["/a b"]', Volume, {"paths": ("/a b",)}),
        ("USER web:staff", User, {"user": "web:staff"}),
        ("WORKDIR /a b", Workdir, {"path": "/a b"}),
        ("CMD", Cmd, {"command": shell("")}),
        ("CMD []", Cmd, {"command": words()}),
        ("CMD a b", Cmd, {"command": shell("a b")}),
        ('ENTRYPOINT ["a"]', Entrypoint, {"command": words("a")}),
        ("ENTRYPOINT []", Entrypoint, {"command": words()}),
        ("STOPSIGNAL SIGINT", Stopsignal, {"signal": "SIGINT"}),
        ("HEALTHCHECK NONE", Healthcheck, {"command": None}),
        (
            "HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=2s --start-interval=1s --retries=3 CMD x y",
            Healthcheck,
            {
                "command": shell("x y"),
                "interval": 90_000_000_000,
                "timeout": 500_000_000,
                "start_period": 2_000_000_000,
                "start_interval": 1_000_000_000,
                "retries": 3,
            },
        ),
        ('HEALTHCHECK CMD ["a"]', Healthcheck, {"command": words("a")}),
        ('SHELL ["/bin/bash", "-c"]', Shell, {"words": ("/bin/bash", "-c")}),
        ("ONBUILD COPY a b", Onbuild, {"trigger": "COPY a b"}),
        ("MAINTAINER A B <a@b>", Maintainer, {"name": "A B <a@b>"}),
    ],
)
def test_an_instruction_parses(line: str, kind: type[Instruction], fields: dict[str, Any]) -> None:
    found = only(line)
    assert type(found) is kind
    assert {name: getattr(found, name) for name in fields} == fields


def test_stages_have_names_bases_and_platforms() -> None:
    parsed = parse("ARG V=1\nFROM --platform=$BUILDPLATFORM a:$V AS One\nRUN x\nFROM one\nFROM scratch as three\n")
    assert [(s.name, s.from_.base, s.from_.platform) for s in parsed.stages] == [
        ("one", "a:$V", "$BUILDPLATFORM"),
        (None, "one", ""),
        ("three", "scratch", ""),
    ]
    assert [argument.pairs for argument in parsed.arguments] == [(("V", "1"),)]
    assert parsed.stage("ONE") is parsed.stages[0]
    assert parsed.stage("1") is parsed.stages[1]
    assert parsed.stage("9") is None


def test_continuations_join_and_comments_and_blank_lines_within_vanish() -> None:
    parsed = parse("FROM a\nRUN one \\  \n  # a comment\n\n   two \\\n&& three\nRUN four\n")
    first, second = parsed.stages[0].instructions
    assert first.command.words == ("one    two && three",)  # type: ignore[attr-defined]
    assert (first.position.line, first.position.end_line) == (2, 6)
    assert second.position.line == 7
    assert [(position.line, position.last) for position in parsed.empty_continuations] == [(2, 6)]


def test_a_doubled_escape_at_the_end_continues_nothing() -> None:
    first, second = parse("FROM a\nRUN x \\\\\nRUN y\n").stages[0].instructions
    assert first.command.words == ("x \\\\",)  # type: ignore[attr-defined]
    assert second.command.words == ("y",)  # type: ignore[attr-defined]


def test_the_escape_directive_changes_the_continuation() -> None:
    parsed = parse("# syntax=docker/dockerfile:1\n# escape=`\nFROM a\nRUN dir C:\\ `\n  x\n")
    assert parsed.stages[0].instructions[0].command.words == ("dir C:\\   x",)  # type: ignore[attr-defined]
    assert dict(parsed.directives) == {"syntax": "docker/dockerfile:1", "escape": "`"}


def test_after_a_comment_a_directive_is_a_comment() -> None:
    assert parse("# hello\n# escape=`\nFROM a\nRUN x \\\n y\n").escape == "\\"


def test_carriage_returns_and_a_byte_order_mark_do_not_matter() -> None:
    parsed = parse("\ufeffFROM a\r\nRUN x \\\r\n  y\r\nCOPY <<E /f\r\none\r\nE\r\n")
    run, copy = parsed.stages[0].instructions
    assert run.command.words == ("x   y",)  # type: ignore[attr-defined]
    assert copy.documents[0].content == "one\r\n"  # type: ignore[attr-defined]


def test_heredocs_are_cut_out_with_their_kinds() -> None:
    text = 'FROM a\nRUN 3<<ONE cat <<-"TWO" && x\n1 $y\nONE\n\t2\n\tTWO\nCOPY <<A <<B file /d/\na\nA\nb\nB\nRUN z\n'
    run, copy, last = parse(text).stages[0].instructions
    one, two = run.heredocs
    assert (one.name, one.content, one.expand, one.chomp, one.descriptor) == ("ONE", "1 $y\n", True, False, 3)
    assert (two.name, two.content, two.body, two.expand, two.chomp) == ("TWO", "\t2\n", "2\n", False, True)
    assert isinstance(copy, Copy)
    assert [document.name for document in copy.documents] == ["A", "B"]
    assert copy.sources == ("file",)
    assert last.position.line == 12
    assert run.text == 'RUN 3<<ONE cat <<-"TWO" && x\n1 $y\nONE\n\t2\nTWO'


def test_shell_operators_are_no_heredocs() -> None:
    for line in ('RUN cat <<< "x"', 'RUN echo "<<EOF"', 'RUN ["a", "<<EOF"]', "CMD cat <<EOF"):
        assert only(line).heredocs == ()


def test_an_onbuild_keeps_its_heredoc() -> None:
    found = only("ONBUILD RUN <<EOF\nx\nEOF\n")
    assert found.trigger == "RUN <<EOF\nx\nEOF"


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("", "Dockerfile", "no instructions"),
        ("# only\n", "Dockerfile", "no instructions"),
        ("ARG a\n", "Dockerfile", "no FROM"),
        ("RUN x\n", "Dockerfile:1:1", "no build stage in current context"),
        ("FROM\n", "Dockerfile:1:1", "either one or three"),
        ("FROM a b\n", "Dockerfile:1:1", "either one or three"),
        ("FROM a AS 1x\n", "Dockerfile:1:1", "invalid name for build stage"),
        ("FROM a\n  RNU x\n", "Dockerfile:2:3", "unknown instruction: RNU (did you mean RUN?)"),
        ("FROM a\nRUN []\n", "Dockerfile:2:1", "RUN requires at least one argument"),
        ("FROM a\nCOPY a\n", "Dockerfile:2:1", "Destination could not be determined"),
        ("FROM a\nCOPY --chwon=a b c\n", "Dockerfile:2:1", "unknown flag: chwon (did you mean --chown?)"),
        ("FROM a\nCOPY --from b c\n", "Dockerfile:2:1", "missing a value on flag: from"),
        ("FROM a\nCOPY --from=a --from=b b c\n", "Dockerfile:2:1", "duplicate flag specified: from"),
        ("FROM a\nCOPY --link=maybe b c\n", "Dockerfile:2:1", "expecting boolean value for flag link"),
        ("FROM a\nCOPY x <<E\nx\nE\n", "Dockerfile:2:1", "cannot accept a heredoc as a destination"),
        ("FROM a\nENV a\n", "Dockerfile:2:1", "ENV must have two arguments"),
        ("FROM a\nENV a=b c\n", "Dockerfile:2:1", "can't find = in"),
        ("FROM a\nENV =b\n", "Dockerfile:2:1", "names can not be blank"),
        ("FROM a\nLABEL\n", "Dockerfile:2:1", "LABEL requires at least one argument"),
        ("FROM a\nCMD [1]\n", "Dockerfile:2:1", "comprised of strings only"),
        ("FROM a\nSHELL bash -c\n", "Dockerfile:2:1", "JSON form"),
        ("FROM a\nONBUILD FROM x\n", "Dockerfile:2:1", "FROM isn't allowed as an ONBUILD trigger"),
        ("FROM a\nONBUILD ONBUILD RUN x\n", "Dockerfile:2:1", "Chaining ONBUILD"),
        ("FROM a\nONBUILD COPY x\n", "Dockerfile:2:1", "Destination could not"),
        ("FROM a\nHEALTHCHECK ASK x\n", "Dockerfile:2:1", 'Unknown type "ASK"'),
        ("FROM a\nHEALTHCHECK CMD\n", "Dockerfile:2:1", "Missing command"),
        ("FROM a\nHEALTHCHECK --interval=soon CMD x\n", "Dockerfile:2:1", "invalid duration"),
        ("FROM a\nHEALTHCHECK --interval=1us CMD x\n", "Dockerfile:2:1", "cannot be less than 1ms"),
        ("FROM a\nHEALTHCHECK --retries=-1 CMD x\n", "Dockerfile:2:1", "cannot be negative"),
        ("FROM a\nRUN --mount=type=none x\n", "Dockerfile:2:1", "unsupported mount type"),
        ("FROM a\nRUN --mount=type=bind,size=1 x\n", "Dockerfile:2:1", "unexpected key 'size'"),
        ("FROM a\nRUN --mount=type=secret x\n", "Dockerfile:2:1", "invalid secret mount"),
        ("FROM a\nRUN --network=lan x\n", "Dockerfile:2:1", "unsupported value"),
        ("FROM a\nRUN <<EOF\nx\n", "Dockerfile:2:1", "unterminated heredoc"),
        ("# escape=x\nFROM a\n", "Dockerfile:1:1", "invalid escape token"),
        ("# escape=`\n# escape=`\nFROM a\n", "Dockerfile:2:1", "only one escape parser directive"),
    ],
)
def test_a_mistake_is_shown_with_its_place(text: str, where: str, message: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        parse(text)
    assert caught.value.where == where
    assert message in caught.value.message
    if ":" in where:
        line = text.split("\n")[int(where.split(":")[1]) - 1]
        assert line.strip() in str(caught.value)
        assert "^" in str(caught.value)


def test_the_users_dockerfile_parses() -> None:
    text = (
        "FROM python:3.10-bullseye\n\nRUN apt-get update \\\n    && apt-get install -y\n\nWORKDIR /web\n\n"
        "COPY requirements.txt .\n\nRUN pip install --upgrade pip\nRUN pip install -r requirements.txt\n\nCOPY . .\n"
    )
    parsed = parse(text)
    assert [i.keyword for i in parsed.stages[0].instructions] == ["RUN", "WORKDIR", "COPY", "RUN", "RUN", "COPY"]


def test_every_dockerfile_of_the_examples_parses() -> None:
    found = sorted(Path(__file__).parents[2].glob("examples/**/Dockerfile"))
    for path in found:
        assert parse(path.read_text(), name=str(path)).stages
