"""Stages: the graph, what of it is carried out, side by side, and what goes wrong between them."""

from typing import TYPE_CHECKING

import pytest

from dockless.build.builder import BuildOptions
from dockless.build.errors import BuildError
from dockless.build.events import Built, Failed, Finished, Output, Planned, Started, classic_messages, trace
from dockless.build.plan import make_plan
from dockless.dockerfile import parse

if TYPE_CHECKING:
    from tests.build.conftest import Bench


def plan_lines(text: str, **options: str) -> list[str]:
    return make_plan(parse(text), BuildOptions(**options), {}).lines()  # type: ignore[arg-type]


GRAPH = """ARG BASE=tiny
FROM $BASE AS deps
RUN fetch
FROM deps AS test
RUN check
FROM tiny AS docs
RUN --mount=type=bind,from=deps,target=/d write
FROM scratch
COPY --from=docs /x /x
COPY --from=other:1 /y /y
ENV A=1
"""


def test_the_plan_is_what_the_target_needs() -> None:
    assert plan_lines(GRAPH) == [
        "deps on tiny",
        "  [deps 1/2] FROM $BASE AS deps",
        "  [deps 2/2] RUN fetch",
        "docs on tiny, after deps",
        "  [docs 1/2] FROM tiny AS docs",
        "  [docs 2/2] RUN --mount=type=bind,from=deps,target=/d write",
        "stage-3 on scratch, after docs, other:1 (target)",
        "  [stage-3 1/3] FROM scratch",
        "  [stage-3 2/3] COPY --from=docs /x /x",
        "  [stage-3 3/3] COPY --from=other:1 /y /y",
        "  ENV A=1",
    ]
    assert plan_lines(GRAPH, target="test")[3:] == [
        "test on deps (target)",
        "  [test 1/2] FROM deps AS test",
        "  [test 2/2] RUN check",
    ]


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("FROM a AS x\n", "y", 'target stage "y" could not be found (stages: x)'),
        ("FROM $NONE\n", "", "base name ($NONE) should not be blank"),
        ("FROM a\nCOPY --from=b x y\nFROM a AS b\n", "0", "needs to be defined before current stage"),
        ("FROM a AS b\nCOPY --from=b x y\n", "", "needs to be defined before current stage"),
        ("FROM a\nCOPY --from=7 x y\n", "", "invalid stage index 7"),
    ],
)
def test_a_graph_that_cannot_be_is_refused(text: str, target: str, message: str) -> None:
    with pytest.raises(BuildError) as caught:
        plan_lines(text, target=target)
    assert message in caught.value.message


def test_only_the_targets_stages_run(bench: "Bench") -> None:
    dockerfile = "FROM tiny AS a\nRUN echo a\nFROM tiny AS b\nRUN echo b\nFROM a AS c\nRUN echo c\n"
    bench.build(dockerfile)
    assert bench.output().split() == ["a", "c"]
    bench.build(dockerfile, target="b")
    assert bench.output().split() == ["b"]


def test_stages_that_do_not_need_each_other_run_side_by_side(bench: "Bench") -> None:
    # Each waits for the other's file in a shared cache: one after the other they would never end.
    wait = "until test -e /c/{}; do sleep 0.05; done"
    image = bench.build(
        f"FROM tiny AS a\nRUN --mount=type=cache,target=/c touch /c/a; {wait.format('b')}; echo a > /a\n"
        f"FROM tiny AS b\nRUN --mount=type=cache,target=/c touch /c/b; {wait.format('a')}; echo b > /b\n"
        "FROM tiny\nCOPY --from=a /a /\nCOPY --from=b /b /\n"
    )
    assert bench.tree(image).run("cat a b") == "a\nb\n"


def test_a_stage_goes_on_from_another_with_all_it_has(bench: "Bench") -> None:
    image = bench.build(
        'FROM tiny AS a\nARG X=1\nENV Y=2\nWORKDIR /w\nUSER web\nCMD ["c"]\nRUN id -u\n'
        "FROM a\nRUN echo $X$Y; pwd; id -u\n"
    )
    assert bench.output().split() == ["1000", "12", "/w", "1000"]
    assert image.config.config.cmd == ("c",)


