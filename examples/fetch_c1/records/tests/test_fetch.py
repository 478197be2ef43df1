"""Against the real PostgreSQL of the stack: `dockless exec web python manage.py test`."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO

from django.core.management import CommandError, call_command
from django.test import TestCase

from records.models import Fetch, Record


class Upstream:
    """A real HTTP server that answers with `body` and `status`."""

    def __init__(self) -> None:
        self.status, self.body = 200, b'{"records": []}'
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def serve(self, *records: dict) -> None:
        self.body = json.dumps({"records": records}).encode()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def record(key: str, title: str = "a title", value: float | None = 1.5) -> dict:
    return {"key": key, "title": title, "value": value, "changed_at": "2026-01-01T00:00:00+00:00"}


class FetchTest(TestCase):
    def setUp(self) -> None:
        self.upstream = Upstream()
        self.addCleanup(self.upstream.close)

    def fetch(self, url: str | None = None) -> str:
        output = StringIO()
        call_command("fetch", url=url or self.upstream.url, stdout=output)
        return output.getvalue()

    def test_records_are_stored_and_a_second_fetch_changes_nothing(self) -> None:
        self.upstream.serve(record("a"), record("b", value=None))
        self.assertIn("2 new, 0 changed, 0 unchanged", self.fetch())
        self.assertIn("0 new, 0 changed, 2 unchanged", self.fetch())
        self.assertEqual(Record.objects.count(), 2)
        self.assertEqual(Fetch.objects.filter(succeeded=True).count(), 2)

    def test_a_changed_record_is_updated_in_place(self) -> None:
        self.upstream.serve(record("a"), record("b"))
        self.fetch()
        self.upstream.serve(record("a", title="another"), record("b"))
        self.assertIn("0 new, 1 changed, 1 unchanged", self.fetch())
        self.assertEqual(Record.objects.get(key="a").title, "another")

    def test_a_malformed_feed_is_refused_whole_and_logged(self) -> None:
        for body, message in [
            (b"<html>", "not JSON"),
            (b"[]", 'a list "records"'),
            (json.dumps({"records": [record("a"), {"key": "b"}]}).encode(), "records[1]"),
            (json.dumps({"records": [record("a"), record("a")]}).encode(), "twice"),
        ]:
            with self.subTest(message=message):
                self.upstream.body = body
                with self.assertRaisesMessage(CommandError, message):
                    self.fetch()
                self.assertEqual(Record.objects.count(), 0)
                self.assertIn(message, Fetch.objects.first().message)

    def test_an_upstream_that_fails_or_is_not_there_gives_one_clear_message(self) -> None:
        self.upstream.status = 500
        with self.assertRaisesMessage(CommandError, "answered 500"):
            self.fetch()
        with self.assertRaisesMessage(CommandError, "cannot be reached"):
            self.fetch("http://127.0.0.1:1/")
        self.assertEqual(Fetch.objects.filter(succeeded=False).count(), 2)


class PagesTest(TestCase):
    def setUp(self) -> None:
        upstream = Upstream()
        upstream.serve(*(record(f"key-{number}") for number in range(7)))
        call_command("fetch", url=upstream.url, stdout=StringIO())
        upstream.close()

    def test_the_page_shows_records_and_fetches(self) -> None:
        page = self.client.get("/")
        self.assertContains(page, "key-6")
        self.assertContains(page, "7 records in all")
        self.assertContains(page, "<td>ok</td>", html=True)

    def test_the_api_pages_through_all_records(self) -> None:
        keys = []
        for number in (1, 2, 3):
            answer = self.client.get("/api/records", {"page": number, "size": 3}).json()
            self.assertEqual((answer["total"], answer["pages"]), (7, 3))
            keys += [item["key"] for item in answer["records"]]
        self.assertEqual(sorted(keys), [f"key-{number}" for number in range(7)])
        for wrong in ({"page": "x"}, {"page": 0}, {"size": 0}, {"size": 100000}):
            self.assertEqual(self.client.get("/api/records", wrong).status_code, 400)

    def test_healthz_asks_the_database(self) -> None:
        answer = self.client.get("/healthz")
        self.assertEqual((answer.status_code, answer.json()["status"]), (200, "ok"))

    def test_the_admin_asks_for_a_login(self) -> None:
        self.assertRedirects(self.client.get("/admin/"), "/admin/login/?next=/admin/")
