"""One build for several platforms: what is done once, what for each, and what cannot be done."""

from typing import TYPE_CHECKING

import pytest

from dockless.build.errors import BuildError
from dockless.build.events import Built, Planned, Warned
from dockless.registry.platform import Platform

if TYPE_CHECKING:
    from conftest import Bench

HOST = str(Platform.host().normal())
OTHER = "linux/s390x"
CROSS = """\
FROM --platform=$BUILDPLATFORM tiny AS tool
RUN echo tool > /common
ARG TARGETARCH TARGETPLATFORM
RUN echo $TARGETPLATFORM > /which
FROM scratch
COPY --from=tool /common /which /
"""


def test_a_cross_built_image_is_made_for_each_platform_under_one_name(bench: "Bench") -> None:
    image = bench.build(CROSS, platforms=(OTHER, HOST, OTHER), tags=("app:1",))
    assert (str(image.platform.normal()), image.names) == (HOST, ("app:1",))
    found = {str(platform): each for platform, each in bench.images.variants("app:1")}
    assert list(found) == [OTHER, HOST]
    for platform, each in found.items():
        assert str(each.platform.normal()) == platform
        assert bench.tree(each).text("which") == f"{platform}\n"
        assert bench.tree(each).names() == ["common", "which"]
    built = bench.events[-1]
    assert isinstance(built, Built)
    assert dict(built.platforms) == {platform: each.id for platform, each in found.items()}


@pytest.mark.parametrize("no_cache", [False, True])
def test_what_does_not_depend_on_the_platform_is_done_once(bench: "Bench", no_cache: bool) -> None:
    bench.build(CROSS, platforms=(HOST, OTHER), no_cache=no_cache)
    assert len(bench.runner.ran) == 3
    bench.build(CROSS, platforms=(HOST, OTHER))
    assert all(bench.cached())


def test_steps_are_shown_with_where_they_run_and_what_for(bench: "Bench") -> None:
    bench.build(CROSS, platforms=(HOST, OTHER))
    planned = bench.events[0]
    assert isinstance(planned, Planned)
    titles = [vertex.title for vertex in planned.vertices]
    assert f"[{HOST}->s390x tool 2/3] RUN echo tool > /common" in titles
    assert f"[{OTHER} stage-1 2/2] COPY --from=tool /common /which /" in titles
    assert len({vertex.id for vertex in planned.vertices}) == len(titles)
    assert [vertex.ordinal for vertex in planned.vertices] == list(range(1, len(titles) + 1))


def test_a_command_for_another_machine_is_refused_with_its_line_and_nothing_is_named(bench: "Bench") -> None:
    bench.file("f")
    with pytest.raises(BuildError, match=r"a step for linux/(mips64|sparc64) cannot run on") as caught:
        bench.build(
            "FROM scratch\nCOPY f /\nRUN true\n", platforms=("linux/mips64", "linux/sparc64"), tags=("never:1",)
        )
    assert "Dockerfile:3" in str(caught.value)
    assert bench.images.resolve("never:1") is None


def test_a_platform_that_is_none_is_refused_by_name(bench: "Bench") -> None:
    with pytest.raises(BuildError, match=r"what\?ever"):
        bench.build("FROM scratch\n", platforms=(HOST, "linux/what?ever"))


def test_a_warning_is_said_once(bench: "Bench") -> None:
    bench.build("FROM scratch\nMAINTAINER me\n", platforms=(HOST, OTHER), args={"NOBODY": "x"})
    warned = [event.message for event in bench.events if isinstance(event, Warned)]
    assert len(warned) == len(set(warned)) == 2


def test_known_steps_of_all_platforms_travel_together(bench: "Bench") -> None:
    bench.build(CROSS, platforms=(HOST, OTHER), cache_to=("max:kept:1",))
    image = bench.images.resolve("kept:1")
    assert image is not None
    bench.builder.cache.prune()
    assert bench.builder.take_cache(image) == 5