def test_triggers_of_a_base_run_after_from_and_only_once(bench: "Bench") -> None:
    bench.file("f", "hi")
    bench.build("FROM tiny\nONBUILD COPY f /f\nONBUILD RUN cat /f && echo triggered\n", tags=("parent",))
    assert bench.output() == ""
    image = bench.build("FROM parent AS child\nRUN echo own\nFROM child\nRUN echo last\n", tags=("child",))
    assert bench.output().splitlines() == ["hitriggered", "own", "last"]
    assert image.config.config.on_build == ()
    bench.build("FROM child\nRUN echo again\n")
    assert bench.output() == "again\n"


def test_triggers_of_a_stage_run_in_the_stage_that_goes_on_from_it(bench: "Bench") -> None:
    bench.build("FROM tiny AS a\nRUN echo one\nONBUILD RUN echo two\nFROM a\nRUN echo three\n")
    assert bench.output().split() == ["one", "two", "three"]


def test_a_mistake_in_one_stage_stops_the_others_and_is_said_once(bench: "Bench") -> None:
    with pytest.raises(BuildError) as caught:
        bench.build(
            "FROM tiny AS slow\nRUN sleep 1000\nFROM tiny AS bad\nRUN echo oops; false\n"
            "FROM tiny\nCOPY --from=slow / /\nCOPY --from=bad / /\n"
        )
    assert caught.value.where == "Dockerfile:4"
    assert [event.vertex.text for event in bench.events if isinstance(event, Failed)] == ["RUN echo oops; false"]


def test_a_base_that_cannot_be_had_is_said_with_its_line(bench: "Bench") -> None:
    with pytest.raises(BuildError) as caught:
        bench.build("FROM tiny AS a\n\nFROM no/such\nRUN true\n")
    assert (caught.value.where, caught.value.message) == ("Dockerfile:3", "pull access denied for no/such")


def test_named_contexts_stand_for_images_and_folders(bench: "Bench") -> None:
    other = bench.context.with_name("other")
    other.mkdir()
    (other / "f").write_text("other")
    image = bench.build("FROM base\nCOPY --from=extra f /f\n", contexts={"base": "docker-image://tiny", "extra": other})
    assert bench.tree(image).text("f") == "other"


def test_what_is_reported_can_be_sent_as_messages_of_the_api(bench: "Bench") -> None:
    image = bench.build("FROM tiny AS x\nENV A=1\nRUN echo hi\n", tags=("me:1",))
    kinds = [type(event) for event in bench.events]
    assert kinds[0] is Planned and kinds[-1] is Built
    assert kinds.count(Started) == kinds.count(Finished) == 3
    messages = [message for event in bench.events for message in classic_messages(event)]
    streams = [message["stream"] for message in messages if "stream" in message]
    assert streams[0] == "Step 1/3 : FROM tiny AS x\n"
    assert streams[1] == "Step 2/3 : ENV A=1\n"
    assert "hi\n" in streams
    assert streams[-1] == "Successfully tagged me:1\n"
    assert {"aux": {"ID": image.id}} in messages
    assert all(trace(event)["id"] == "dockless.build.trace" for event in bench.events)
    assert [event.vertex.title for event in bench.events if isinstance(event, Output)] == ["[x 2/2] RUN echo hi"]


def test_the_dockerfile_is_read_from_the_context_and_from_nowhere_else(bench: "Bench") -> None:
    bench.file("sub/My.dockerfile", "FROM tiny\nCOPY . /x\n")
    bench.file("sub/My.dockerfile.dockerignore", "sub\n")
    bench.file("f")
    progress = bench.events.append
    image = bench.builder.build(bench.context, BuildOptions(dockerfile="sub/My.dockerfile"), progress)
    assert bench.tree(image).names("x") == ["f"]
    for name in ("Dockerfile", "../outside", "/etc/hostname", "sub"):
        with pytest.raises(BuildError, match="failed to read dockerfile"):
            bench.builder.build(bench.context, BuildOptions(dockerfile=name), progress)


def test_a_bad_tag_is_refused_before_anything_runs(bench: "Bench") -> None:
    with pytest.raises(BuildError, match="invalid tag"):
        bench.build("FROM tiny\nRUN true\n", tags=("Not Good",))
    assert bench.events == []


def test_a_trigger_of_a_base_image_copies_from_a_stage_that_nothing_else_needs(bench: "Bench") -> None:
    bench.build("FROM tiny\nONBUILD COPY --from=made /m /taken\n", tags=("parent",))
    seen = bench.tree(bench.build("FROM tiny AS made\nRUN echo made > /m\nFROM tiny AS idle\nRUN false\nFROM parent\n"))
    assert seen.text("taken") == "made\n"
    assert not any("false" in text for text in bench.started())
