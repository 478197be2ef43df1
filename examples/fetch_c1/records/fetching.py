"""One fetch: the feed's items into the database, in one transaction, with a log row whatever happens."""

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from . import feed
from .models import Fetch, Record


def run(url: str | None = None) -> Fetch:
    """Fetches and stores. Running it again changes nothing but `last_seen`. Raises feed.FeedError after logging it."""
    url = url or settings.C1_URL
    started = timezone.now()
    try:
        items = feed.fetch(url, settings.C1_TIMEOUT)
    except feed.FeedError as error:
        Fetch.objects.create(started=started, finished=timezone.now(), url=url, succeeded=False, message=str(error))
        raise
    with transaction.atomic():
        created, updated, unchanged = _store(items, started)
        return Fetch.objects.create(
            started=started,
            finished=timezone.now(),
            url=url,
            succeeded=True,
            created=created,
            updated=updated,
            unchanged=unchanged,
        )


def _store(items: list[feed.Item], now) -> tuple[int, int, int]:
    """(created, updated, unchanged). One upsert for all; what is counted was read under the same transaction."""
    known = Record.objects.select_for_update().in_bulk([item.key for item in items], field_name="key")
    created = sum(item.key not in known for item in items)
    updated = sum(item.key in known and _differs(known[item.key], item) for item in items)
    Record.objects.bulk_create(
        [
            Record(key=item.key, title=item.title, value=item.value, changed_at=item.changed_at, last_seen=now)
            for item in items
        ],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["title", "value", "changed_at", "last_seen"],
        batch_size=1000,
    )
    return created, updated, len(items) - created - updated


def _differs(record: Record, item: feed.Item) -> bool:
    return (record.title, record.value, record.changed_at) != (item.title, item.value, item.changed_at)
