"""Pushing to and pulling from a real registry, also through a proxy that misbehaves."""

import contextlib
import gzip
import http.server
import io
import random
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import msgspec
import pytest
import zstandard
from imagekit import PASSWORD, USER, Registry, RegistryStarter, build_image, open_store

from dockless.images.progress import PullEvent
from dockless.images.registry import RegistryClient
from dockless.images.store import Image, ImageStore
from dockless.images.unpack import BadLayer
from dockless.registry import manifests
from dockless.registry.auth import Authenticator
from dockless.registry.credentials import Credentials
from dockless.registry.manifests import Descriptor, Manifest
from dockless.registry.platform import Platform
from dockless.registry.reference import Reference, digest_of
from dockless.registry.repository import Repository
from dockless.registry.transport import (
    AccessDenied,
    BadContent,
    ManifestNotFound,
    Patience,
    RateLimited,
    RegistryError,
    RegistryUnreachable,
    Transport,
)

pytestmark = pytest.mark.peer

QUICK = Patience(stall=1.0, backoff=0.01, attempts=4)


def pushed(store: ImageStore, registry: Registry, name: str = "team/app:1", **files: bytes) -> Reference:
    reference = Reference.parse(f"{registry.host}/{name}")
    build_image(store, {"base": b"b" * 100_000}, files or {"app": b"a"}, names=(reference.familiar,))
    RegistryClient(store, {}).push(reference)
    return reference


def test_what_is_pushed_is_pulled_with_the_same_id_and_files(
    store: ImageStore, registry: Registry, tmp_path: Path
) -> None:
    reference = pushed(store, registry, app=b"hello")
    other = open_store(tmp_path / "other")
    events: list[PullEvent] = []
    image = RegistryClient(other, {}).pull(reference, progress=events.append)
    mine = store.resolve(reference.familiar)
    assert mine is not None
    assert (image.id, image.names, image.digests) == (mine.id, (reference.familiar,), mine.digests)
    top, bottom = other.chain(image)
    assert (top / "app").read_bytes() == b"hello"
    assert (bottom / "base").read_bytes() == b"b" * 100_000
    statuses = [event.status for event in events]
    assert statuses[0] == "Pulling from team/app"
    assert statuses.count("Pull complete") == 2
    digest = image.digests[0].partition("@")[2]
    assert statuses[-2:] == [f"Digest: {digest}", f"Status: Downloaded newer image for {reference}"]


def test_a_second_pull_downloads_nothing(store: ImageStore, registry: Registry, tmp_path: Path) -> None:
    reference = pushed(store, registry)
    other = open_store(tmp_path / "other")
    RegistryClient(other, {}).pull(reference)
    events: list[PullEvent] = []
    RegistryClient(other, {}).pull(reference, progress=events.append)
    statuses = [event.status for event in events]
    assert statuses.count("Already exists") == 2
    assert not any(status in ("Downloading", "Pull complete") for status in statuses)
    assert statuses[-1] == f"Status: Image is up to date for {reference}"


def test_a_pull_by_digest_gives_the_image_no_tag(store: ImageStore, registry: Registry, tmp_path: Path) -> None:
    reference = pushed(store, registry)
    mine = store.resolve(reference.familiar)
    assert mine is not None
    by_digest = Reference.parse(mine.digests[0])
    other = open_store(tmp_path / "other")
    image = RegistryClient(other, {}).pull(by_digest)
    assert (image.id, image.names, image.digests) == (mine.id, (), mine.digests)
    assert other.resolve(by_digest.familiar) == image


def test_a_pulled_image_goes_to_another_repository_with_its_own_digest_and_nothing_is_sent_twice(
    store: ImageStore, registry: Registry, tmp_path: Path
) -> None:
    reference = pushed(store, registry)
    other = open_store(tmp_path / "other")
    image = RegistryClient(other, {}).pull(reference)
    elsewhere = Reference.parse(f"{registry.host}/elsewhere:2")
    other.tag(image.id, elsewhere)
    events: list[PullEvent] = []
    digest = RegistryClient(other, {}).push(elsewhere, progress=events.append)
    assert image.digests[0].endswith(digest)
    assert [event.status for event in events if event.status.startswith("Mounted from team/app")] != []
    assert not any(event.status == "Pushing" for event in events)
    events.clear()
    assert RegistryClient(other, {}).push(elsewhere, progress=events.append) == digest
    assert [event.status for event in events].count("Layer already exists") == 2


