"""C1's feed: over HTTP into checked values. It knows nothing of the database.

The feed is a JSON object `{"records": [{"key": str, "title": str, "value": number | null, "changed_at": time}, …]}`,
times in ISO 8601 with a zone.
"""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

LIMIT = 32 * 1024 * 1024  # bytes; a feed beyond that is a mistake


class FeedError(Exception):
    """The feed cannot be reached or is not what it should be; the message is for a person."""


@dataclass(frozen=True)
class Item:
    key: str
    title: str
    value: Decimal | None
    changed_at: datetime


def fetch(url: str, timeout: float) -> list[Item]:
    """All items of the feed at `url`. Raises FeedError."""
    if not url.startswith(("http://", "https://")):
        raise FeedError(f"C1_URL is {url!r}; it must begin with http:// or https://.")
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            body = response.read(LIMIT + 1)
    except urllib.error.HTTPError as error:
        raise FeedError(f"C1 at {url} answered {error.code} {error.reason}.") from error
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise FeedError(f"C1 at {url} cannot be reached: {reason}. Is it running, and is C1_URL right?") from error
    if len(body) > LIMIT:
        raise FeedError(f"C1 at {url} sent more than {LIMIT // 1024 // 1024} MiB; refused.")
    return parse(body)


def parse(body: bytes) -> list[Item]:
    """Checks every item before any is used. Raises FeedError with the place of the first fault."""
    try:
        document = json.loads(body, parse_float=Decimal)
    except ValueError as error:
        raise FeedError(f"The feed is not JSON: {error}.") from error
    if not isinstance(document, dict) or not isinstance(document.get("records"), list):
        raise FeedError('The feed must be an object with a list "records".')
    items = [_item(index, raw) for index, raw in enumerate(document["records"])]
    seen: set[str] = set()
    for index, item in enumerate(items):
        if item.key in seen:
            raise FeedError(f"records[{index}]: the key {item.key!r} stands in the feed twice.")
        seen.add(item.key)
    return items


def _item(index: int, raw: object) -> Item:
    def fault(what: str) -> FeedError:
        return FeedError(f"records[{index}]: {what}.")

    if not isinstance(raw, dict):
        raise fault("must be an object")
    key, title, value = raw.get("key"), raw.get("title"), raw.get("value")
    if not isinstance(key, str) or not 0 < len(key) <= 200:
        raise fault('"key" must be a text of 1 to 200 characters')
    if not isinstance(title, str) or len(title) > 500:
        raise fault('"title" must be a text of at most 500 characters')
    if "\0" in key or "\0" in title:
        raise fault("a text with a NUL character cannot be stored")
    try:
        changed_at = datetime.fromisoformat(str(raw.get("changed_at")))
    except ValueError:
        raise fault('"changed_at" must be a time as in 2026-01-31T12:00:00+00:00') from None
    if changed_at.tzinfo is None:
        raise fault('"changed_at" must have a time zone')
    return Item(key, title, _decimal(value, fault), changed_at)


def _decimal(value: object, fault) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise fault('"value" must be a number or null')
    try:
        number = Decimal(value).quantize(Decimal("0.0001"))
    except InvalidOperation:
        raise fault('"value" is too large') from None
    if abs(number) >= Decimal(10) ** 14:
        raise fault('"value" is too large')
    return number
