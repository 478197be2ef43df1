"""The host's way to the outside, handed to RUN without entering the image or a step's key.

Proxy variables as they stand, and, where the host's environment names a CA bundle of its own, that bundle: bound
read-only at one path under /run, with the variables by which the usual programs find it. What the image or the
Dockerfile sets wins.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

FOLDER = "/run/dockless"
_BUNDLE = f"{FOLDER}/ca-bundle.crt"

# In the order in which they are asked for on the host; each is set for the step as well.
CA_VARIABLES = (
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
    "npm_config_cafile",
    "CARGO_HTTP_CAINFO",
    "AWS_CA_BUNDLE",
)
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
PROXY_VARIABLES = (*_PROXIES, *(name.upper() for name in _PROXIES))


class Handover(msgspec.Struct, frozen=True):
    """`environ` for the step; `folder`, where there is a bundle, is to be bound read-only at `FOLDER`."""

    environ: Mapping[str, str]
    folder: Path | None


def prepare(environ: Mapping[str, str], args: Mapping[str, str], folder: Path) -> Handover:
    """Makes the folder's files where the host names a bundle. `args`, the build arguments, go before `environ`; a
    proxy that they name in capitals or in small letters is there in both, as in BuildKit.

    apt ignores SSL_CERT_FILE and wants a configuration file (read before the image's own, which so wins), and GNU wget
    a start-up file.
    """
    given = {**{other: args[name] for name in args for other in (name.lower(), name.upper())}, **args}
    found = {name: value for name in PROXY_VARIABLES if (value := given.get(name) or environ.get(name))}
    bundle = ca_bundle(environ)
    if bundle is None:
        return Handover(found, None)
    folder.mkdir(mode=0o755, parents=True)
    folder.chmod(0o755)
    shutil.copyfile(bundle, folder / "ca-bundle.crt")
    (folder / "apt.conf").write_text(f'Acquire::https::CaInfo "{_BUNDLE}";\n')
    (folder / "wgetrc").write_text(f"ca_certificate = {_BUNDLE}\n")
    for path in folder.iterdir():
        path.chmod(0o644)
    found |= dict.fromkeys(CA_VARIABLES, _BUNDLE)
    found |= {"APT_CONFIG": f"{FOLDER}/apt.conf", "WGETRC": f"{FOLDER}/wgetrc"}
    return Handover(found, folder)


def ca_bundle(environ: Mapping[str, str]) -> Path | None:
    """The bundle that the host's environment names, None where it names none that can be read."""
    for name in CA_VARIABLES:
        if (value := environ.get(name)) and os.access(value, os.R_OK) and Path(value).is_file():
            return Path(value)
    return None


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy that the environment wants for this URL."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    for entry in (environ.get("no_proxy") or environ.get("NO_PROXY") or "").lower().split(","):
        suffix = entry.strip().lstrip("*").lstrip(".")
        if entry.strip() == "*" or (suffix and (host == suffix or host.endswith("." + suffix))):
            return None
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        if value := environ.get(name) or environ.get(name.upper()):
            return value
    return None
