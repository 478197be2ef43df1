"""Build contexts that the engine fetches: a git repository, an archive and a Dockerfile behind a URL."""

import functools
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from client_commands import Run
from docker.errors import APIError

from git_peer import served_repository

DOCKERFILE = "FROM busybox\nCOPY . /ctx\n"
ALONE = "FROM busybox\nRUN echo alone >/made\n"


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    first = {"Dockerfile": DOCKERFILE, "said": "one", "sub/Dockerfile": DOCKERFILE, "sub/said": "below"}
    with served_repository(tmp_path / "served", first, {"said": "two", "Other": DOCKERFILE}) as (url, _):
        yield url


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """`context.tar.gz`, a Dockerfile called `alone`, and `picture`, which is neither."""
    folder = tmp_path / "web"
    folder.mkdir()
    with tarfile.open(folder / "context.tar.gz", "w:gz") as archive:
        for name, text in {"Dockerfile": DOCKERFILE, "said": "packed", ".dockerignore": "left", "left": "out"}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    (folder / "alone").write_text(ALONE)
    (folder / "picture").write_bytes(b"\x89PNG\xff\xfe")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


def built(dockless: Run, *arguments: str) -> str:
    done = dockless("build", "-q", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_repository_its_ref_and_its_folder(dockless: Run, repository: str) -> None:
    def said(*arguments: str) -> list[str]:
        done = dockless("run", "--rm", built(dockless, *arguments), "sh", "-c", "cat /ctx/said; echo; ls -A /ctx")
        return done.stdout.split()

    assert said(repository) == ["two", "Dockerfile", "Other", "said", "sub"]
    assert said(f"{repository}#v1") == ["one", "Dockerfile", "said", "sub"]
    assert said(f"{repository}#v1:sub") == ["below", "Dockerfile", "said"]
    assert said("-f", "Other", repository)[0] == "two"


def test_an_archive_and_a_dockerfile_behind_a_url(dockless: Run, web: str) -> None:
    packed = built(dockless, f"{web}/context.tar.gz")
    done = dockless("run", "--rm", packed, "sh", "-c", "cat /ctx/said; echo; ls /ctx")
    assert done.stdout.split() == ["packed", "Dockerfile", "said"]
    alone = built(dockless, f"{web}/alone")
    assert dockless("run", "--rm", alone, "cat", "/made").stdout == "alone\n"


def test_what_cannot_be_a_context_is_said(dockless: Run, sdk: docker.DockerClient, web: str, repository: str) -> None:
    for context, words in (
        (f"{web}/none", "invalid response status 404"),
        (f"{web}/picture", "neither a tar archive nor a Dockerfile"),
        (f"{repository}#nowhere", "nowhere"),
        (f"{repository}#v1:none", "there is no folder none"),
    ):
        done = dockless("build", context)
        assert done.returncode == 1
        assert words in done.stderr
    with pytest.raises(APIError, match="could not be recognized as URL"):
        sdk.api._raise_for_status(sdk.api._post(sdk.api._url("/build"), params={"remote": "nothing"}))


def test_the_sdk_names_a_url(sdk: docker.DockerClient, web: str) -> None:
    image, _ = sdk.images.build(path=f"{web}/context.tar.gz")
    assert sdk.containers.run(image.id, "cat /ctx/said", remove=True) == b"packed"


def test_a_compose_service_is_built_from_a_repository(dockless: Run, repository: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        f"name: far\nservices:\n  one:\n    image: far-one\n    build: {{context: '{repository}#v1'}}\n"
    )
    done = dockless("compose", "build")
    assert done.returncode == 0, done.stderr
    assert dockless("run", "--rm", "far-one", "cat", "/ctx/said").stdout == "one"


def test_named_contexts_are_fetched_when_they_are_read(
    dockless: Run, repository: str, web: str, tmp_path: Path
) -> None:
    context = tmp_path / "one"
    context.mkdir()
    (context / "Dockerfile").write_text(
        "FROM busybox AS unread\nCOPY --from=nowhere . /\n"
        "FROM busybox\nCOPY --from=code said /code\nCOPY --from=packed said /packed\n"
        "RUN --mount=from=code,target=/m cp /m/sub/said /mounted\n"
    )
    named = {"code": f"{repository}#v1", "packed": f"{web}/context.tar.gz", "nowhere": f"{web}/none.tar.gz"}
    flags = [part for name, address in named.items() for part in ("--build-context", f"{name}={address}")]
    done = dockless("run", "--rm", built(dockless, "one", *flags), "cat", "/code", "/packed", "/mounted")
    assert done.stdout == "onepackedbelow"
    (tmp_path / "compose.yaml").write_text(
        f"""name: named
services:
  one: {{image: named-one, build: {{context: one, additional_contexts: {json.dumps(named)}}}}}
"""
    )
    done = dockless("compose", "build")
    assert done.returncode == 0, done.stderr
    assert dockless("run", "--rm", "named-one", "cat", "/code").stdout == "one"
    for address, words in (
        (f"{web}/none", "invalid response status 404"),
        (f"{web}/alone", "not a tar archive"),
        ("oci-layout://x", "a folder, docker-image://REFERENCE"),
    ):
        done = dockless("build", "one", *flags, "--build-context", f"code={address}")
        assert done.returncode == 1
        assert words in done.stderr
