"""The cache: what is run again and what is not, and that it is never wrong."""

import os
import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from dockless.build.builder import BuildOptions
from dockless.build.cache import make_key
from dockless.build.errors import BuildError
from dockless.images.store import Image

if TYPE_CHECKING:
    from tests.build.conftest import Bench

# The shape of the user's own Dockerfile, with commands that the tiny image has.
DOCKERFILE = """FROM tiny

RUN echo update \\
    && echo install -y

WORKDIR /web

COPY requirements.txt .

RUN echo upgrade pip
RUN cat requirements.txt > installed

COPY . .
"""


def changed(bench: "Bench") -> list[str]:
    bench.build(DOCKERFILE)
    return [text for text, cached in bench.steps() if not cached]


@pytest.fixture
def project(bench: "Bench") -> "Bench":
    bench.file("requirements.txt", "django\n")
    bench.file("manage.py", "print()\n")
    bench.file("app/views.py", "pass\n")
    assert len(changed(bench)) == 6
    return bench


def test_nothing_changed_runs_nothing_and_gives_the_same_image(project: "Bench") -> None:
    first = project.build(DOCKERFILE, tags=("a",))
    second = project.build(DOCKERFILE, tags=("b",))
    assert all(project.cached())
    assert first.id == second.id
    assert set(second.names) == {"a:latest", "b:latest"}


def test_a_changed_source_runs_only_the_last_copy(project: "Bench") -> None:
    project.file("app/views.py", "changed\n")
    assert changed(project) == ["COPY . ."]


def test_a_changed_requirements_file_runs_from_its_copy(project: "Bench") -> None:
    project.file("requirements.txt", "flask\n")
    assert changed(project) == [
        "COPY requirements.txt .",
        "RUN echo upgrade pip",
        "RUN cat requirements.txt > installed",
        "COPY . .",
    ]


def test_a_touched_file_is_a_hit(project: "Bench") -> None:
    os.utime(project.context / "requirements.txt", (1, 1))
    shutil.copytree(project.context, project.context.with_name("again"))
    project.context = project.context.with_name("again")
    assert changed(project) == []


def test_going_back_is_a_hit(project: "Bench") -> None:
    project.file("manage.py", "other\n")
    changed(project)
    project.file("manage.py", "print()\n")
    assert changed(project) == []


@pytest.mark.parametrize("change", ["mode", "rename", "add", "link"])
def test_names_permissions_and_links_count(project: "Bench", change: str) -> None:
    path = project.context / "manage.py"
    match change:
        case "mode":
            path.chmod(0o755)
        case "rename":
            path.rename(path.with_name("other.py"))
        case "add":
            project.file("app/empty")
        case "link":
            path.with_name("link").symlink_to("manage.py")
    assert changed(project) == ["COPY . ."]


def test_metadata_does_not_run_steps_again_but_what_a_step_sees_does(bench: "Bench") -> None:
    bench.build("FROM tiny\nLABEL a=1\nRUN echo x\n")
    bench.build("FROM tiny\nLABEL a=2\nEXPOSE 80\nCMD x\nRUN echo x\n")
    assert bench.cached() == [True]
    for line in ("ENV A=1", "ARG B=1", "USER web", 'SHELL ["/bin/sh", "-ec"]'):
        bench.build(f"FROM tiny\n{line}\nRUN echo x\n")
        assert bench.cached() == [False], line


def test_build_arguments_count_from_where_they_are_declared(bench: "Bench") -> None:
    dockerfile = "FROM tiny\nRUN echo before\nARG V\nRUN echo $V\n"
    bench.build(dockerfile, args={"V": "1"})
    bench.build(dockerfile, args={"V": "2"})
    assert bench.cached() == [True, False]
    assert bench.output() == "2\n"


def test_no_cache_runs_all_and_a_filter_one_stage(bench: "Bench") -> None:
    dockerfile = "FROM tiny AS one\nRUN echo 1\nFROM tiny AS two\nRUN echo 2\nCOPY --from=one /etc/passwd /p\n"
    bench.build(dockerfile)
    bench.build(dockerfile, no_cache=True)
    assert not any(bench.cached())
    bench.build(dockerfile, no_cache_filter=("one",))
    assert dict(bench.steps())["RUN echo 1"] is False
    assert dict(bench.steps())["RUN echo 2"] is True


def test_a_failed_build_keeps_what_was_finished(bench: "Bench") -> None:
    with pytest.raises(BuildError):
        bench.build("FROM tiny\nRUN echo one\nRUN false\n")
    bench.build("FROM tiny\nRUN echo one\nRUN true\n")
    assert bench.cached() == [True, False]


def test_a_layer_that_is_gone_is_made_again(bench: "Bench") -> None:
    image = bench.build("FROM tiny\nRUN echo x > /x\n", tags=("me",))
    shutil.rmtree(bench.images.layers.path(image.config.rootfs.diff_ids[-1]))
    again = bench.build("FROM tiny\nRUN echo x > /x\n")
    assert bench.cached() == [False]
    assert bench.tree(again).text("x") == "x\n"


def test_what_is_pruned_is_forgotten(bench: "Bench") -> None:
    image = bench.build("FROM tiny\nRUN echo x > /x\nRUN true\n")
    cache = bench.builder.cache
    assert cache.layers() == set(image.config.rootfs.diff_ids[1:])
    assert [record.description for record in cache.records()] == ["RUN true", "RUN echo x > /x"]
    assert len(cache.prune(unused_for=3600)) == 0
    assert len(cache.prune()) == 2
    bench.build("FROM tiny\nRUN echo x > /x\nRUN true\n")
    assert bench.cached() == [False, False]


def test_two_builds_at_once_run_a_common_step_once(bench: "Bench") -> None:
    bench.file("f")
    built: list[Image] = []

    def build() -> None:
        options = BuildOptions(dockerfile_text="FROM tiny\nRUN sleep 0.3; echo once > /x\nCOPY f /f\n")
        built.append(bench.builder.build(bench.context, options, lambda _: None))

    threads = [threading.Thread(target=build) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bench.runner.ran) == 1
    assert len({image.id for image in built}) == 1


def test_a_key_is_made_of_kind_layers_and_values() -> None:
    key = make_key("run", ["sha256:a"], {"argv": ["x"]})
    assert key == make_key("run", ("sha256:a",), {"argv": ["x"]})
    assert key != make_key("run", ["sha256:b"], {"argv": ["x"]})
    assert key != make_key("copy", ["sha256:a"], {"argv": ["x"]})
    assert key != make_key("run", ["sha256:a"], {"argv": ["x", ""]})
