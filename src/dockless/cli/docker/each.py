"""A request for each of several names: those that fail are reported, the others are done all the same."""

from collections.abc import Callable, Iterable

from dockless.cli.failure import Exit
from dockless.cli.output import echo, note
from dockless.wire.errors import ApiError


def for_each(names: Iterable[str], act: Callable[[str], object]) -> None:
    """Prints each name that was done. Raises `Exit` with 1 when one could not be."""
    from dockless.compose.run.observe import together

    wanted = list(names)

    def attempt(name: str) -> str:
        try:
            act(name)
        except ApiError as error:
            return error.message.strip()
        return ""

    failures = together(*[lambda name=name: attempt(name) for name in wanted]) if wanted else []
    for name, failure in zip(wanted, failures, strict=True):
        if failure:
            note(f"Error response from daemon: {failure}")
        else:
            echo(name)
    if any(failures):
        raise Exit(1)


def parse_filters(flags: Iterable[str]) -> dict[str, list[str]]:
    """`--filter key=value`, several times. Raises `Failure`."""
    from dockless.cli.failure import Failure

    found: dict[str, list[str]] = {}
    for flag in flags:
        key, equals, value = flag.partition("=")
        if not equals:
            raise Failure(
                f'invalid argument "{flag}" for "-f, --filter" flag: bad format of filter (expected name=value)'
            )
        found.setdefault(key.strip().lower(), []).append(value.strip())
    return found
