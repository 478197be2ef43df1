"""What is pulled and what is built, by `pull_policy` and by the flags that stand above it."""

import time
from pathlib import Path

import pytest
from projects import project_of

from dockless.compose.run.image_options import ImageOptions, image_name
from dockless.compose.run.images import image_work
from dockless.wire.images import ImageInspect, ImageMetadata

DAY = 86_400
AGES = {"absent": None, "hours": 3 * DAY // 24, "days": 3 * DAY, "weeks": 15 * DAY}
"""Since when the engine has the image, in seconds."""


def decided(folder: Path, keys: str, age: str, options: ImageOptions = ImageOptions()) -> str:
    """`pull`, `build`, `missing` or nothing."""
    project = project_of(folder, f"services: {{a: {{{keys}}}}}")
    service = project.services["a"]
    seconds = AGES[age]
    image = None
    if seconds is not None:
        tagged = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds))
        image = ImageInspect(id="sha256:1", metadata=ImageMetadata(last_tag_time=tagged))
    work = image_work(project, [service], {image_name(project, service): image}, options)
    return " ".join(kind for kind in ("build", "pull", "missing") if getattr(work, kind))


@pytest.mark.parametrize(
    ("policy", "outcomes"),
    [
        ("always", ["pull", "pull", "pull", "pull"]),
        ("never", ["missing", "", "", ""]),
        ("missing", ["pull", "", "", ""]),
        ("if_not_present", ["pull", "", "", ""]),
        ("daily", ["pull", "", "pull", "pull"]),
        ("weekly", ["pull", "", "", "pull"]),
        ("every_2h", ["pull", "pull", "pull", "pull"]),
        ("every_1w2d", ["pull", "", "", "pull"]),
        ("every_12h30m", ["pull", "", "pull", "pull"]),
    ],
)
def test_an_image_is_pulled_as_its_policy_says(tmp_path: Path, policy: str, outcomes: list[str]) -> None:
    assert [decided(tmp_path, f"image: x, pull_policy: {policy}", age) for age in AGES] == outcomes


@pytest.mark.parametrize(
    ("keys", "options", "absent", "present"),
    [
        ("build: .", ImageOptions(), "build", ""),
        ("build: .", ImageOptions(build=True), "build", "build"),
        ("build: .", ImageOptions(no_build=True), "missing", ""),
        ("build: ., pull_policy: build", ImageOptions(), "build", "build"),
        ("build: ., pull_policy: build", ImageOptions(no_build=True), "missing", ""),
        ("build: ., image: x, pull_policy: always", ImageOptions(), "pull", "pull"),
        ("image: x, pull_policy: never", ImageOptions(pull="always"), "pull", "pull"),
        ("image: x, pull_policy: always", ImageOptions(pull="never"), "missing", ""),
    ],
)
def test_builds_and_flags(tmp_path: Path, keys: str, options: ImageOptions, absent: str, present: str) -> None:
    assert [decided(tmp_path, keys, age, options) for age in ("absent", "days")] == [absent, present]
