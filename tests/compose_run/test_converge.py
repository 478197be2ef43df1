"""`up` as a plan: from whatever the engine has to what the project says."""

from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace
from projects import IMAGE, NOTHING, after, carried_out, done, existing, facts, plan_of, project_of

from dockless.compose.run.converge import UpOptions
from dockless.compose.run.observe import Observed
from dockless.compose.run.order import ProjectError, with_dependencies
from dockless.compose.run.plan import AwaitCondition, CreateContainer, RemoveContainer
from dockless.compose.run.readiness import ImageFacts

TWO = """
services:
  web: {image: web, depends_on: [db]}
  db: {image: db, volumes: ["data:/data", /anon]}
volumes: {data: {}}
"""


def test_from_nothing_everything_is_made_and_dependencies_start_first(tmp_path: Path) -> None:
    plan = plan_of(project_of(tmp_path, TWO))
    assert done(plan) == [
        "Network p_default  create",
        "Volume p_data  create",
        "Container p-db-1  create",
        "Container p-web-1  create",
        "Container p-db-1  start",
        "Container p-web-1  start",
    ]
    assert "start:p-db-1" in after(plan, "start:p-web-1")
    # Creating does not wait for what only starting needs.
    assert "create:p-db-1" not in after(plan, "create:p-web-1")


def test_a_second_time_nothing_is_done(tmp_path: Path) -> None:
    project = project_of(tmp_path, TWO)
    again = plan_of(project, carried_out(project, plan_of(project)))
    assert done(again) == ["Container p-db-1  running", "Container p-web-1  running"]


def test_a_changed_service_alone_is_recreated_and_keeps_its_anonymous_volume(tmp_path: Path) -> None:
    project = project_of(tmp_path, TWO)
    observed = carried_out(project, plan_of(project))
    changed = project_of(tmp_path, TWO.replace("image: db,", "image: db, labels: {x: y},"))
    plan = plan_of(changed, observed)
    old = observed.of_service("db")[0]
    create = next(step.action for step in plan if isinstance(step.action, CreateContainer))
    assert create.name == f"{old.id[:12]}_p-db-1"
    kept = [mount.source for mount in create.body.host_config.mounts or ()]
    assert kept == [mount.name for mount in old.mounts if mount.destination == "/anon"]
    assert done(plan)[-1:] == ["Container p-db-1  start"]
    order = ["create:p-db-1", f"stop:{old.id}", f"remove:{old.id}", "rename:p-db-1", "start:p-db-1"]
    for before, later in pairwise(order):
        assert before in after(plan, later)
    fresh = plan_of(changed, observed, UpOptions(renew_anonymous_volumes=True))
    create = next(step.action for step in fresh if isinstance(step.action, CreateContainer))
    assert [mount.source for mount in create.body.host_config.mounts or ()] == [""]


@pytest.mark.parametrize(
    ("options", "recreated"),
    [(UpOptions(), True), (UpOptions(no_recreate=True), False), (UpOptions(force_recreate=True), True)],
)
def test_a_new_image_recreates_unless_told_not_to(tmp_path: Path, options: UpOptions, recreated: bool) -> None:
    project = project_of(tmp_path, TWO)
    observed = carried_out(project, plan_of(project))
    plan = plan_of(project, observed, options, facts(project, web=ImageFacts(id="sha256:new")))
    assert ("Container p-web-1  recreate" in done(plan)) is recreated


def test_a_lost_network_or_volume_recreates(tmp_path: Path) -> None:
    project = project_of(tmp_path, TWO)
    observed = carried_out(project, plan_of(project))
    plan = plan_of(project, replace(observed, volumes={}))
    assert "Volume p_data  create" in done(plan)
    assert "Container p-db-1  recreate" in done(plan)
    assert "Container p-web-1  running" in done(plan)
    plan = plan_of(project, replace(observed, networks={}))
    assert {"Container p-db-1  recreate", "Container p-web-1  recreate"} <= set(done(plan))


def test_scaling_adds_the_next_numbers_and_removes_the_highest(tmp_path: Path) -> None:
    project = project_of(tmp_path, "services: {a: {image: b}}")
    three = plan_of(project, options=UpOptions(scale={"a": 3}))
    observed = carried_out(project, three)
    assert [each.name for each in observed.of_service("a")] == ["p-a-1", "p-a-2", "p-a-3"]
    one = plan_of(project, observed)
    removed = [step.action.name for step in one if isinstance(step.action, RemoveContainer)]
    assert removed == ["p-a-2", "p-a-3"]
    assert "Container p-a-1  running" in done(one)


def test_scaling_a_service_with_a_name_of_its_own_is_refused(tmp_path: Path) -> None:
    project = project_of(tmp_path, "services: {a: {image: b, container_name: mine}}")
    with pytest.raises(ProjectError, match="mine"):
        plan_of(project, options=UpOptions(scale={"a": 2}))


def test_created_but_not_started_containers_are_started(tmp_path: Path) -> None:
    project = project_of(tmp_path, TWO)
    plan = plan_of(project, carried_out(project, plan_of(project), state="created"))
    assert done(plan) == ["Container p-db-1  start", "Container p-web-1  start"]


def test_files_are_put_into_a_container_that_was_created_but_never_started(tmp_path: Path) -> None:
    project = project_of(tmp_path, "{services: {a: {image: b, configs: [c]}}, configs: {c: {content: x}}}")
    plan = plan_of(project)
    assert "files:p-a-1" in after(plan, "start:p-a-1")
    again = plan_of(project, carried_out(project, plan, state="created"))
    assert done(again) == ["Container p-a-1  put /c", "Container p-a-1  start"]
    assert "Container p-a-1  put /c" not in done(plan_of(project, carried_out(project, plan, state="exited")))


