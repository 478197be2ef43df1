#!/usr/bin/env python3
"""A stand-in for C1 on the developer's own machine: serves a sample feed. Needs nothing but Python.

python3 upstream.py [--port 8056] [--bind 127.0.0.1] [--records 25]
"""

import argparse
import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SUBJECTS = ("pump", "valve", "sensor", "filter", "compressor")


def feed(count: int) -> bytes:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    records = [
        {
            "key": f"C1-{number:04d}",
            "title": f"Reading of {SUBJECTS[number % len(SUBJECTS)]} {number // len(SUBJECTS) + 1}",
            "value": round(20 + number * 1.25, 2),
            "changed_at": (start + timedelta(hours=number)).isoformat(),
        }
        for number in range(count)
    ]
    return json.dumps({"records": records}).encode()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path != "/feed.json":
            self.send_error(404, "The feed is at /feed.json")
            return
        body = feed(self.server.records)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description="Serves a sample feed of C1 at /feed.json.")
    parser.add_argument("--port", type=int, default=8056)
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--records", type=int, default=25)
    arguments = parser.parse_args()
    server = ThreadingHTTPServer((arguments.bind, arguments.port), Handler)
    server.records = arguments.records  # type: ignore[attr-defined]
    print(f"C1's sample feed: http://{arguments.bind}:{arguments.port}/feed.json", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
