"""Compose files at a registry and in git repositories: published, fetched, and run; beside the real Docker Compose."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from test_scenarios import REAL_COMPOSE, Folder

import own_engine
from dockless.compose.errors import ComposeError
from dockless.compose.run.artifact import Layer, NoComposeArtifact, files_of, manifest_of
from dockless.compose.run.remote import GitReference, RemoteFiles, git_reference
from waiting import until

NOWHERE = "unix:///nowhere/docker.sock"
STACK = """
# A comment that stays.
name: pub
services:
  a:
    image: busybox
    command: echo "hi ${WHO:-you}"
    volumes: ["./data:/data"]
  b:
    extends:
      file: sub/ext.yaml
      service: base
    env_file:
      - ./one.env
    environment: {TOKEN: abc}
"""
FILES = {
    "compose.yaml": STACK,
    "compose.override.yaml": "services: {a: {labels: {x: y}}}\n",
    "sub/ext.yaml": "services:\n  base: {image: busybox}\n",
    "one.env": "K=V\n",
}


@dataclass(frozen=True)
class Registry:
    """A real registry behind TLS, since Docker Compose speaks to no other; `variables` make a client trust it."""

    address: str
    variables: dict[str, str]
    data: Path


@pytest.fixture(scope="session")
def tls_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    program = shutil.which("docker-registry")
    if program is None or not shutil.which("openssl"):
        pytest.skip("needs docker-registry and openssl")
    base = tmp_path_factory.mktemp("registry")
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    names = ("-keyout", base / "key", "-out", base / "certificate", "-days", "2")
    command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names, *subject)
    subprocess.run(command, check=True, capture_output=True)
    address = f"127.0.0.1:{_free_port()}"
    (base / "registry.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {base}/data}}}}\n"
        f"http: {{addr: '{address}', tls: {{certificate: {base}/certificate, key: {base}/key}}}}\n"
    )
    with (base / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", base / "registry.yml"], stdout=log, stderr=log)
    try:
        until(lambda: _listens(address))
        yield Registry(address, {"SSL_CERT_FILE": str(base / "certificate")}, base / "data")
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


@pytest.fixture
def author(tmp_path: Path, tls_registry: Registry) -> Folder:
    """Who publishes: a project, and no engine."""
    path = tmp_path / "author"
    for name, text in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    variables = {"DOCKER_HOST": NOWHERE, "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    return Folder(path, tls_registry.variables | variables)


def _published(folder: Folder, registry: Registry, name: str) -> dict[str, object]:
    """The manifest under that name, but for the time in it."""
    from dockless.client.artifacts import Artifacts

    _, raw = Artifacts(f"{registry.address}/{name}", folder.environment).manifest()
    found: dict[str, object] = json.loads(raw)
    found.pop("annotations")
    return found


def _theirs(folder: Folder, *arguments: str) -> "subprocess.CompletedProcess[str]":
    assert REAL_COMPOSE is not None
    return subprocess.run(
        [REAL_COMPOSE, *arguments], cwd=folder.path, env=folder.environment, capture_output=True, text=True, timeout=120
    )


needs_compose = pytest.mark.skipif(REAL_COMPOSE is None, reason="needs Docker Compose")


@pytest.mark.peer
@needs_compose
@pytest.mark.parametrize("flags", ["-y", "-y --with-env", "-y --with-env --oci-version 1.0"])
def test_what_is_published_is_what_docker_compose_publishes(author: Folder, tls_registry: Registry, flags: str) -> None:
    ours = author.run("compose", "publish", *flags.split(), f"{tls_registry.address}/me/ours:1")
    assert ours.returncode == 0, ours.stderr
    theirs = _theirs(author, "publish", *flags.split(), f"{tls_registry.address}/me/theirs:1")
    assert theirs.returncode == 0, theirs.stderr
    assert _published(author, tls_registry, "me/ours:1") == _published(author, tls_registry, "me/theirs:1")


@pytest.mark.peer
@needs_compose
def test_an_application_takes_its_images_along(author: Folder, tls_registry: Registry, tmp_path: Path) -> None:
    for name in ("app/web:1", "app/db:2"):
        _push_image(author, tls_registry, name)
    images = {"web": "app/web:1", "db": "app/db:2", "same": "app/web:1"}
    listed = "".join(f"  {name}: {{image: '{tls_registry.address}/{image}'}}\n" for name, image in images.items())
    author.write(f"services:\n{listed}")
    (author.path / "compose.override.yaml").unlink()
    engine = tls_registry.variables | {"DOCKLESS_ROOT": str(tmp_path / "root"), "DOCKLESS_IDLE_SECONDS": "1"}
    with own_engine.serving(Folder(author.path, engine).environment) as address:
        folder = Folder(author.path, author.engine | {"DOCKER_HOST": address})
        ours = folder.run("compose", "publish", "-y", "--app", f"{tls_registry.address}/app/ours:1")
        theirs = _theirs(folder, "publish", "-y", "--app", f"{tls_registry.address}/app/theirs:1")
    assert (ours.returncode, theirs.returncode) == (0, 0), (ours.stderr, theirs.stderr)
    assert _all_manifests(tls_registry, "app/ours") == _all_manifests(tls_registry, "app/theirs")
    assert len(_all_manifests(tls_registry, "app/ours")) == 4  # the artifact, two images and their index


def _push_image(folder: Folder, registry: Registry, name: str) -> None:
    from dockless.client.artifacts import Artifacts
    from dockless.registry.manifests import OCI_MANIFEST, Descriptor, Manifest, encode
    from dockless.registry.reference import digest_of

    layer, configuration = f"the layer of {name}".encode(), b'{"architecture": "amd64", "os": "linux"}'
    to = Artifacts(f"{registry.address}/{name}", folder.environment, writes=True)
    described = []
    for content, kind in ((configuration, "config.v1+json"), (layer, "layer.v1.tar")):
        to.send(content)
        media_type = f"application/vnd.oci.image.{kind}"
        described.append(Descriptor(media_type, len(content), digest_of(content)))
    to.publish(encode(Manifest(described[0], media_type=OCI_MANIFEST, layers=(described[1],))))


def _all_manifests(registry: Registry, repository: str) -> list[str]:
    """All that a repository has, without the time and what depends on it."""
    store = registry.data / "docker/registry/v2"
    found = []
    for each in (store / "repositories" / repository / "_manifests/revisions/sha256").iterdir():
        manifest = json.loads((store / f"blobs/sha256/{each.name[:2]}/{each.name}/data").read_text())
        manifest.get("annotations", {}).pop("org.opencontainers.image.created", None)
        if "subject" in manifest:
            manifest["subject"]["digest"] = ""
            # Theirs names an image once for each service.
            manifest["manifests"] = sorted({json.dumps(each, sort_keys=True) for each in manifest["manifests"]})
        found.append(json.dumps(manifest, sort_keys=True))
    return sorted(found)


@pytest.mark.peer
@needs_compose
def test_a_published_project_is_read_by_both_tools_alike(author: Folder, tls_registry: Registry) -> None:
    name = f"{tls_registry.address}/me/shared:1"
    author.ok("compose", "publish", "-y", "--with-env", name)
    author.write(f'name: inc\ninclude: ["oci://{name}"]\n', "including.yaml")
    author.write(f'name: e\nservices: {{c: {{extends: {{file: "oci://{name}", service: b}}}}}}\n', "extending.yaml")
    for file in (f"oci://{name}", "including.yaml", "extending.yaml"):
        ours = author.ok("compose", "-f", file, "config")
        shutil.rmtree(author.environment["XDG_CACHE_HOME"])
        theirs = _theirs(author, "-f", file, "config")
        assert (theirs.returncode, ours) == (0, theirs.stdout), theirs.stderr
        shutil.rmtree(author.environment["XDG_CACHE_HOME"])


@pytest.mark.e2e
def test_a_published_project_is_run_by_its_name(
    author: Folder, tls_registry: Registry, on_dockless: dict[str, str]
) -> None:
    name = f"oci://{tls_registry.address}/me/run:1"
    author.ok("compose", "publish", "-y", "--with-env", name.removeprefix("oci://"))
    here = {key: value for key, value in author.engine.items() if key != "DOCKER_HOST"}
    user = replace(author, path=author.path.parent, engine=here | on_dockless)
    refused = user.run("compose", "-f", name, "up", "-d", stdin="n\n")
    assert (refused.returncode, "WHO        you     compose file" in refused.stdout) == (1, True), refused.stdout
    user.ok("compose", "-f", name, "up", "-d", "-y")
    until(lambda: "hi you" in user.ok("compose", "-f", name, "logs", "a"))
    assert "K=V" in user.ok("compose", "-f", name, "run", "--rm", "-T", "b", "env")
    user.ok("compose", "-f", name, "down", "-t", "0")


@pytest.mark.parametrize(
    ("answers", "flags", "status", "words"),
    [
        ("", "--with-env", 0, "bind mount declarations?"),
        ("y\n", "--with-env", 0, "TOKEN=abc"),
        ("y\n", "", 1, 'service "b" has env_file declared.'),
        ("", "-y --oci-version 7", 1, "unsupported OCI version: 7"),
    ],
)
def test_nothing_is_published_that_nobody_agreed_to(
    author: Folder, tls_registry: Registry, answers: str, flags: str, status: int, words: str
) -> None:
    name = f"{tls_registry.address}/me/never:1"
    done = author.run("compose", "publish", *flags.split(), name, stdin=answers)
    assert (done.returncode, words in done.stdout + done.stderr) == (status, True), done.stdout + done.stderr
    missing = author.run("compose", "-f", f"oci://{name}", "config")
    assert (missing.returncode, f"{name}: not found" in missing.stderr) == (1, True), missing.stderr


def test_secrets_are_pointed_at_and_not_printed(author: Folder, tls_registry: Registry) -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    author.write(f"services: {{a: {{image: busybox, labels: {{key: {key}}}}}}}", "compose.yaml")
    (author.path / "compose.override.yaml").unlink()
    done = author.run("compose", "publish", f"{tls_registry.address}/me/never:1")
    assert ("AWS Client ID" in done.stdout, key in done.stdout) == (True, False)


def test_files_of_this_machine_alone_are_not_published(author: Folder, tls_registry: Registry) -> None:
    author.write("include: [sub/ext.yaml]\nservices: {a: {image: x}}", "compose.yaml")
    done = author.run("compose", "publish", "-y", f"{tls_registry.address}/me/never:1")
    assert (done.returncode, done.stderr) == (1, "cannot publish compose file with local includes\n")
    author.write("services: {a: {build: .}, b: {image: x}}", "compose.yaml")
    (author.path / "compose.override.yaml").unlink()
    done = author.run("compose", "publish", "-y", f"{tls_registry.address}/me/never:1")
    assert (done.returncode, 'only contains a build section for service(s):\n- "a"' in done.stderr) == (1, True)


def test_an_artifact_writes_no_file_out_of_its_folder() -> None:
    for name in ("../x", "/etc/x", "a/b", "..", "", "compose.yaml"):
        evil = manifest_of([Layer(name, b"x", extended=True)], "", typed=True)
        with pytest.raises(NoComposeArtifact, match="which is refused"):
            files_of(evil, lambda *_: b"x", "evil")
    with pytest.raises(NoComposeArtifact, match="is not a compose project OCI artifact, but application/x"):
        files_of(b'{"artifactType": "application/x"}', lambda *_: b"", "other")
    with pytest.raises(NoComposeArtifact, match="is not a compose project OCI artifact"):
        files_of(b"[", lambda *_: b"", "none")


# git


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A repository's address, and its commit."""
    if not shutil.which("git"):
        pytest.skip("needs git")
    base = tmp_path_factory.mktemp("git")
    work = base / "work"
    files = {
        "compose.yaml": "name: gt\nservices: {a: {image: busybox, volumes: ['./d:/d'], env_file: [one.env]}}\n",
        "one.env": "K=1\n",
        "sub/compose.yml": "services: {s: {image: busybox, volumes: ['./d:/d'], build: .}}\n",
    }
    for name, text in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    (work / "out.yaml").symlink_to("/etc/hostname")
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "init.defaultBranch=main")
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x"), ("tag", "-a", "-m", "x", "v1")):
        subprocess.run(["git", *identity, *arguments], cwd=work, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=work, check=True, capture_output=True, text=True)
    subprocess.run(["git", "clone", "-q", "--bare", work, base / "r.git"], check=True)
    port = _free_port()
    serve = ("--export-all", f"--base-path={base}", "--listen=127.0.0.1", f"--port={port}", base)
    process = subprocess.Popen(["git", "daemon", "--reuseaddr", *serve], stderr=subprocess.DEVNULL)
    try:
        until(lambda: _listens(f"127.0.0.1:{port}"))
        yield f"git://127.0.0.1:{port}/r.git", commit.stdout.strip()
    finally:
        process.terminate()
        process.wait()


