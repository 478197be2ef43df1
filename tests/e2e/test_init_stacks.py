"""What `init` writes for an application of each kind serves at its first `up`, here and on a real Docker."""

import shutil

import pytest
from real_docker import RealDocker
from stack import EXAMPLE, Dockless, get

from waiting import until

FASTAPI = """\
from fastapi import FastAPI

app = FastAPI()


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"said by": "FastAPI"}
"""
FLASK = """\
from flask import Flask


def create_app():
    app = Flask(__name__)

    @app.get("/healthz")
    def healthz():
        return "said by Flask"

    return app
"""
PROGRAM = """\
from http.server import BaseHTTPRequestHandler, HTTPServer


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"said by Python")


HTTPServer(("0.0.0.0", 8000), Answer).serve_forever()
"""
NODE = """\
require('http').createServer((_, answer) => answer.end('said by Node')).listen(3000)
"""
PACKAGE = '{"name": "said", "version": "1.0.0", "scripts": {"start": "node server.js"}, "engines": {"node": "20.x"}}'
PYTHON = {".python-version": "3.10\n"}
APPLICATIONS = {
    "fastapi": (PYTHON | {"main.py": FASTAPI, "requirements.txt": "fastapi\n"}, 8000, "/healthz"),
    "flask": (PYTHON | {"shop/__init__.py": FLASK, "requirements.txt": "flask\n"}, 8000, "/healthz"),
    "python": (PYTHON | {"server.py": PROGRAM}, 8000, "/"),
    "node": ({"server.js": NODE, "package.json": PACKAGE}, 3000, "/"),
    "static": ({"index.html": "<h1>said by a file</h1>"}, 8080, "/"),
}
"""Each kind's files, its port, and a path that answers "said by"."""


def begin(app: Dockless, files: dict[str, str]) -> None:
    """Another application in the folder, and the stack for it."""
    shutil.rmtree(app.folder)
    for name, text in files.items():
        path = app.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    app.ok("init", "--yes")


def test_a_stack_of_each_kind_serves_at_its_first_up(app: Dockless) -> None:
    for kind, (files, port, path) in APPLICATIONS.items():
        begin(app, files)
        app.ok("up", "-d", "--wait", timeout=900)
        status, text = get(path, port)
        assert (kind, status, "said by" in text) == (kind, 200, True)
        rows = app.rows("ps", "-a")
        assert (kind, [(row["State"], row["Health"]) for row in rows]) == (kind, [("running", "healthy")])
        assert app.ok("exec", "-T", "web", "id", "-u").strip() not in ("", "0")
        app.ok("down", "-v", "--rmi", "local", "-t", "0")


@pytest.mark.peer
def test_a_django_stack_serves_here_and_on_a_real_docker(app: Dockless, real: RealDocker) -> None:
    written = shutil.ignore_patterns("__pycache__", ".env*", ".dockerignore", "Dockerfile", "docker-compose.yml")
    shutil.copytree(EXAMPLE, app.folder, ignore=written, dirs_exist_ok=True)
    (app.folder / ".python-version").write_text("3.10\n")
    app.ok("init", "--yes")
    app.ok("up", "-d", "--wait", timeout=900)
    assert get("/healthz", 8000)[0] == 200
    assert app.ok("exec", "-T", "web", "id", "-u").strip() == "10001"
    states = {row["Service"]: (row["State"], row["Health"]) for row in app.rows("ps", "-a")}
    assert states["web"] == ("running", "healthy") and states["migrate"][0] == "exited"
    # The development server beside it sees an edit at once.
    app.ok("--profile", "dev", "up", "-d", "--wait", timeout=300)
    assert get("/healthz", 8001)[0] == 200
    app.ok("--profile", "dev", "down", "-v", "-t", "0")

    real.take(app, "python:3.10-slim", "postgres:17", "nginx:1.30")
    real.compose("up", "-d", "--wait", folder=app.folder)
    assert real.compose("exec", "-T", "web", "id", "-u", folder=app.folder).strip() == "10001"
    assert real.ask("/healthz", 8000)
    real.compose("down", "-v", "--rmi", "local", "-t", "0", folder=app.folder)

    for kind in ("fastapi", "static"):
        files, port, path = APPLICATIONS[kind]
        begin(app, files)
        real.compose("up", "-d", "--wait", folder=app.folder)
        until(lambda port=port, path=path: "said by" in real.ask(path, port))
        real.compose("down", "-v", "--rmi", "local", "-t", "0", folder=app.folder)
