"""`dockless init`: what is recognised, and what is written for it."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from reading import FETCH

from dockless.compose.load import LoadOptions, load
from dockless.dockerfile import parse
from dockless.explain.init.folder import read_folder
from dockless.explain.init.recognise import recognise
from dockless.explain.init.variables import variables

FASTAPI = {"main.py": "from fastapi import FastAPI\napp = FastAPI()\n", "requirements.txt": "fastapi\n"}
FLASK = {
    "shop/__init__.py": "from flask import Flask\n\ndef create_app():\n    app = Flask(__name__)\n    return app\n"
}
NODE = {"package.json": '{"scripts": {"start": "node server.js"}, "dependencies": {"express": "4"}}', "server.js": ""}
VITE = {"package.json": '{"scripts": {"build": "vite build", "dev": "vite"}, "devDependencies": {"vite": "6"}}'}
APPLICATIONS = {
    "fastapi": FASTAPI,
    "flask": FLASK,
    "python": {"bot.py": "print()\n"},
    "node": NODE,
    "site": VITE,
    "static": {"public/index.html": "<h1>Hello</h1>"},
}


def made(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def init(folder: Path, *arguments: str, status: int = 0) -> str:
    return command(folder, "init", *arguments, status=status)


def command(folder: Path, *arguments: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dockless.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


@pytest.mark.parametrize(
    ("files", "kind", "serve", "version"),
    [
        (FASTAPI, "fastapi", "uvicorn main:app --host 0.0.0.0 --port 8000", "3.13"),
        (
            {"src/api/app.py": "import fastapi\n\ndef make() -> fastapi.FastAPI:\n    it = fastapi.FastAPI()\n"},
            "fastapi",
            "uvicorn api.app:make --factory --host 0.0.0.0 --port 8000",
            "3.13",
        ),
        (FLASK, "flask", "gunicorn --bind 0.0.0.0:8000 --workers 2 shop:create_app()", "3.13"),
        ({"app.py": "import flask\nsite = flask.Flask('a')\n"}, "flask",
         "gunicorn --bind 0.0.0.0:8000 --workers 2 app:site", "3.13"),
        ({"manage.py": "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\nimport django",
          "shop/wsgi.py": "", ".python-version": "3.12.1\n"}, "django",
         "gunicorn --bind 0.0.0.0:8000 --workers 2 shop.wsgi:application", "3.12"),
        ({"worker/__main__.py": "", "pyproject.toml": '[project]\nrequires-python = ">=3.10,<3.13"\n'},
         "python", "python -m worker", "3.12"),
        (NODE, "node", "node server.js", "24"),
        (NODE | {"package.json": '{"scripts": {"start": "next start"}, "engines": {"node": "20.x"}}'},
         "node", "npm start", "20"),
        (VITE, "site", "", "24"),
        ({"index.html": ""}, "static", "", ""),
    ],
)  # fmt: skip
def test_an_application_is_recognised_by_its_files(
    tmp_path: Path, files: dict[str, str], kind: str, serve: str, version: str
) -> None:
    found = recognise(read_folder(made(tmp_path, files)))
    assert [(each.kind, " ".join(each.serve), each.version) for each in found] == [(kind, serve, version)]


def test_what_may_be_two_things_is_said_to_be_both(tmp_path: Path) -> None:
    found = recognise(read_folder(made(tmp_path, FASTAPI | NODE)))
    assert [each.kind for each in found] == ["fastapi", "node"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"requirements.txt": "-r base.txt\nx\n", "base.txt": "psycopg2>=2\n"},
         ["COPY requirements.txt base.txt ./", "libpq-dev", "libpq5"]),
        ({"pyproject.toml": "[project]\nname='a'\n", "uv.lock": ""}, ["COPY pyproject.toml uv.lock ./", "uv sync"]),
        ({"pyproject.toml": "[tool.poetry.dependencies]\nfastapi='1'\n", "poetry.lock": ""},
         ["poetry install --only main"]),
        ({"pyproject.toml": '[project]\ndependencies=["uvicorn"]\n'}, ["tomllib", "-r /tmp/requirements.txt"]),
    ],
)  # fmt: skip
def test_dependencies_are_installed_as_the_application_names_them(
    tmp_path: Path, files: dict[str, str], words: list[str]
) -> None:
    made(tmp_path, {"main.py": FASTAPI["main.py"]} | files)
    init(tmp_path, "--yes")
    text = (tmp_path / "Dockerfile").read_text()
    assert [word for word in words if word not in text] == []
    assert ("uvicorn==" in text) != ("uvicorn" in str(files.get("pyproject.toml")))


@pytest.mark.parametrize("kind", APPLICATIONS)
@pytest.mark.parametrize("database", ["--database", "--no-database"])
def test_what_is_written_loads_and_parses(tmp_path: Path, kind: str, database: str) -> None:
    init(made(tmp_path, APPLICATIONS[kind]), "--yes", database)
    project = load(LoadOptions(cwd=tmp_path, project_name="p", environ={}, profiles=("dev",)))
    dockerfile = parse((tmp_path / "Dockerfile").read_text())
    assert dockerfile.stages
    assert ("postgres" in project.services) == (database == "--database")
    served = [service for service in project.services.values() if service.build]
    assert all(port.host_ip == "127.0.0.1" for service in served for port in service.ports)
    assert all(service.logging and service.mem_limit for service in served)
    # The image runs as an unprivileged user, and holds no secret.
    assert "USER " in (tmp_path / "Dockerfile").read_text()
    assert ".env" in (tmp_path / ".dockerignore").read_text().splitlines()
    assert "Nothing to say" in command(tmp_path, "doctor", "--fail-on", "info")


def test_variables_are_found_in_the_source(tmp_path: Path) -> None:
    python = """
        import os
        def must(name):
            return os.environ[name]
        A = os.environ["SECRET_KEY"]
        B = os.environ.get("DEBUG", "0")
        C = must("UPSTREAM_URL")
        D = os.getenv("OPTIONAL")
        E = env.str("API_TOKEN", default="none")
        F = {"HOST": must}.get("NOT_ONE")
    """
    files = {"conf.py": dedent(python), "a.js": "process.env.PORT || 3000; process.env['FEED']", "broken.py": "env ("}
    found = variables(read_folder(made(tmp_path, files)))
    assert {each.name: each.default for each in found} == {
        "PORT": "3000", "FEED": None, "SECRET_KEY": None, "DEBUG": "0", "UPSTREAM_URL": None, "OPTIONAL": "",
        "API_TOKEN": "none",
    }  # fmt: skip


def test_secrets_are_random_private_and_not_in_the_example(tmp_path: Path) -> None:
    source = 'import os\nfrom flask import Flask\napp = Flask("a")\nfor n in (os.environ["SECRET_KEY"], '
    source += 'os.environ["DATABASE_URL"], os.environ["STRIPE_API_KEY"]): pass\n'
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        told = init(made(folder, {"app.py": source, "requirements.txt": "flask\npsycopg[binary]\n"}), "--yes")
        assert "Fill in .env: STRIPE_API_KEY" in told
        assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    first, second = ((folder / ".env").read_text() for folder in (one, two))
    values = dict(line.split("=", 1) for line in first.splitlines() if "=" in line)
    assert first != second and len(values["SECRET_KEY"]) > 40
    assert values["DATABASE_URL"] == f"postgresql://app:{values['POSTGRES_PASSWORD']}@postgres:5432/app"
    example = (one / ".env.example").read_text()
    assert values["SECRET_KEY"] not in example and values["POSTGRES_PASSWORD"] not in example
    assert "SECRET_KEY=\n" in example and "app:PASSWORD@postgres" in example


def test_the_classic_layout_is_two_services_and_a_mounted_source(tmp_path: Path) -> None:
    for name in ("manage.py", "requirements.txt"):
        (tmp_path / name).write_bytes((FETCH / name).read_bytes())
    init(tmp_path, "--classic", "--yes")
    project = load(LoadOptions(cwd=tmp_path, project_name="p", environ={}))
    assert set(project.services) == {"web", "postgres"}
    web = project.services["web"]
    assert [(mount.source, mount.target) for mount in web.volumes] == [(str(tmp_path), "/web")]
    assert web.working_dir == "/web" and web.depends_on["postgres"].condition == "service_healthy"
    assert "Nothing to say" in command(tmp_path, "doctor", "--fail-on", "info")


def test_nothing_that_is_there_is_replaced_unasked(tmp_path: Path) -> None:
    made(tmp_path, FASTAPI | {"Dockerfile": "FROM mine\n", ".env": "MINE=1\n"})
    assert "Dockerfile would be replaced; nothing was written" in init(tmp_path, "--yes", status=1)
    assert not (tmp_path / "compose.yaml").exists()
    told = json.loads(init(tmp_path, "--yes", "--database", "--force", "--json"))
    assert told["kept"] == [".env"] and (tmp_path / ".env").read_text() == "MINE=1\n"
    assert "FROM mine" not in (tmp_path / "Dockerfile").read_text()


def test_a_folder_that_cannot_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    made(tmp_path, FASTAPI | {"compose.yaml/in-the-way": ""})
    assert "compose.yaml is a folder; nothing was written" in init(tmp_path, "--yes", "--force", status=1)
    assert sorted(os.listdir(tmp_path)) == ["compose.yaml", "main.py", "requirements.txt"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "cannot tell what runs here"),
        (("--kind", "django"), "no application of the kind 'django'"),
        (("nowhere",), "nowhere: no such folder"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in init(tmp_path, "--yes", *arguments, status=1)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["fastapi", "flask"])
def test_another_port_is_that_of_both_servers(tmp_path: Path, kind: str) -> None:
    init(made(tmp_path, APPLICATIONS[kind]), "--yes", "--port", "9100")
    written = (tmp_path / "Dockerfile").read_text() + (tmp_path / "compose.yaml").read_text()
    assert "127.0.0.1:9100:9100" in written and "127.0.0.1:9101:9100" in written and "8000" not in written


def test_what_cannot_be_known_is_asked(tmp_path: Path) -> None:
    """On a terminal: which of two applications it is, again after a wrong answer, and whether there is a database."""
    made(tmp_path, FASTAPI | NODE)
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "dockless.cli", "init"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.write(ours, b"7\n1\ny\n")
        assert process.wait(60) == 0
    os.close(theirs)
    said = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "2. Node.js (package.json)" in said and "7 is not in the range" in said
    assert "recognised by main.py" in said
    assert "postgres:" in (tmp_path / "compose.yaml").read_text()