@pytest.mark.peer
@needs_compose
def test_a_repository_is_read_by_both_tools_alike(author: Folder, repository: tuple[str, str]) -> None:
    url, commit = repository
    author.write(f'name: i\ninclude: ["{url}#main:sub"]\nservices: {{}}\n', "including.yaml")
    author.write(f'name: e\nservices: {{c: {{extends: {{file: "{url}#:sub", service: s}}}}}}\n', "extending.yaml")
    for file in (
        url,
        f"{url}#v1",
        f"{url}#main:sub",
        f"{url}#{commit}:sub/compose.yml",
        "including.yaml",
        "extending.yaml",
    ):
        ours = author.ok("compose", "-f", file, "config")
        shutil.rmtree(author.environment["XDG_CACHE_HOME"])
        theirs = _theirs(author, "-f", file, "config")
        assert (theirs.returncode, ours) == (0, theirs.stdout), theirs.stderr
        shutil.rmtree(author.environment["XDG_CACHE_HOME"])


def test_what_cannot_be_fetched_is_said(tmp_path: Path, repository: tuple[str, str]) -> None:
    url, _ = repository
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    fetch = RemoteFiles(environ)
    for name, words in {
        f"{url}#nope": "repository does not contain ref",
        url.replace("r.git", "none.git"): "failed to access repository at",
        f"{url}#:../x": "git subdirectory path traversal detected: ../x",
        f"{url}#:/etc": "git subdirectory must be relative",
        f"{url}#:none.yaml": "there is no none.yaml in it",
        f"{url}#:out.yaml": "is a link that leads out of the repository",
        "https://example.com/x": "is no git repository",
    }.items():
        with pytest.raises(ComposeError, match=words):
            fetch(name)
    assert [path.name for path in (tmp_path / "docker-compose").iterdir() if path.name.startswith(".")] == []
    for value, words in {"0": "git remote resource is disabled by", "maybe": "expects boolean value"}.items():
        with pytest.raises(ComposeError, match=words):
            RemoteFiles({**environ, "COMPOSE_EXPERIMENTAL_GIT_REMOTE": value})(url)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("github.com/me/r", GitReference("https://github.com/me/r", "", "")),
        ("git@host:me/r.git#v1", GitReference("git@host:me/r.git", "v1", "")),
        ("https://host/r.git#main:a/b", GitReference("https://host/r.git", "main", "a/b")),
        ("ssh://git@host/r#:a", GitReference("ssh://git@host/r", "", "a")),
        ("https://host/file.yaml", None),
    ],
)
def test_addresses_of_repositories(text: str, found: GitReference | None) -> None:
    assert git_reference(text) == found
