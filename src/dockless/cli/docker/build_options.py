"""The options of `build` that have a form of their own: `--secret`, `--ssh`, `--build-context`, `--ulimit`.

Each text becomes a value or a `Failure` that says how it is written.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dockless.cli.failure import Failure
from dockless.client import build_fields
from dockless.client.building import is_remote
from dockless.compose.run.agents import AgentError, agents
from dockless.wire.building import IMAGE_SCHEME
from dockless.wire.queries import Ulimit


def fields(option: str, text: str) -> dict[str, str]:
    """`type=local,dest=out` as a table; a field without a value is an empty one. Raises `Failure`."""
    try:
        return build_fields.fields(text)
    except ValueError as error:
        raise Failure(f"--{option} {error}") from error


CALLS = ("build", "check", "outline", "targets")


def call(text: str, *, check: bool) -> tuple[str, str]:
    """`--call=check,format=json`: what is to be done ("build" is one of them), and in which form. Raises `Failure`."""
    first, _, rest = text.partition(",")
    kind = "check" if check or first == "lint" else first or "build"
    given = fields("call", rest) if rest else {}
    form = given.pop("format", "text")
    if kind not in CALLS:
        raise Failure(f"--call {text}: what can be called is {', '.join(CALLS)}")
    if given:
        raise Failure(f"--call {text}: {next(iter(given))} is nothing that can be said of it; format is")
    if form not in ("text", "json"):
        raise Failure(f"--call {text}: the format is text or json")
    return kind, form


def secrets(texts: Iterable[str], environ: Mapping[str, str]) -> dict[str, bytes]:
    """`id=NAME[,src=FILE|,env=VARIABLE]`: contents by id. Raises `Failure`."""
    found: dict[str, bytes] = {}
    for text in texts:
        given = fields("secret", text)
        name = given.get("id", "")
        path = given.get("src", given.get("source", ""))
        if not name:
            raise Failure(f"--secret {text}: write id=NAME,src=FILE or id=NAME,env=VARIABLE")
        variable = given.get("env", "") or ("" if path else name)
        if given.get("type") == "env" and path:
            variable, path = path, ""
        if variable and variable in environ:
            found[name] = environ[variable].encode("utf-8", "surrogateescape")
        elif path:
            found[name] = _content(path)
        else:
            raise Failure(f"--secret {text}: there is no environment variable {variable}")
    return found


def named_contexts(texts: Iterable[str]) -> dict[str, str]:
    """`NAME=FOLDER`, `NAME=docker-image://REFERENCE` or `NAME=ADDRESS`, which the engine fetches. Raises `Failure`."""
    found = {}
    for text in texts:
        name, equals, said = text.partition("=")
        if not equals or not name or not said:
            raise Failure(f"--build-context {text}: write NAME=FOLDER, NAME={IMAGE_SCHEME}REFERENCE or NAME=ADDRESS")
        as_it_is = said.startswith(IMAGE_SCHEME) or is_remote(said)
        if "://" in said and not as_it_is:
            raise Failure(
                f"--build-context {text}: what can be used is a folder, {IMAGE_SCHEME}REFERENCE, and the address of a "
                "git repository or an archive"
            )
        found[name] = said if as_it_is else str(Path(said).absolute())
    return found


def ulimits(texts: Iterable[str]) -> tuple[Ulimit, ...]:
    """`nofile=1024:2048`. Raises `Failure`."""
    found = []
    for text in texts:
        name, equals, said = text.partition("=")
        soft, _, hard = said.partition(":")
        try:
            found.append(Ulimit(name=name, soft=int(soft), hard=int(hard or soft)))
        except ValueError as error:
            raise Failure(f"--ulimit {text}: write NAME=SOFT[:HARD]") from error
        if not equals or not name:
            raise Failure(f"--ulimit {text}: write NAME=SOFT[:HARD]")
    return tuple(found)


@contextmanager
def ssh_agents(texts: Iterable[str], environ: Mapping[str, str]) -> Iterator[dict[str, Path]]:
    """`default`, `NAME=SOCKET` or `NAME=KEY[,KEY…]`: agents' sockets by id. Raises `Failure`."""
    given = {text.partition("=")[0]: text for text in texts}
    with ExitStack() as stack:
        wanted = {name: text.partition("=")[2] for name, text in given.items()}
        try:
            found = stack.enter_context(agents(wanted, environ))
        except AgentError as error:
            raise Failure(f"--ssh {given[error.name]}: {error}") from error
        yield found


def _content(path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise Failure(f"failed to read the secret: {path}: {error.strerror}") from error
