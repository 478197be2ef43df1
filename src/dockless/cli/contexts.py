"""Docker's contexts, as far as they name an engine: `-c NAME` reads what `docker context create` wrote."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from dockless.cli.failure import Failure
from dockless.client.endpoint import Endpoint, parse_host
from dockless.client.tls import Tls

_OURS = ("default", "")


def endpoint_of(name: str, environ: Mapping[str, str]) -> Endpoint | None:
    """The engine's address; the environment's for the default context. Raises `Failure`, `EngineUnavailable`."""
    if name in _OURS:
        host = environ.get("DOCKER_HOST", "")
        return parse_host(host, environ) if host else None
    contexts = Path(environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "contexts"
    identity = sha256(name.encode()).hexdigest()
    path = contexts / "meta" / identity / "meta.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        engine = found["Endpoints"]["docker"]
        host = str(engine["Host"])
    except FileNotFoundError as error:
        raise Failure(f'context "{name}" does not exist: none of that name in {contexts / "meta"}') from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(f'context "{name}": {path} cannot be read: {error}') from error
    return parse_host(host, environ, tls=_tls(contexts / "tls" / identity / "docker", engine))


def _tls(folder: Path, engine: Mapping[str, Any]) -> Tls | None:
    """The context's own certificates, if it has any."""
    ca, cert, key = (str(path) if (path := folder / f"{name}.pem").exists() else "" for name in ("ca", "cert", "key"))
    return Tls(ca, cert, key, verify=not engine.get("SkipTLSVerify")) if ca or cert else None