def _half_recreated(tmp_path: Path) -> tuple[Observed, Observed]:
    """Killed after the copy was created, and killed after the original was removed."""
    project = project_of(tmp_path, TWO)
    observed = carried_out(project, plan_of(project))
    recreate = plan_of(project, observed, UpOptions(force_recreate=True))
    create = next(s.action for s in recreate if isinstance(s.action, CreateContainer) and s.action.service == "web")
    copy = existing(create, "f" * 64, observed.networks, state="created")
    both = replace(observed, containers=(*observed.containers, copy))
    without = tuple(each for each in both.containers if each.name != "p-web-1")
    return both, replace(observed, containers=without)


def test_a_recreation_that_was_cut_off_is_undone_or_finished(tmp_path: Path) -> None:
    both, copy_alone = _half_recreated(tmp_path)
    project = project_of(tmp_path, TWO)
    name = next(each.name for each in both.containers if each.replaces)
    plan = plan_of(project, both)
    assert f"Container {name}  remove" in done(plan)
    assert "Container p-web-1  running" in done(plan)
    plan = plan_of(project, copy_alone)
    assert f"Container p-web-1  rename from {name}" in done(plan)
    assert "Container p-web-1  start" in done(plan)
    assert not any("create" in line for line in done(plan))


def test_orphans_are_named_and_removed_when_asked(tmp_path: Path) -> None:
    project = project_of(tmp_path, TWO)
    observed = carried_out(project, plan_of(project))
    fewer = project_of(tmp_path, "services: {db: {image: db, volumes: ['data:/data', /anon]}}\nvolumes: {data: {}}")
    plan = plan_of(fewer, observed)
    assert "[p-web-1]" in plan.warnings[0]
    plan = plan_of(fewer, observed, UpOptions(remove_orphans=True))
    assert "Container p-web-1  remove" in done(plan)


@pytest.mark.parametrize(
    ("dependency", "image", "condition"),
    [
        ("{image: db}", ImageFacts(id=IMAGE, ports=True), "listening"),
        ("{image: db, expose: ['5432']}", ImageFacts(id=IMAGE), "listening"),
        ("{image: db}", ImageFacts(id=IMAGE), ""),
        ("{image: db}", ImageFacts(id=IMAGE, ports=True, healthcheck=True), ""),
        ("{image: db, expose: ['53/udp']}", ImageFacts(id=IMAGE), ""),
        ("{image: db, network_mode: none}", ImageFacts(id=IMAGE, ports=True), ""),
    ],
)
def test_a_dependency_is_waited_for_until_it_listens(
    tmp_path: Path, dependency: str, image: ImageFacts, condition: str
) -> None:
    project = project_of(tmp_path, f"services: {{web: {{image: web, depends_on: [db]}}, db: {dependency}}}")
    plan = plan_of(project, images=facts(project, db=image))
    waits = [step.action.condition for step in plan if isinstance(step.action, AwaitCondition)]
    assert waits == ([condition] if condition else [])
    if condition:
        assert "await:p-db-1:listening" in after(plan, "start:p-web-1")
        silent = plan_of(project, options=UpOptions(wait_for_ports=False), images=facts(project, db=image))
        assert not [step for step in silent if isinstance(step.action, AwaitCondition)]


def test_the_conditions_of_the_specification_are_waited_for(tmp_path: Path) -> None:
    project = project_of(
        tmp_path,
        """
        services:
          web:
            image: a
            depends_on: {db: {condition: service_healthy}, job: {condition: service_completed_successfully}}
          db: {image: a, healthcheck: {test: 'true'}}
          job: {image: a}
        """,
    )
    assert {"await:p-db-1:healthy", "await:p-job-1:completed"} <= after(plan_of(project), "start:p-web-1")


@pytest.mark.parametrize("health", ["", ", healthcheck: {test: 'true'}"])
def test_published_ports_are_waited_for_only_where_containers_are_started(tmp_path: Path, health: str) -> None:
    project = project_of(tmp_path, f"services: {{a: {{image: b, ports: ['80:80']{health}}}, c: {{image: b}}}}")
    options = UpOptions(wait_for_published=True)
    plan = plan_of(project, options=options)
    waits = [step.action for step in plan if isinstance(step.action, AwaitCondition)]
    assert [(wait.name, wait.condition, wait.must_live) for wait in waits] == [("p-a-1", "listening", True)]
    again = plan_of(project, carried_out(project, plan), options)
    assert not [step for step in again if isinstance(step.action, AwaitCondition)]


def test_an_external_network_or_volume_that_is_missing_is_named(tmp_path: Path) -> None:
    network = project_of(tmp_path, "{services: {a: {image: b, networks: [n]}}, networks: {n: {external: true}}}")
    with pytest.raises(ProjectError, match="network n declared as external"):
        plan_of(network, NOTHING)
    volume = project_of(tmp_path, "{services: {a: {image: b, volumes: ['v1:/v']}}, volumes: {v1: {external: true}}}")
    with pytest.raises(ProjectError, match='external volume "v1" not found'):
        plan_of(volume, NOTHING)


def test_named_services_bring_what_they_depend_on(tmp_path: Path) -> None:
    project = project_of(tmp_path, TWO.replace("volumes: {data", "  other: {image: o}\nvolumes: {data"))
    assert with_dependencies(project, ["web"]) == {"web", "db"}
    with pytest.raises(ProjectError, match="no such service: nope"):
        with_dependencies(project, ["nope"])