def test_what_the_registry_does_not_have_is_said_in_docker_s_words(store: ImageStore, registry: Registry) -> None:
    pushed(store, registry, "app:1")
    client = RegistryClient(store, {})
    with pytest.raises(ManifestNotFound, match=r"manifest for 127.0.0.1:\d+/app:2 not found: manifest unknown"):
        client.pull(Reference.parse(f"{registry.host}/app:2"))
    with pytest.raises(ManifestNotFound):
        client.pull(Reference.parse(f"{registry.host}/nobody/knows"))


def test_a_registry_with_a_password_wants_it(
    store: ImageStore, start_registry: RegistryStarter, tmp_path: Path
) -> None:
    registry = start_registry(password=True)
    reference = Reference.parse(f"{registry.host}/app:1")
    build_image(store, {"x": b"x"}, names=(reference.familiar,))
    client = RegistryClient(store, {})
    with pytest.raises(AccessDenied):
        client.push(reference)
    with pytest.raises(AccessDenied):
        client.push(reference, auth=Credentials(USER, "wrong"))
    client.push(reference, auth=Credentials(USER, PASSWORD))
    with pytest.raises(AccessDenied, match=r"pull access denied for .*/app:1, repository does not exist or"):
        client.pull(reference)
    home = tmp_path / "home" / ".docker"
    home.mkdir(parents=True)
    auth = {"auths": {registry.host: {"auth": "c29tZW9uZTphIHNlY3JldA=="}}}
    (home / "config.json").write_bytes(msgspec.json.encode(auth))
    assert RegistryClient(store, {"HOME": str(tmp_path / "home")}).pull(reference).names == (reference.familiar,)


