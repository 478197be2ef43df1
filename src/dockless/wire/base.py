"""How the API's messages become values and back: the base type, the names on the wire, JSON.

A message differs from what the engine's Go types would write in nothing that a client can see: a field that Go marks
`omitempty` is left out when it has its zero value, every other field is always there, and an unset list or map that
Go holds as nil is `null`.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from dockless import decoding
from dockless.wire.errors import BadParameter

T = TypeVar("T")

_ACRONYMS = {
    "ip": "IP",
    "ips": "IPs",
    "ipv4": "IPv4",
    "ipv6": "IPv6",
    "ipam": "IPAM",
    "ids": "IDs",
    "dns": "Dns",
    "io": "IO",
    "uts": "UTS",
}


def names(**exceptions: str) -> Callable[[str], str]:
    """The rule from attribute to name on the wire: PascalCase with the API's acronyms; `exceptions` go first.

    `id` alone is `Id`, at the end of a longer name it is `ID` (`network_id` → `NetworkID`).
    """

    def rename(attribute: str) -> str:
        if found := exceptions.get(attribute):
            return found
        first, *rest = attribute.split("_")
        words = [_ACRONYMS.get(first) or first.capitalize()]
        words += ["ID" if word == "id" else _ACRONYMS.get(word) or word.capitalize() for word in rest]
        return "".join(words)

    return rename


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=names()):
    """A message of the API; a field with a plain default is left out when it has it, one with `always` never is."""


def always(value: T) -> T:
    """A default that is written out: what Go's types do for a field that is not marked `omitempty`."""
    return msgspec.field(default_factory=lambda: value)


_encoder = msgspec.json.Encoder()

encode = _encoder.encode


def decode(data: bytes, kind: type[T]) -> T:
    """A message from its JSON; what is not `kind` raises `BadParameter` with the place of the fault.

    As in Go, `null` stands for a field's zero value, and a command may be one string instead of a list. Neither is
    usual, so a message is first read as it should be.
    """
    decoder = decoding.decoder(kind)
    try:
        try:
            return decoder.decode(data)
        except msgspec.ValidationError as error:
            return _lenient(data, kind, error)
    except msgspec.MsgspecError as error:
        reason = str(error) if data.strip() else "got EOF while reading request body"
        raise BadParameter(f"invalid JSON: {reason}") from error
    except RecursionError as error:
        raise BadParameter("invalid JSON: nested too deeply") from error


def _lenient(data: bytes, kind: type[T], first: msgspec.ValidationError) -> T:
    """Where it fails as well, the first error is the one to tell: it speaks of what the client wrote."""
    value = _without_nulls(msgspec.json.decode(data))
    try:
        return decoding.convert(value, kind)
    except msgspec.ValidationError:
        raise first from None


# Maps in which a key without a value says something by itself.
_SETS = ("EndpointsConfig", "PortBindings")


def _without_nulls(value: Any, parent: str = "") -> Any:
    if isinstance(value, dict):
        return {
            key: _command(key, _without_nulls(item, key))
            for key, item in value.items()
            if item is not None or parent in _SETS
        }
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _command(key: str, value: Any) -> Any:
    return [value] if key in ("Cmd", "Entrypoint", "Shell") and isinstance(value, str) else value
