"""Projects made at random from the schema, side by side with the real Docker Compose.

A hundred of them here; `judge_made.py` judges any number.
"""

import shutil
from collections.abc import Iterator

import judge_made
import made_projects
import pytest
import record_cases


@pytest.fixture(scope="module")
def fits() -> Iterator[made_projects.Fits]:
    with judge_made.loader() as loads:
        yield loads


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="needs the program docker-compose (2.40.3)")
@pytest.mark.parametrize("seed", range(100))
def test_a_made_project_is_what_docker_compose_makes_of_it(seed: int, fits: made_projects.Fits) -> None:
    case = made_projects.make(seed, fits)
    verdict, details = judge_made.judge(case, record_cases.program("docker-compose"))
    assert verdict in ("same", "both refuse", "theirs crashes"), f"{details}\n{case.written()}"
