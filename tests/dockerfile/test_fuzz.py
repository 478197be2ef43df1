"""Nothing that anybody writes makes the language's functions do other than answer or refuse."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from dockless.dockerfile import DockerfileError, parse
from dockless.dockerfile.checks import RULES, Base, Settings, Situation, check
from dockless.dockerfile.ignore import Ignore, IgnoreError
from dockless.dockerfile.mounts import MountError, parse_mount
from dockless.dockerfile.words import WordError, expand, expand_words, split_words

KEYWORDS = """ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL ONBUILD RUN SHELL USER VOLUME
    WORKDIR""".split()  # noqa: SIM905
PIECES = [
    " ", "\n", "\\\n", "\\", "`", "#", "<<EOF", "<<-'E'", "\nEOF\n", "\t", '"', "'", "$", "${", "}", ":-", "=", "--",
    "--from=", "--mount=", "type=cache,target=/c", "[", "]", '["a"]', ",", "a", "/b", "é", "\r", "\x00", "*", "AS", "1",
]  # fmt: skip
MOUNT_PIECES = ["type", "=", "cache", "target", ",", "/a", "ro", '"', "size", "1k", "id", "\n"]
rest = st.lists(st.sampled_from(PIECES)).map("".join)
lines = st.builds(lambda keyword, rest: f"{keyword} {rest}\n", st.sampled_from(KEYWORDS), rest)
files = st.lists(lines | st.sampled_from(["\n", "# escape=`\n", "# x\n"]), max_size=8).map("".join)


@settings(max_examples=400, deadline=None)
@given(files | st.text(max_size=60))
def test_a_file_parses_or_is_refused_with_a_place(text: str) -> None:
    for attempt in (text, "FROM a\n" + text):
        try:
            parsed = parse(attempt)
        except DockerfileError as error:
            assert error.message and str(error)
            continue
        number = attempt.count("\n") + 1
        for stage in parsed.stages:
            for instruction in stage.instructions:
                assert 1 <= instruction.position.line <= instruction.position.last <= number


@settings(max_examples=300, deadline=None)
@given(files | st.text(max_size=60))
def test_what_parses_is_checked_and_each_finding_has_its_place(text: str) -> None:
    with contextlib.suppress(DockerfileError):
        parsed = parse("FROM a AS B\n" + text)
        situation = Situation(
            {"A": "1"}, {"TARGETPLATFORM": "linux/amd64"}, base=lambda *_: Base(triggers=("ENV T=1",))
        )
        for finding in check(parsed, situation, Settings(experimental=frozenset(["all"]))):
            assert finding.rule in RULES and finding.message
            assert 1 <= finding.position.line <= finding.position.last <= parsed.text.count("\n") + 1


@settings(max_examples=300, deadline=None)
@given(files)
def test_an_instruction_taken_alone_parses_to_the_same(text: str) -> None:
    with contextlib.suppress(DockerfileError):
        parsed = parse("FROM a\n" + text)
        for instruction in parsed.stages[0].instructions:
            if "\x00" in instruction.text or parsed.escape != "\\":
                continue
            (again,) = parse("FROM a\n" + instruction.text + "\n").stages[0].instructions
            assert (again.keyword, again.original) == (instruction.keyword, instruction.original)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from([*PIECES, "##", "%%", "//", "NAME", "?", "+"])).map("".join) | st.text(max_size=40))
def test_a_word_expands_or_is_refused(word: str) -> None:
    for escape in "\\`":
        with contextlib.suppress(WordError):
            assert isinstance(expand(word, {"NAME": "value", "a": "*"}, escape=escape), str)
            assert all(expand_words(word, {"NAME": "v w"}, escape=escape))
        assert all(isinstance(each, str) for each in split_words(word, escape))


@given(st.text(alphabet=st.characters(exclude_characters="\\`$'\"<"), max_size=40))
def test_a_word_without_special_letters_stays(word: str) -> None:
    assert expand(word, {}) == word


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["*", "**", "?", "[", "]", "^", "-", "\\", "/", "!", "a", "b", ".", "#"])).map("".join))
def test_a_pattern_compiles_or_is_refused(pattern: str) -> None:
    with contextlib.suppress(IgnoreError):
        ignore = Ignore.parse(pattern + "\n")
        for path in ("a", "a/b", "b/.a/a", "#"):
            assert ignore.ignored(path) in (True, False)
            if ignore.ignored(path) and ignore.prunes(path):
                assert ignore.ignored(path + "/below")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["type", "=", "cache", "target", ",", "/a", "ro", '"', "size", "1k", "id", "\n"])).map(
        "".join
    )
)
def test_a_mount_parses_or_is_refused(text: str) -> None:
    with contextlib.suppress(MountError, ValueError):
        parse_mount(text, str)