def test_a_registry_with_tls_is_spoken_to_with_tls(
    store: ImageStore, start_registry: RegistryStarter, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    registry = start_registry(certificate=(certificate, key))
    reference = pushed(store, registry)
    transport = Transport({"SSL_CERT_FILE": str(certificate)})
    assert transport.reach(transport.own_endpoint(registry.host)).url == f"https://{registry.host}"
    image = RegistryClient(open_store(tmp_path / "other"), {}).pull(reference)
    assert image.names == (reference.familiar,)
    # Elsewhere than on loopback a certificate that nobody vouches for is refused, and plain HTTP never tried.
    strict = Transport({})
    endpoint = strict.own_endpoint(registry.host)
    with pytest.raises(RegistryUnreachable, match="certificate verify failed"):
        strict.reach(type(endpoint)(registry.host, endpoint.url, lenient=False))


def test_nobody_there_is_said_at_once(store: ImageStore) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        with pytest.raises(RegistryUnreachable, match=r"registry 127.0.0.1:\d+ cannot be reached: .*refused"):
            RegistryClient(store, {}).pull(Reference.parse(f"127.0.0.1:{port}/app"))


def waiting(listener: socket.socket) -> int:
    """How many connections have come since the last look; they are closed."""
    found = 0
    listener.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            found += 1
    return found


def test_one_who_accepts_and_never_answers_is_given_up_and_not_tried_again(store: ImageStore) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        reference = Reference.parse(f"127.0.0.1:{listener.getsockname()[1]}/app")
        client = RegistryClient(store, {}, Patience(reach=0.5))
        with pytest.raises(RegistryUnreachable, match=r"cannot be reached"):
            client.pull(reference)
        assert waiting(listener)
        with pytest.raises(RegistryUnreachable):
            client.pull(reference)
        assert waiting(listener) == 0, "it is remembered, not tried again"


# Other forms of images, put into the registry by hand.


def put_image(
    store: ImageStore,
    registry: Registry,
    name: str,
    *,
    pack: Callable[[bytes], bytes] = gzip.compress,
    media_type: str = manifests.OCI_LAYER + "+gzip",
    architecture: str = "amd64",
    tamper: Callable[[Manifest], Manifest] = lambda manifest: manifest,
    text: bytes = b"hello",
) -> tuple[Image, bytes]:
    """An OCI image of one layer in any compression; the answer has the manifest's bytes."""
    image = build_image(store, {"file": text}, cmd=architecture)
    repository = raw_repository(registry, name)
    blob = pack(b"".join(store.layers.pack(image.layers[0])))
    raw_config = msgspec.json.encode(
        {**msgspec.json.decode(store.content.read(image.id)), "architecture": architecture}
    )
    for data in (blob, raw_config):
        repository.upload(digest_of(data), len(data), partial(io.BytesIO, data))
    manifest = Manifest(
        Descriptor(manifests.OCI_CONFIG, len(raw_config), digest_of(raw_config)),
        media_type=manifests.OCI_MANIFEST,
        layers=(Descriptor(media_type, len(blob), digest_of(blob)),),
    )
    raw = manifests.encode(tamper(manifest))
    repository.put_manifest(digest_of(raw), raw, manifests.OCI_MANIFEST)
    return image, raw


def raw_repository(registry: Registry, name: str) -> Repository:
    transport = Transport({})
    reached = transport.reach(transport.own_endpoint(registry.host))
    return Repository(transport, reached, Authenticator(transport, None, lenient=True), name, name, "pull,push")


@pytest.mark.parametrize(
    ("pack", "suffix"),
    [(gzip.compress, "+gzip"), (zstandard.ZstdCompressor().compress, "+zstd"), (bytes, "")],
    ids=["gzip", "zstd", "plain"],
)
def test_oci_layers_are_pulled_in_every_compression(
    store: ImageStore, registry: Registry, tmp_path: Path, pack: Callable[[bytes], bytes], suffix: str
) -> None:
    _, raw = put_image(store, registry, "oci", pack=pack, media_type=manifests.OCI_LAYER + suffix)
    other = open_store(tmp_path / "other")
    image = RegistryClient(other, {}).pull(Reference.parse(f"{registry.host}/oci@{digest_of(raw)}"))
    assert (other.chain(image)[0] / "file").read_bytes() == b"hello"


def test_of_an_index_the_image_for_the_platform_is_taken(store: ImageStore, registry: Registry, tmp_path: Path) -> None:
    entries = []
    for architecture, variant in (("arm64", "v8"), ("amd64", ""), ("arm", "v6")):
        _, raw = put_image(store, registry, "many", architecture=architecture, text=architecture.encode())
        platform = {"os": "linux", "architecture": architecture, "variant": variant}
        entry = {"mediaType": manifests.OCI_MANIFEST, "digest": digest_of(raw), "size": len(raw)}
        entries.append({**entry, "platform": platform})
    index = msgspec.json.encode({"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": entries})
    raw_repository(registry, "many").put_manifest("1", index, manifests.OCI_INDEX)
    reference = Reference.parse(f"{registry.host}/many:1")
    for wanted, found in (("linux/amd64", "amd64"), ("linux/arm64", "arm64"), ("linux/arm/v7", "arm")):
        other = open_store(tmp_path / found)
        image = RegistryClient(other, {}).pull(reference, platform=Platform.parse(wanted))
        assert (other.chain(image)[0] / "file").read_bytes() == found.encode()
        assert image.digests == (f"{registry.host}/many@{digest_of(index)}",)
    with pytest.raises(manifests.NoSuchPlatform, match=r"no matching manifest for linux/s390x .*linux/arm64/v8"):
        RegistryClient(store, {}).pull(reference, platform=Platform.parse("linux/s390x"))


def test_an_image_for_another_platform_is_refused_when_one_was_asked_for(store: ImageStore, registry: Registry) -> None:
    _, raw = put_image(store, registry, "one", architecture="arm64")
    reference = Reference.parse(f"{registry.host}/one@{digest_of(raw)}")
    with pytest.raises(manifests.NoSuchPlatform, match="does not match linux/amd64"):
        RegistryClient(store, {}).pull(reference, platform=Platform.parse("linux/amd64"))
    assert RegistryClient(store, {}).pull(reference, platform=None).config.architecture == "arm64"


def test_a_layer_that_is_not_what_its_diff_id_says_is_refused(store: ImageStore, registry: Registry) -> None:
    def other_content(tar: bytes) -> bytes:
        return gzip.compress(tar.replace(b"hello", b"HELLO"))

    _, raw = put_image(store, registry, "lie", pack=other_content)
    reference = Reference.parse(f"{registry.host}/lie@{digest_of(raw)}")
    clean = open_store(registry.storage.parent / "clean")
    with pytest.raises(BadLayer, match="layer verification failed"):
        RegistryClient(clean, {}).pull(reference)
    assert clean.layers.names() == []


def test_what_is_no_image_is_refused_by_name(store: ImageStore, registry: Registry) -> None:
    def artifact(manifest: Manifest) -> Manifest:
        return msgspec.structs.replace(
            manifest, config=msgspec.structs.replace(manifest.config, media_type="application/vnd.example.chart")
        )

    _, raw = put_image(store, registry, "chart", tamper=artifact)
    with pytest.raises(manifests.BadManifest, match=r"no container image.*vnd\.example\.chart"):
        RegistryClient(store, {}).pull(Reference.parse(f"{registry.host}/chart@{digest_of(raw)}"))


# A proxy that misbehaves.


@dataclass
class Mischief:
    """Stands before a registry. `act` is asked about each answer: it may change it, or break the connection off."""

    upstream: str
    act: "Callable[[Request], None]" = lambda request: None
    requests: "list[Request]" = field(default_factory=list)
    host: str = ""


@dataclass
class Request:
    handler: "Handler"
    method: str
    path: str
    headers: dict[str, str]
    status: int = 0
    answer: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    send_only: int | None = None
    stall: threading.Event | None = None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        mischief = cast("MischiefServer", self.server).mischief
        request = Request(self, self.command, self.path, dict(self.headers.items()))
        mischief.requests.append(request)
        connection = HTTPConnection(mischief.upstream)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        connection.request(self.command, self.path, body or None, {**request.headers, "Host": mischief.upstream})
        upstream = connection.getresponse()
        request.status, request.answer, request.body = upstream.status, dict(upstream.getheaders()), upstream.read()
        connection.close()
        mischief.act(request)
        self.send_response_only(request.status)
        request.answer.pop("Transfer-Encoding", None)
        for name, value in request.answer.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(request.body[: request.send_only])
            self.wfile.flush()
        if request.stall is not None:
            request.stall.wait(20)
        if request.send_only is not None:
            self.close_connection = True

    do_HEAD = do_PUT = do_POST = do_PATCH = do_GET

    def log_message(self, format: str, *args: object) -> None:
        return


class MischiefServer(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    mischief: Mischief


@contextmanager
def mischievous(registry: Registry, act: Callable[[Request], None]) -> Iterator[Mischief]:
    with MischiefServer(("127.0.0.1", 0), Handler) as server:
        server.mischief = Mischief(registry.host, act, host=f"127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.mischief
        finally:
            server.shutdown()
            thread.join()


def is_layer(request: Request) -> bool:
    return "/blobs/" in request.path and len(request.body) > 2000


def through(mischief: Mischief, reference: Reference) -> Reference:
    return Reference.parse(f"{mischief.host}/{reference.repository}:{reference.tag}")


@pytest.fixture
def big(store: ImageStore, registry: Registry) -> Reference:
    """An image with a layer that does not compress: about a megabyte on the wire."""
    return pushed(store, registry, noise=random.Random(1).randbytes(1_000_000))


def test_a_download_that_is_cut_goes_on_where_it_was(big: Reference, registry: Registry, tmp_path: Path) -> None:
    cuts = 3

    def cut(request: Request) -> None:
        nonlocal cuts
        if is_layer(request) and len(request.body) > 400_000 and cuts:
            cuts -= 1
            request.send_only = 150_000

    other = open_store(tmp_path / "other")
    with mischievous(registry, cut) as mischief:
        image = RegistryClient(other, {}, QUICK).pull(through(mischief, big))
        ranges = [request.headers["Range"] for request in mischief.requests if "Range" in request.headers]
    assert (other.chain(image)[0] / "noise").stat().st_size == 1_000_000
    assert ranges == ["bytes=150000-", "bytes=300000-", "bytes=450000-"]


def test_a_registry_without_ranges_is_pulled_from_the_beginning_again(
    big: Reference, registry: Registry, tmp_path: Path
) -> None:
    calls = 0

    def no_ranges(request: Request) -> None:
        nonlocal calls
        if not is_layer(request) or len(request.body) < 400_000:
            return
        calls += 1
        if calls == 1:
            request.send_only = 300_000
        elif calls == 2:
            connection = HTTPConnection(registry.host)
            connection.request("GET", request.path)
            whole = connection.getresponse()
            request.body, request.status, request.answer = whole.read(), 200, dict(whole.getheaders())

    other = open_store(tmp_path / "other")
    with mischievous(registry, no_ranges) as mischief:
        image = RegistryClient(other, {}, QUICK).pull(through(mischief, big))
    assert calls == 2
    assert (other.chain(image)[0] / "noise").stat().st_size == 1_000_000


def test_a_download_that_stalls_is_taken_up_again(big: Reference, registry: Registry, tmp_path: Path) -> None:
    over = threading.Event()
    stalls = 1

    def stall(request: Request) -> None:
        nonlocal stalls
        if is_layer(request) and len(request.body) > 400_000 and stalls:
            stalls -= 1
            request.send_only, request.stall = 100_000, over

    other = open_store(tmp_path / "other")
    with mischievous(registry, stall) as mischief:
        image = RegistryClient(other, {}, QUICK).pull(through(mischief, big))
        over.set()
    assert (other.chain(image)[0] / "noise").stat().st_size == 1_000_000


def test_a_download_that_never_comes_ends_with_one_sentence(big: Reference, registry: Registry, tmp_path: Path) -> None:
    def nothing(request: Request) -> None:
        if is_layer(request):
            request.send_only = 0

    other = open_store(tmp_path / "other")
    with mischievous(registry, nothing) as mischief:
        with pytest.raises(RegistryError, match="the download broke off again and again"):
            RegistryClient(other, {}, QUICK).pull(through(mischief, big))
    other.collect()  # the other layer came whole, and nothing refers to it
    assert other.layers.names() == []
    assert other.list() == []


def test_a_blob_that_is_not_what_its_digest_says_is_refused(big: Reference, registry: Registry, tmp_path: Path) -> None:
    def flip(request: Request) -> None:
        if is_layer(request):
            request.body = request.body[:-9] + bytes((request.body[-9] ^ 1,)) + request.body[-8:]

    other = open_store(tmp_path / "other")
    with mischievous(registry, flip) as mischief:
        with pytest.raises(Exception, match=r"verification failed|damaged"):
            RegistryClient(other, {}, QUICK).pull(through(mischief, big))
    other.collect()  # the other layer came whole, and nothing refers to it
    assert other.layers.names() == []


def test_a_manifest_that_is_not_what_its_digest_says_is_refused(
    store: ImageStore, big: Reference, registry: Registry, tmp_path: Path
) -> None:
    def change(request: Request) -> None:
        if "/manifests/" in request.path:
            request.body = request.body.replace(b'"schemaVersion":2', b'"schemaVersion": 2')
            request.answer["Content-Length"] = str(len(request.body))

    mine = store.resolve(big.familiar)
    assert mine is not None
    other = open_store(tmp_path / "other")
    with mischievous(registry, change) as mischief:
        by_digest = Reference.parse(f"{mischief.host}/{big.repository}@{mine.digests[0].partition('@')[2]}")
        for reference in (by_digest, through(mischief, big)):
            with pytest.raises(BadContent, match="manifest verification failed"):
                RegistryClient(other, {}, QUICK).pull(reference)


def test_a_blob_longer_than_its_size_is_refused_before_it_fills_the_disk(
    big: Reference, registry: Registry, tmp_path: Path
) -> None:
    def longer(request: Request) -> None:
        if is_layer(request):
            request.body += b"x" * 300_000
            request.answer["Content-Length"] = str(len(request.body))

    other = open_store(tmp_path / "other")
    with mischievous(registry, longer) as mischief:
        with pytest.raises(RegistryError, match="more than the"):
            RegistryClient(other, {}, QUICK).pull(through(mischief, big))


def test_a_registry_that_fails_for_a_moment_is_asked_again(big: Reference, registry: Registry, tmp_path: Path) -> None:
    failures = {"manifests": 2, "blobs": 2}

    def fail(request: Request) -> None:
        for kind in failures:
            if f"/{kind}/" in request.path and failures[kind]:
                failures[kind] -= 1
                request.status, request.body, request.answer = 503, b"busy", {"Content-Length": "4"}

    with mischievous(registry, fail) as mischief:
        assert RegistryClient(open_store(tmp_path / "other"), {}, QUICK).pull(through(mischief, big)).names
    assert failures == {"manifests": 0, "blobs": 0}


def test_a_rate_limit_is_reported_with_its_reset(big: Reference, registry: Registry, tmp_path: Path) -> None:
    def limit(request: Request) -> None:
        if "/manifests/" in request.path:
            request.status, request.body = 429, b"toomanyrequests: You have reached your pull rate limit."
            request.answer = {"Content-Length": str(len(request.body)), "Retry-After": "3600"}

    with mischievous(registry, limit) as mischief:
        with pytest.raises(RateLimited, match="try again in 3600 s: toomanyrequests: You have reached") as caught:
            RegistryClient(open_store(tmp_path / "other"), {}, QUICK).pull(through(mischief, big))
    assert caught.value.reset == 3600


def test_a_mirror_is_asked_first_and_passed_over_when_it_fails(
    store: ImageStore, big: Reference, registry: Registry, start_registry: RegistryStarter, tmp_path: Path
) -> None:
    empty = start_registry()
    other = open_store(tmp_path / "other")
    reference = Reference.parse("postgres:15.1-bullseye")
    build_image(store, {"pg": b"pg"}, names=(f"{registry.host}/library/postgres:15.1-bullseye",))
    RegistryClient(store, {}).push(Reference.parse(f"{registry.host}/library/postgres:15.1-bullseye"))
    environ = {"DOCKLESS_REGISTRY_MIRROR": f"http://{empty.host} http://{registry.host}"}
    image = RegistryClient(other, environ).pull(reference)
    assert image.names == ("postgres:15.1-bullseye",)
    assert (other.chain(image)[0] / "pg").read_bytes() == b"pg"


# Tokens, and who gets to see a password.


def test_a_token_is_fetched_with_the_credentials_and_used(big: Reference, registry: Registry, tmp_path: Path) -> None:
    def guard(request: Request) -> None:
        if request.path.startswith("/token"):
            wanted = "Basic c29tZW9uZTphIHNlY3JldA=="
            good = request.headers.get("Authorization") == wanted
            request.status, request.body = (200, b'{"token":"t0k3n","expires_in":300}') if good else (401, b"{}")
        elif request.headers.get("Authorization") != "Bearer t0k3n":
            request.status, request.body = 401, b"{}"
            realm = f"http://{mischief.host}/token"
            request.answer["WWW-Authenticate"] = f'Bearer realm="{realm}",service="here",scope="repository:x:pull"'
        else:
            return
        request.answer["Content-Length"] = str(len(request.body))

    with mischievous(registry, guard) as mischief:
        client = RegistryClient(open_store(tmp_path / "other"), {}, QUICK)
        with pytest.raises(AccessDenied, match="incorrect username or password"):
            client.pull(through(mischief, big), auth=Credentials(USER, "wrong"))
        client.pull(through(mischief, big), auth=Credentials(USER, PASSWORD))
        asked = [request.path for request in mischief.requests if request.path.startswith("/token")]
    assert asked[-1] == "/token?service=here&scope=repository%3Ateam%2Fapp%3Apull"
    assert len(asked) == 2  # one token serves all requests of a pull


def test_a_redirect_to_another_host_does_not_get_the_password(
    store: ImageStore, start_registry: RegistryStarter, tmp_path: Path
) -> None:
    locked, open_one = start_registry(password=True), start_registry()
    name = "team/app:1"
    reference = Reference.parse(f"{locked.host}/{name}")
    build_image(store, {"base": b"b" * 100_000}, names=(reference.familiar, f"{open_one.host}/{name}"))
    RegistryClient(store, {}).push(Reference.parse(f"{open_one.host}/{name}"))
    RegistryClient(store, {}).push(reference, auth=Credentials(USER, PASSWORD))
    seen: list[str | None] = []

    def note(request: Request) -> None:
        seen.append(request.headers.get("Authorization"))

    def redirect(request: Request) -> None:
        if "/blobs/" in request.path and request.status == 200:
            request.status, request.body = 307, b""
            request.answer = {"Location": f"http://{other.host}{request.path}", "Content-Length": "0"}

    with mischievous(open_one, note) as other, mischievous(locked, redirect) as mischief:
        destination = open_store(tmp_path / "other")
        image = RegistryClient(destination, {}, QUICK).pull(
            through(mischief, reference), auth=Credentials(USER, PASSWORD)
        )
        assert any(request.headers.get("Authorization") for request in mischief.requests)
        assert urlsplit(f"//{other.host}").port
    assert (destination.chain(image)[0] / "base").exists()
    assert seen
    assert set(seen) == {None}
