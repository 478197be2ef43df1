"""The `filters` of list, prune and events requests: a map from key to the values of which one must match."""

from collections.abc import Collection, Iterator, Mapping

import msgspec

from dockless.wire.errors import BadParameter


def _keys(text: str) -> frozenset[str]:
    return frozenset(text.split())


CONTAINERS = _keys(
    "ancestor before exited expose health id isolation is-task label label! name network publish since status volume"
)
IMAGES = _keys("before containers dangling label label! reference since until")
NETWORKS = _keys("dangling driver id label label! name scope type")
VOLUMES = _keys("dangling driver label label! name")
EVENTS = _keys("config container daemon event image label network node plugin scope secret service type volume")
SEARCH = _keys("is-automated is-official stars")
CONTAINER_PRUNE = _keys("label label! until")
IMAGE_PRUNE = _keys("dangling label label! until")
NETWORK_PRUNE = _keys("label label! until")
VOLUME_PRUNE = _keys("all label label!")
BUILD_PRUNE = _keys("description id inuse parent private shared type unused-for until")


class Filters(Mapping[str, tuple[str, ...]]):
    """The values asked for by key; a key that was not given is empty, and then everything passes."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Collection[str]] | None = None) -> None:
        self._values = {key: tuple(wanted) for key, wanted in (values or {}).items()}

    def __getitem__(self, key: str) -> tuple[str, ...]:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Filters({self._values!r})"

    def wanted(self, key: str) -> tuple[str, ...]:
        return self._values.get(key, ())

    def accepts(self, key: str, *actual: str) -> bool:
        """Whether one of `actual` is asked for, or nothing was asked."""
        wanted = self._values.get(key)
        return not wanted or any(value in wanted for value in actual)

    def accepts_labels(self, labels: Mapping[str, str] | None) -> bool:
        """All of `label` (`key` or `key=value`) must be there, none of `label!` may be."""
        have = labels or {}
        return all(_has_label(have, wanted) for wanted in self.wanted("label")) and not any(
            _has_label(have, unwanted) for unwanted in self.wanted("label!")
        )

    def flag(self, key: str) -> bool | None:
        """A filter that is true or false; `None` where it was not given. Raises `BadParameter`."""
        values = self._values.get(key)
        if not values:
            return None
        truths = {_truth(key, value) for value in values}
        if len(truths) > 1:
            raise BadParameter(f"invalid filter '{key}={list(values)}'")
        return truths.pop()


def parse_filters(text: str | None, accepted: Collection[str]) -> Filters:
    """From the query, in today's form `{"key":{"value":true}}` or the old one `{"key":["value"]}`.

    Raises `BadParameter` for what is neither, and for a key not in `accepted`.
    """
    if not text:
        return Filters()
    try:
        found = _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise BadParameter(f"invalid filter: {error}") from error
    values: dict[str, tuple[str, ...]] = {}
    for key, wanted in (found or {}).items():
        if key not in accepted:
            raise BadParameter(f"invalid filter '{key}'")
        if isinstance(wanted, dict):
            values[key] = tuple(value for value, on in wanted.items() if on)
        else:
            values[key] = tuple(wanted or ())
    return Filters(values)


def encode_filters(values: Mapping[str, Collection[str]]) -> str:
    """For the query, in today's form; empty where nothing is asked."""
    asked = {key: dict.fromkeys(wanted, True) for key, wanted in values.items() if wanted}
    return msgspec.json.encode(asked).decode() if asked else ""


_decoder: msgspec.json.Decoder[dict[str, dict[str, bool] | list[str] | None] | None] = msgspec.json.Decoder(
    dict[str, dict[str, bool] | list[str] | None] | None
)


def _has_label(labels: Mapping[str, str], wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)


def _truth(key: str, value: str) -> bool:
    if value in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if value in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise BadParameter(f"invalid filter '{key}={value}'")
