"""Fetches what an ADD names by URL, over the host's own way out (its proxies, its CA bundle), verified by checksum.

Loaded only when it is needed: the HTTP client takes longer to import than the rest of the builder.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path

import urllib3

from dockless.build.download import Download, DownloadError, file_name
from dockless.build.handover import ca_bundle, proxy_for
from dockless.registry.transport import explain

_CHUNK = 1 << 18
_CHECKSUM = re.compile(r"(sha256|sha384|sha512):([0-9a-f]+)")
_TIMEOUT = urllib3.Timeout(connect=30.0, read=120.0)


def fetch(
    url: str,
    into: Path,
    checksum: str,
    environ: Mapping[str, str],
    still_wanted: Callable[[], None],
    authorization: str | None = None,
) -> Download:
    """Blocking. `still_wanted` is called now and then, and ends the download by raising. `authorization` is the header
    of this name; a server that is only redirected to does not get it.

    Raises `DownloadError`; `into` may hold a part of the file then.
    """
    wanted = _CHECKSUM.fullmatch(checksum) if checksum else None
    if checksum and wanted is None:
        raise DownloadError(f"invalid checksum digest format: {checksum}")
    headers = {"User-Agent": "dockless"} | ({"Authorization": authorization} if authorization else {})
    hashes = {"sha256": hashlib.sha256(), **({wanted[1]: hashlib.new(wanted[1])} if wanted else {})}
    try:
        with _pool(url, environ) as pool:
            answer = pool.request("GET", url, preload_content=False, timeout=_TIMEOUT, headers=headers)
            if answer.status >= 400:
                raise DownloadError(f"invalid response status {answer.status} for {url}")
            with into.open("wb") as file:
                for chunk in answer.stream(_CHUNK):
                    still_wanted()
                    file.write(chunk)
                    for found in hashes.values():
                        found.update(chunk)
            modified = _time(answer.headers.get("Last-Modified"))
            answer.release_conn()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise DownloadError(f"{url}: {explain(error)}") from error
    if wanted is not None and hashes[wanted[1]].hexdigest() != wanted[2]:
        actual = f"{wanted[1]}:{hashes[wanted[1]].hexdigest()}"
        raise DownloadError(f"digest mismatch {actual}: {checksum} (of {url})")
    return Download(into, file_name(url), hashes["sha256"].hexdigest(), modified)


def _pool(url: str, environ: Mapping[str, str]) -> urllib3.PoolManager:
    bundle = ca_bundle(environ)
    authorities = str(bundle) if bundle else None
    proxy = proxy_for(url, environ)
    if proxy:
        return urllib3.ProxyManager(proxy, ca_certs=authorities)
    return urllib3.PoolManager(ca_certs=authorities)


def _time(header: str | None) -> int | None:
    if not header:
        return None
    try:
        return int(parsedate_to_datetime(header).timestamp()) * 1_000_000_000
    except ValueError:
        return None
