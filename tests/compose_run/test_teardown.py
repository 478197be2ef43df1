"""`down` and the other verbs on containers that exist, as plans."""

from pathlib import Path

from msgspec.structs import replace
from projects import after, carried_out, done, plan_of, project_of

from dockless.compose.run.observe import Existing, Observed
from dockless.compose.run.teardown import down_plan, restart_plan, start_plan, stop_plan

TWO = """
services:
  web: {image: web, depends_on: [db]}
  db: {image: db, volumes: ["data:/data"]}
volumes: {data: {}}
"""


def up(folder: Path) -> Observed:
    project = project_of(folder, TWO)
    return carried_out(project, plan_of(project))


def test_down_stops_dependents_first_and_removes_what_they_were_on_last(tmp_path: Path) -> None:
    observed = up(tmp_path)
    web, db = observed.of_service("web")[0], observed.of_service("db")[0]
    plan = down_plan("p", observed, observed.containers, volumes=False, images=(), timeout=None)
    assert f"stop:{web.id}" in after(plan, f"stop:{db.id}")
    network = next(step.key for step in plan if step.key.startswith("network:"))
    assert {f"remove:{web.id}", f"remove:{db.id}"} <= after(plan, network)
    assert not any("Volume" in line for line in done(plan))


def test_down_v_removes_the_projects_volumes_but_not_external_ones(tmp_path: Path) -> None:
    observed = up(tmp_path)
    plan = down_plan("p", observed, observed.containers, volumes=True, images=(), timeout=None)
    assert "Volume p_data  remove" in done(plan)
    plan = down_plan("p", observed, (), volumes=True, images=(), timeout=None, keep_volumes=["p_data"])
    assert "Volume p_data  remove" not in done(plan)
    assert not down_plan("q", observed, (), volumes=True, images=(), timeout=None)


def test_down_of_a_service_takes_what_it_alone_had(tmp_path: Path) -> None:
    observed = up(tmp_path)
    for service, gone in (("web", set()), ("db", {"Volume p_data  remove"})):
        plan = down_plan("p", observed, observed.of_service(service), volumes=True, images=(), timeout=None, part=True)
        assert {line for line in done(plan) if not line.startswith("Container")} == gone
    left = replace(observed, containers=tuple(observed.of_service("db")))
    plan = down_plan("p", left, left.containers, volumes=False, images=(), timeout=None, part=True)
    assert "Network p_default  remove" in done(plan)


def test_start_begins_with_dependencies_and_leaves_what_runs(tmp_path: Path) -> None:
    observed = up(tmp_path)
    assert not start_plan(observed.containers)
    stopped = [replace(each, state="exited") for each in observed.containers]
    plan = start_plan(stopped, {"web": {"db": "listening"}})
    assert done(plan) == [
        "Container p-db-1  start",
        "Container p-db-1  wait until listening",
        "Container p-web-1  start",
    ]
    assert "await:p-db-1:listening" in after(plan, "start:p-web-1")


def test_labels_that_make_a_cycle_make_none_in_a_plan(tmp_path: Path) -> None:
    observed = up(tmp_path)
    db = replace(observed.of_service("db")[0], depends_on=("web",))
    both: list[Existing] = [*observed.of_service("web"), db]
    for plan in (stop_plan(both, None), restart_plan(both, None), start_plan(both)):
        for step in plan:
            assert step.key not in after(plan, step.key)
