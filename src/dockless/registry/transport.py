"""HTTP to registries: which addresses to try, whether anybody is there, proxies, certificates, redirects, patience.

Knows nothing of images. Whether a registry can be reached at all is found out once, with a bound on name resolution,
connection and answer together, since a machine without a way out would otherwise wait for minutes.
"""

import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from dockless import __version__
from dockless.registry.errors import ImageError
from dockless.registry.reference import DEFAULT_REGISTRY

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

MIRROR_VARIABLE = "DOCKLESS_REGISTRY_MIRROR"
INSECURE_VARIABLE = "DOCKLESS_INSECURE_REGISTRIES"
_HUB_HOST = "registry-1.docker.io"
_CERTIFICATES = Path("/etc/docker/certs.d")
_BUNDLE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 5
_CONNECTIONS = 8  # kept open to one host
_MAX_TEXT = 8 << 20  # of an answer that is read whole
_REMEMBER_DEAD = 30.0
_REMEMBER_ALIVE = 300.0

Body = Callable[[], bytes | IO[bytes]]


class RegistryError(ImageError):
    """What a registry, or the way to it, did wrong."""


class RegistryUnreachable(RegistryError):
    """Nobody answers there, or not as a registry: no judgement on whether the image exists."""


class ManifestNotFound(RegistryError):
    """The registry answers, and has no such image."""


class AccessDenied(RegistryError):
    """The registry answers, and wants other credentials or none at all."""


class BadContent(RegistryError):
    """What the registry sent is not what was asked for: a digest, a size or a form that is wrong."""


class RateLimited(RegistryError):
    """Too many requests; `reset` is the number of seconds to wait, where the registry says."""

    def __init__(self, message: str, reset: float | None) -> None:
        super().__init__(message)
        self.reset = reset


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that speaks for `registry`. `lenient`: neither TLS nor a verified certificate is insisted on."""

    registry: str
    url: str
    mirror: bool = False
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Reached:
    """A living endpoint: `url` with the scheme that works, and what it wants to be asked with."""

    endpoint: Endpoint
    url: str
    challenge: str


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds, and how often to try again. `reach` bounds the first contact, `stall` a silence in the middle."""

    reach: float = 3.0
    connect: float = 10.0
    stall: float = 30.0
    attempts: int = 5
    backoff: float = 0.5
    longest_wait: float = 20.0
    sleep: Callable[[float], None] = time.sleep

    def pause(self, failures: int) -> None:
        """Waits longer after each failure, and never as long as others that failed with us."""
        self.sleep(min(self.backoff * 2 ** (failures - 1), self.longest_wait) * (0.5 + random.random()))


