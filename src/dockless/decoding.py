"""JSON decoders of msgspec, made one at a time.

msgspec works a type out when it is first decoded or converted to. A second thread that asks for the type meanwhile
finds it half known, and the interpreter dies (seen with msgspec 0.22 on CPython 3.11). So whatever may be decoded by
several threads is worked out here first, under one lock.
"""

from _thread import allocate_lock
from typing import Any, TypeVar, cast

import msgspec

T = TypeVar("T")

_making = allocate_lock()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """The one decoder of the type."""
    found = _decoders.get(kind)
    if found is None:
        with _making:
            found = _decoders.get(kind) or msgspec.json.Decoder(kind)
            _decoders[kind] = found
    return cast("msgspec.json.Decoder[T]", found)


def decode(data: bytes | str, kind: type[T]) -> T:
    """Raises `msgspec.MsgspecError`."""
    return decoder(kind).decode(data)


def convert(value: Any, kind: type[T]) -> T:
    """`msgspec.convert`. Raises `msgspec.ValidationError`."""
    decoder(kind)
    return msgspec.convert(value, kind)
