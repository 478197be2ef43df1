"""Stories that change a project, told to our Compose and to the real one, on our engine and on dockerd 26."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from beside import STORIES, Story, engine_for
from test_scenarios import REAL_COMPOSE

NAMES = sorted(path.stem for path in STORIES.glob("*.yaml"))
AT_ONCE = 4
Told = dict[str, Future[list[str]]]

pytestmark = [
    pytest.mark.skipif(REAL_COMPOSE is None, reason="needs Docker Compose"),
    pytest.mark.peer,
    pytest.mark.keeps,
]


@pytest.fixture(scope="module", params=["dockless", "docker26"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """All stories that are asked for, begun at once: each waits for its engine most of the time."""
    asked = [name for name in NAMES if any(f"-{name}]" in item.name for item in request.session.items)]
    base = tmp_path_factory.mktemp("stories")
    with engine_for(request) as (engine, address), ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(Story(name, engine, address, base).play) for name in asked}


@pytest.mark.parametrize("name", NAMES)
def test_both_do_and_say_the_same(told: Told, name: str) -> None:
    reports = told[name].result()
    assert not reports, "\n".join(reports)
