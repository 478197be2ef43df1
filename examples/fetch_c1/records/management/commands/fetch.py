from django.core.management.base import BaseCommand, CommandError

from records import feed, fetching


class Command(BaseCommand):
    help = "Fetches the records of C1 into the database. Safe to run at any time and as often as you like."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--url", help="the feed's address instead of C1_URL")

    def handle(self, *args, url: str | None = None, **options) -> None:
        try:
            done = fetching.run(url)
        except feed.FeedError as error:
            raise CommandError(str(error)) from error
        counts = f"{done.created} new, {done.updated} changed, {done.unchanged} unchanged"
        self.stdout.write(f"{counts} records from {done.url}")
