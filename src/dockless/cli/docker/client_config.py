"""Docker's `config.json`: where it is, and what of it commands go by."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dockless.cli.failure import Failure


def path_in(environ: Mapping[str, str]) -> Path:
    folder = environ.get("DOCKER_CONFIG") or str(Path(environ.get("HOME", "/")) / ".docker")
    return Path(folder) / "config.json"


def read(path: Path) -> dict[str, Any]:
    """Empty where there is none. Raises `Failure`."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    import json  # for those who have the file: it takes longer than most of what commands do

    try:
        config = json.loads(text)
    except ValueError as error:
        raise Failure(f"{path} is no JSON: {error}") from error
    if not isinstance(config, dict):
        raise Failure(f"{path} is no JSON object")
    return config


def text_of(given: str, key: str, environ: Mapping[str, str], default: str = "") -> str:
    """What the command line gives, else what the file has under the key (`psFormat` …). Raises `Failure`."""
    return given or str(read(path_in(environ)).get(key) or default)


def detach_keys(given: str, environ: Mapping[str, str]) -> bytes:
    """`--detach-keys`, else those of the file, else Docker's. Raises `Failure`."""
    from dockless.cli.interactive import keys_of

    return keys_of(text_of(given, "detachKeys", environ))
