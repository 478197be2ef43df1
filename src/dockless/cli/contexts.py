"""Docker's contexts, as far as they name an engine: `-c NAME` reads what `docker context create` wrote."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from dockless.cli.failure import Failure

_OURS = ("default", "")


def host_of(name: str, environ: Mapping[str, str]) -> str:
    """The engine's address; "" for the default context, which is the environment's. Raises `Failure`."""
    if name in _OURS:
        return ""
    folder = Path(environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "contexts/meta"
    path = folder / sha256(name.encode()).hexdigest() / "meta.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        host = found["Endpoints"]["docker"]["Host"]
    except FileNotFoundError as error:
        raise Failure(f'context "{name}" does not exist: none of that name in {folder}') from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(f'context "{name}": {path} cannot be read: {error}') from error
    return str(host)
