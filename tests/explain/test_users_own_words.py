"""What the stack's user wrote about it by hand, statement by statement: `explain` says each, and says it right.

The list follows that text: each instruction, each key, the volumes, how it all works together.
"""

import re
import shutil
from pathlib import Path

import pytest
from reading import FETCH, stack_in

from dockless.explain.show import markdown
from dockless.explain.story.by_hand import by_hand
from dockless.explain.story.telling import tell_stack


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("users") / "fetch_c1"
    shutil.copytree(FETCH, folder, ignore=shutil.ignore_patterns(".dockerignore", "__pycache__"))
    text = (folder / ".env.example").read_text().replace("POSTGRES_PASSWORD=", "POSTGRES_PASSWORD=sekrit")
    (folder / ".env").write_text(text)
    stack = stack_in(folder)
    return markdown.render(tell_stack(stack, by_hand=by_hand(stack)))


DOCKERFILE = [
    "Base image.*official image of Python 3.10.*Debian 11 .bullseye",
    "brings Python and a Debian system",
    "`apt-get update`: fetches the package lists",
    "`apt-get install -y`.*names none: it installs nothing .a no-op",
    "as in `apt-get install -y curl`",
    "Working directory.*all steps below .*start in `/web`",
    "container that is started from the image starts there too: `/web` is its default directory",
    r"Copies `requirements.txt` from the \*\*build context\*\*.*into the folder `/web`",
    r"\*\*before\*\* the rest of the code so that the installation below can use it",
    "upgrades `pip` to the newest version",
    "upgrades `wheel` to the newest version",
    "installs all Python packages that `requirements.txt` lists",
    "Cached: runs again when `requirements.txt` changes.*otherwise the layer is reused",
    r"Copies \*\*everything\*\* from the build context.*into `/web` in the image: the application's code",
    "Cached until any file of the context changes.*steps above do not",
    r"any other file of the context \| 1 .line 14",
]
COMPOSE = [
    "Once the version of the Compose file format.*ignored",
    "services .containers. that run together: `web` and `postgres`",
    "image of its own for `web` from the .*current directory.*Dockerfile",
    "`context: .`: the folder whose files the build can copy, and where the Dockerfile is looked for",
    "Working directory.* in the container: the command starts in `/web`, and its relative paths begin there",
    "`>` begins a text over several lines",
    "each after `&&` only if the one before succeeded",
    "1. `python manage.py migrate`: applies Django's migrations",
    "2. `python manage.py runserver 0.0.0.0:8055`: starts Django's development server on port 8055",
    r"Port \*\*8055\*\* of the host leads to port \*\*8055\*\* of the container.*http://localhost:8055",
    r"Mounts the \*\*project folder\*\* .the current directory of the host. at `/web/fetch_c1`",
    r"meant for \*\*live development\*\*.*without a rebuild",
    "Loads environment variables.*settings, credentials and secrets",
    r"`postgres` is started \*\*before\*\* `web`",
    "`web` reaches `postgres` by the name `postgres`",
    "older way to connect containers by host name .legacy",
    r"`host.docker.internal` is the \*\*host machine\*\*.*On Linux this needs the line.*Docker Desktop",
    "official image of PostgreSQL 15.1.*Debian 11 .bullseye",
    r"started again whenever its process fails or ends, and after Docker itself.*\*\*unless\*\* somebody stopped it",
    "the image reads `POSTGRES_USER`, `POSTGRES_PASSWORD` and `POSTGRES_DB`",
    r"named volume\*\* `pgdata` at `/var/lib/postgresql/data`.*\*\*persists\*\* across restarts, rebuilds",
    "where this image keeps its data",
    "Declares named volumes: data that several containers can share and that persists",
    r"`pgdata` is a \*\*named volume\*\*.*keeps its files on the host",
    "When the containers are removed, the data remains",
    "`driver: local`: the data is in a folder of this machine",
]
TOGETHER = [
    r"\*\*Two services\*\*: `web`.*`postgres`",
    r"\*\*Automatic networking\*\*: Compose makes a network.*by their names: `web` talks to `postgres`",
    r"\*\*Persistence\*\*: the data of `postgres` is in the volume `fetch_c1_pgdata`",
    r"\*\*Environment variables\*\*: Both containers read `.env`.*credentials stand in one place",
    r"\*\*Local development\*\*: `.` is mounted into `web` at `/web/fetch_c1`",
]
BY_HAND = [
    r"docker build -t fetch_c1-web \.",
    "docker volume create fetch_c1_pgdata",
    r"docker run -d[^#]+--name fetch_c1-postgres-1[^#]+--env-file .env[^#]+-v fetch_c1_pgdata:.var.lib.postgresql.data",
    r"docker run -d[\s\\]+--name fetch_c1-web-1[^#]+--link fetch_c1-postgres-1:postgres",
    r'-v "\$PWD":/web/fetch_c1[\s\\]+-p 8055:8055',
    "fetch_c1-web bash -c 'python manage.py migrate && python manage.py runserver 0.0.0.0:8055'",
    "may not be ready yet: web has to try again by itself",
    r"\*\*One command\*\* in place of all these: `up -d` starts everything, `down` stops and removes it",
    r"\*\*One file\*\* holds ports, volumes, variables and networks; by hand they are scattered over the commands",
    r"\*\*Order\*\*: `depends_on` starts each service after those that it needs",
    r"\*\*Scale\*\*: `up --scale web=3` runs three containers",
]
SAID_RIGHT = [
    # the text says that edits are seen instantly: the process runs from /web, where the image's own copy is
    r"edits do \*\*not reach the running program\*\*: the process runs from `/web`.*nothing runs from `/web/fetch_c1`",
    r"`.:/web` would make edits live",
    "takes effect only after `up --build`",
    # the text says that Django connects once the database is up: depends_on waits for the start only
    r"Started is not \*\*ready\*\*: `postgres` may not take connections yet.*above all on its first start",
    "dockless waits here until `postgres` listens on port `5432` .Docker Compose does not",
    # the text says that working_dir holds for RUN: it is the Dockerfile's WORKDIR that does
    "does not touch the build: `RUN` and `COPY` follow the Dockerfile's `WORKDIR`",
    # what the text does not see
    "`.env`: whoever gets the image can read what is in there",
    r"opened on \*\*all\*\* addresses of the machine",
    "development server is not made for production",
]


@pytest.mark.parametrize("statement", DOCKERFILE + COMPOSE + TOGETHER + BY_HAND + SAID_RIGHT)
def test_it_is_said(page: str, statement: str) -> None:
    assert re.search(statement, page), f"not said: {statement}"


def test_no_secret_is_shown_unless_it_is_asked_for(page: str, tmp_path: Path) -> None:
    assert "sekrit" not in page
    shutil.copytree(FETCH, tmp_path / "x", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "x" / ".env").write_text("POSTGRES_PASSWORD=sekrit\n")
    assert "sekrit" in markdown.render(tell_stack(stack_in(tmp_path / "x", reveal=True)))