class Transport:
    """Connections to all registries; for many threads."""

    def __init__(self, environ: Mapping[str, str], patience: Patience = Patience()) -> None:
        self.patience = patience
        self._environ = environ
        self._guard = threading.Lock()
        self._pools: dict[tuple[str, bool], PoolManager] = {}
        self._reached: dict[Endpoint, tuple[float, Reached | RegistryUnreachable]] = {}
        self._reaching: dict[Endpoint, threading.Lock] = {}

    def endpoints(self, registry: str) -> list[Endpoint]:
        """Where to ask, the registry itself last.

        `DOCKLESS_REGISTRY_MIRROR` names mirrors: addresses, which stand for docker.io, or `registry=address`.
        """
        found = []
        for entry in _words(self._environ.get(MIRROR_VARIABLE, "")):
            name, equals, url = entry.partition("=")
            name, url = (name, url) if equals and "://" not in name else (DEFAULT_REGISTRY, entry)
            if name == registry:
                url = url if "://" in url else f"https://{url}"
                found.append(Endpoint(registry, url.rstrip("/"), mirror=True))
        return [*found, self.own_endpoint(registry)]

    def own_endpoint(self, registry: str) -> Endpoint:
        host = _HUB_HOST if registry == DEFAULT_REGISTRY else registry
        named = _words(self._environ.get(INSECURE_VARIABLE, ""))
        lenient = _is_loopback(host) or host in named or host.partition(":")[0] in named
        return Endpoint(registry, f"https://{host}", lenient=lenient)

    def reach(self, endpoint: Endpoint) -> Reached:
        """Asks `/v2/` (OCI distribution specification, "Determining Support") within `patience.reach` seconds.

        The answer, good or bad, is remembered for a while. Raises `RegistryUnreachable`.
        """
        with self._guard:
            lock = self._reaching.setdefault(endpoint, threading.Lock())
        with lock:  # others that want the same one wait for this answer
            until, answer = self._reached.get(endpoint, (0.0, None))
            if answer is None or until < time.monotonic():
                answer = self._bounded(endpoint)
                keep = _REMEMBER_ALIVE if isinstance(answer, Reached) else _REMEMBER_DEAD
                self._reached[endpoint] = (time.monotonic() + keep, answer)
        if isinstance(answer, RegistryUnreachable):
            raise answer
        return answer

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        lenient: bool = False,
        connect: float | None = None,
        stall: float | None = None,
    ) -> "BaseHTTPResponse":
        """One request, redirects followed (without credentials to other hosts); the body is not yet read.

        Raises `urllib3.exceptions.HTTPError`, `RegistryError`.
        """
        from urllib3 import Timeout

        timeout = Timeout(connect=connect or self.patience.connect, read=stall or self.patience.stall)
        sent = {"User-Agent": f"dockless/{__version__}", "Accept-Encoding": "identity", **(headers or {})}
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._pool(url, lenient).request(
                method,
                url,
                headers=sent,
                body=body() if body is not None else None,
                timeout=timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or method not in ("GET", "HEAD") or not location:
                return response
            response.drain_conn()
            target = urljoin(url, location)
            if urlsplit(target).scheme != "https" and urlsplit(url).scheme == "https" and not lenient:
                raise BadContent(f"{_host(url)} redirects to an address without TLS: {target}")
            if _host(target) != _host(url):
                sent = {name: value for name, value in sent.items() if name != "Authorization"}
            url = target
        raise BadContent(f"{_host(url)} redirects more than {_MAX_REDIRECTS} times")

    def _bounded(self, endpoint: Endpoint) -> "Reached | RegistryUnreachable":
        """In a thread, since name resolution has no time-out of its own."""
        answers: list[Reached | RegistryUnreachable] = []

        def ask() -> None:
            answers.append(self._ask(endpoint))

        thread = threading.Thread(target=ask, name="images-reach", daemon=True)
        thread.start()
        thread.join(self.patience.reach)
        if answers:
            return answers[0]
        seconds = f"{self.patience.reach:g} s"
        return RegistryUnreachable(f"registry {endpoint.registry} cannot be reached: no answer within {seconds}")

    def _ask(self, endpoint: Endpoint) -> "Reached | RegistryUnreachable":
        from urllib3.exceptions import HTTPError

        reason = ""
        plain = endpoint.url.replace("https://", "http://", 1)
        for url in dict.fromkeys((endpoint.url, plain) if endpoint.lenient else (endpoint.url,)):
            try:
                limit = self.patience.reach
                response = self.send("GET", f"{url}/v2/", lenient=endpoint.lenient, connect=limit, stall=limit)
                response.drain_conn()
            except (HTTPError, RegistryError, OSError) as error:
                reason = reason or explain(error)
                continue
            if response.status in (200, 401):
                return Reached(endpoint, url, response.headers.get("WWW-Authenticate", ""))
            reason = f"{_host(url)} answers /v2/ with HTTP status {response.status}, not as a registry does"
        return RegistryUnreachable(f"registry {endpoint.registry} cannot be reached: {reason}")

    def _pool(self, url: str, lenient: bool) -> "PoolManager":
        from urllib3 import PoolManager, ProxyManager

        parts = urlsplit(url)
        proxy = self._proxy(parts.scheme, parts.hostname or "")
        own = _CERTIFICATES / parts.netloc
        key = (f"{parts.netloc if own.is_dir() else ''} {proxy}", lenient)
        with self._guard:
            if key not in self._pools:
                context = self._context(own, lenient)
                if proxy:
                    self._pools[key] = ProxyManager(proxy, ssl_context=context, maxsize=_CONNECTIONS)
                else:
                    self._pools[key] = PoolManager(ssl_context=context, maxsize=_CONNECTIONS)
            return self._pools[key]

    def _proxy(self, scheme: str, host: str) -> str:
        environ = self._environ
        if _is_loopback(host) or _is_direct(host, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
            return ""
        name = f"{scheme}_proxy"
        proxy = (
            environ.get(name) or environ.get(name.upper()) or environ.get("all_proxy") or environ.get("ALL_PROXY") or ""
        )
        return proxy if not proxy or "://" in proxy else f"http://{proxy}"

    def _context(self, own: Path, lenient: bool) -> ssl.SSLContext:
        context = ssl.create_default_context()
        for bundle in {self._environ.get(name) for name in _BUNDLE_VARIABLES}:
            if bundle and Path(bundle).is_file():
                context.load_verify_locations(bundle)
        for certificate in sorted(own.glob("*.crt")):
            context.load_verify_locations(certificate)
        for client in sorted(own.glob("*.cert")):
            context.load_cert_chain(client, client.with_suffix(".key"))
        if lenient:
            from urllib3 import disable_warnings
            from urllib3.exceptions import InsecureRequestWarning

            disable_warnings(InsecureRequestWarning)  # the user named this registry, or it is on loopback
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def text(response: "BaseHTTPResponse", limit: int = _MAX_TEXT) -> bytes:
    """The whole body. Raises `BadContent` where it is larger than `limit` bytes."""
    data = b""
    while piece := response.read(min(limit + 1 - len(data), 1 << 20), decode_content=True):
        data += piece
        if len(data) > limit:
            response.close()
            raise BadContent(f"an answer of the registry has more than {limit} bytes")
    response.release_conn()
    return data


def explain(error: BaseException) -> str:
    """The innermost reason of a failed request, without the library's layers around it."""
    from urllib3.exceptions import NameResolutionError, NewConnectionError

    reason: BaseException = error
    while isinstance(
        inner := getattr(reason, "reason", None) or getattr(reason, "original_error", None), BaseException
    ):
        reason = inner
    if isinstance(reason, NewConnectionError | NameResolutionError):
        return str(reason).partition(": ")[2] or str(reason)
    return str(reason) or type(reason).__name__


def _is_direct(host: str, no_proxy: str) -> bool:
    """Whether NO_PROXY names the host: itself, a domain that it is in, a network (CIDR) or everything (`*`)."""
    for word in _words(no_proxy):
        name = word.lstrip("*").lstrip(".").rpartition(":")[0] or word.lstrip("*").lstrip(".")
        if word == "*" or host == name or host.endswith(f".{name}"):
            return True
        if "/" in word and _is_in(host, word):
            return True
    return False


def _is_in(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _is_loopback(host: str) -> bool:
    """The names that Docker lets speak without TLS."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
