"""Builds for several platforms, by us and by BuildKit: the same index, and for each platform the same image."""

import json
from collections.abc import Iterator
from pathlib import Path

import collected
import pytest
from builders import buildkit, our_engine, run

from own_engine import COMMAND as OURS

pytestmark = pytest.mark.keeps

PLATFORMS = ("linux/arm64/v8", "linux/amd64", "linux/arm", "linux/386")

DOCKERFILES = {
    "cross": """\
FROM --platform=$BUILDPLATFORM tiny AS tool
RUN echo common > /common
ARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT
RUN echo "$TARGETPLATFORM $TARGETOS $TARGETARCH $TARGETVARIANT" > /which
FROM scratch
COPY --from=tool --chown=5:6 /common /which /d/
ENTRYPOINT ["/d/which"]
""",
    "arguments": """\
ARG TARGETARCH
FROM scratch AS of-amd64
ENV KIND=amd
FROM scratch AS of-arm64
COPY f /only-arm64
FROM scratch AS of-arm
LABEL small=yes
FROM of-arm AS of-386
FROM of-$TARGETARCH AS final
ARG TARGETVARIANT
ENV VARIANT=$TARGETVARIANT
COPY f /every
WORKDIR /work/of$TARGETVARIANT
""",
    "fixed": """\
FROM --platform=linux/s390x scratch AS other
COPY f /other
FROM scratch
COPY --from=other /other /f
USER 7
""",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, busybox: Path) -> Path:
    folder = tmp_path_factory.mktemp("platforms")
    (folder / "context").mkdir()
    (folder / "context/f").write_text("f")
    for name, text in DOCKERFILES.items():
        (folder / f"{name}.dockerfile").write_text(text)
    collected.make_base(folder / "base.tar", busybox)
    return folder


def build_all(command: tuple[str, ...], environ: dict[str, str], shared: Path, of: str) -> None:
    for name in DOCKERFILES:
        output = f"type=oci,dest={shared / f'{name}-{of}.tar'},name=many/{name}:1"
        file = str(shared / f"{name}.dockerfile")
        platforms = ",".join(PLATFORMS)
        run(command, environ, "--platform", platforms, "-f", file, "-o", output, ".", cwd=shared / "context")


@pytest.fixture(scope="module")
def ours(shared: Path) -> Iterator[dict[str, str]]:
    with our_engine(shared) as environ:
        run(OURS, environ, "import", str(shared / "base.tar"), "tiny:latest")
        run(OURS, environ, "save", "-o", str(shared / "tiny.tar"), "tiny:latest")
        build_all((*OURS, "build", "-q"), environ, shared, "ours")
        yield environ


@pytest.fixture(scope="module")
def buildkits(shared: Path, ours: dict[str, str]) -> Iterator[dict[str, str]]:
    with buildkit(shared, containerd_store=True) as (environ, _):
        run(("docker",), environ, "load", "-i", str(shared / "tiny.tar"))
        build_all(("docker", "buildx", "build", "-q"), environ, shared, "buildkit")
        yield environ


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_index_has_the_same_platforms_with_the_same_images(
    name: str, shared: Path, ours: dict[str, str], buildkits: dict[str, str]
) -> None:
    mine, theirs = (collected.take_index(shared / f"{name}-{of}.tar") for of in ("ours", "buildkit"))
    assert list(mine) == list(theirs)
    assert {platform: one.files for platform, one in mine.items()} == {
        platform: one.files for platform, one in theirs.items()
    }
    for judge in (collected.comparable, collected.history):
        assert {platform: judge(one.config) for platform, one in mine.items()} == {
            platform: judge(one.config) for platform, one in theirs.items()
        }


def test_each_loads_what_the_other_has_written(shared: Path, ours: dict[str, str], buildkits: dict[str, str]) -> None:
    for command, environ, of in ((OURS, ours, "buildkit"), (("docker",), buildkits, "ours")):
        run(command, environ, "load", "-i", str(shared / f"cross-{of}.tar"))
        for platform in PLATFORMS:
            text = run(command, environ, "image", "inspect", "--platform", platform, "many/cross:1")
            found = json.loads(text)
            found = found[0] if isinstance(found, list) else found
            assert f"{found['Os']}/{found['Architecture']}" == "/".join(platform.split("/")[:2])
