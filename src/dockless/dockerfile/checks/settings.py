"""Which rules count, and whether a finding fails the build: the `check` directive (reference: "check")."""

import msgspec

from dockless.dockerfile.checks.rules import RULES

_ALL = "all"
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")
BUILD_ARGUMENT = "BUILDKIT_DOCKERFILE_CHECK"


class BadSettings(Exception):
    """A `check` directive that means nothing; the message says which part."""


class Settings(msgspec.Struct, frozen=True):
    """`skip` and `experimental` are names of rules, or "all" for each of them; `error`: findings fail the build."""

    skip: frozenset[str] = frozenset()
    experimental: frozenset[str] = frozenset()
    error: bool = False

    def wants(self, name: str) -> bool:
        if self.skip & {_ALL, name}:
            return False
        return not RULES[name].experimental or bool(self.experimental & {_ALL, name})


def read_settings(text: str) -> Settings:
    """Reads `skip=A,B;error=true;experimental=all`; "" is the default. Raises `BadSettings`."""
    found = Settings()
    for part in text.split(";") if text else ():
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise BadSettings(f'failed to parse check options: invalid check option "{part.strip()}"')
        if key in ("skip", "experimental"):
            names = frozenset(name.strip() for name in value.split(","))
            found = msgspec.structs.replace(found, **{key: names})
        elif key == "error" and value in (*_TRUE, *_FALSE):
            found = msgspec.structs.replace(found, error=value in _TRUE)
        elif key == "error":
            raise BadSettings(f'failed to parse check options: error is true or false, not "{value}"')
        else:
            raise BadSettings(
                f'failed to parse check options: invalid check option "{key}" (known: skip, error, experimental)'
            )
    return found
