"""What the doctor must not say, what it is told to keep quiet about, and how it says what it says."""

import json
from pathlib import Path

import pytest
from doctoring import examined, found, mended

from dockless.explain.doctor import reports

CLEAN_DOCKERFILE = """
# syntax=docker/dockerfile:1
ARG PYTHON=3.13
FROM python:${PYTHON}-slim-trixie AS build
WORKDIR /app
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip pip install --prefix=/install -r requirements.txt

FROM python:${PYTHON}-slim-trixie
RUN set -eux; \\
    apt-get update; \\
    # for the health check
    apt-get install -y --no-install-recommends curl; \\
    rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /install /usr/local
COPY --chown=app:app . .
RUN useradd --create-home app
USER app
EXPOSE 8000
HEALTHCHECK CMD curl -fsS http://127.0.0.1:8000/ || exit 1
CMD ["gunicorn", "-b", "0.0.0.0:8000", "app:app"]
"""
CLEAN_COMPOSE = """
services:
  web:
    build: .
    ports: ["127.0.0.1:8000:8000"]
    mem_limit: 512m
    restart: unless-stopped
    environment:
      DATABASE_URL: postgres://app:${DB_PASSWORD:?}@db/app
    depends_on:
      db:
        condition: service_healthy
    logging: &bounded
      driver: local
  db:
    image: postgres:17.12-trixie
    restart: unless-stopped
    environment:
      POSTGRES_PASSWORD: ${DB_PASSWORD:?}
      POSTGRES_USER: app
    volumes:
      - data:/var/lib/postgresql/data
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -h 127.0.0.1 -U $$POSTGRES_USER"]
    logging: *bounded
volumes:
  data:
"""
CLEAN = {
    "Dockerfile": CLEAN_DOCKERFILE,
    "compose.yaml": CLEAN_COMPOSE,
    ".env": "DB_PASSWORD=x\n",
    ".dockerignore": ".git\n.env\n",
    "requirements.txt": "gunicorn==23.0.0\n",
    "app.py": "",
}
ILL = "FROM python\nRUN apt-get install git\n"


def test_there_is_nothing_to_say_about_clean_files(tmp_path: Path) -> None:
    report = examined(tmp_path, CLEAN)
    assert [f"{finding.place} {finding.rule} {finding.message}" for finding in report.findings] == []
    assert reports.summary(report) == "Nothing to say about 3 files."


@pytest.mark.parametrize(
    "quiet",
    [
        "FROM debian:trixie\n# dockless ignore=DF007\nRUN apt-get update && apt-get dist-upgrade -y\nUSER nobody\n",
        "FROM debian:trixie\n# hadolint ignore=DL3005\nRUN apt-get update && apt-get dist-upgrade -y\nUSER nobody\n",
        "# dockless global ignore=DF007\nFROM debian:trixie\nRUN apt-get update && apt-get dist-upgrade -y\n",
        "# hadolint global ignore=DL3005,DL3009\nFROM debian:trixie\nRUN apt-get update && apt-get dist-upgrade -y\n",
        "# check=skip=DF007;error=true\nFROM debian:trixie\nRUN apt-get update && apt-get dist-upgrade -y\n",
        "FROM debian:trixie\n# dockless ignore=all\nRUN apt-get update \\\n && true \\\n && apt-get dist-upgrade -y\n",
    ],
)
def test_a_comment_keeps_a_rule_quiet_in_a_dockerfile(quiet: str, tmp_path: Path) -> None:
    assert not found(tmp_path, {"Dockerfile": quiet}, "DF007")
    assert found(tmp_path, {"Dockerfile": "\n".join(x for x in quiet.split("\n") if not x.startswith("#"))}, "DF007")


@pytest.mark.parametrize(
    "quiet",
    [
        "services:\n  web:\n    image: nginx # dockless ignore=CF050\n",
        "services:\n  # dockless ignore=CF050 -- the newest is wanted\n  web:\n    restart: 'no'\n    image: nginx\n",
        "# dockless global ignore=cf050\n\nservices:\n  web:\n    image: nginx\n",
        "x-dockless-doctor: {ignore: [CF050]}\nservices:\n  web:\n    image: nginx\n",
    ],
)
def test_a_comment_keeps_a_rule_quiet_in_a_compose_file(quiet: str, tmp_path: Path) -> None:
    assert not found(tmp_path, {"compose.yaml": quiet}, "CF050")


def test_a_comment_speaks_of_its_own_entry_only(tmp_path: Path) -> None:
    text = "services:\n  # dockless ignore=CF050\n  web:\n    image: nginx\n  api:\n    image: httpd\n"
    assert [finding.line for finding in found(tmp_path, {"compose.yaml": text}, "CF050")] == [6]


def test_an_end_of_life_is_judged_by_the_day_that_is_given(tmp_path: Path) -> None:
    from datetime import date

    files = {"Dockerfile": "FROM python:3.10-slim-bookworm\nUSER nobody\n"}
    assert "DF031" not in [f.rule for f in examined(tmp_path, files, today=date(2026, 10, 31)).findings]
    assert "DF031" in [f.rule for f in examined(tmp_path, files, today=date(2026, 11, 1)).findings]


def test_a_program_that_the_dockerfile_installs_is_not_missed(tmp_path: Path) -> None:
    check = 'HEALTHCHECK CMD ["curl", "-f", "http://localhost"]\nUSER nobody\n'
    bare = {"Dockerfile": f"FROM alpine:3.22\n{check}"}
    assert found(tmp_path, bare, "DF051")
    assert not found(tmp_path, {"Dockerfile": f"FROM alpine:3.22\nRUN apk add --no-cache curl\n{check}"}, "DF051")


def test_a_word_in_a_string_is_no_command(tmp_path: Path) -> None:
    text = "FROM debian:trixie\nRUN echo 'apt-get install git && sudo rm' > \"/apt upgrade\"\nUSER nobody\n"
    assert examined(tmp_path, {"Dockerfile": text}).findings == ()


def test_a_script_in_a_heredoc_is_read_as_a_script(tmp_path: Path) -> None:
    text = "FROM debian:trixie\nRUN <<EOF\napt-get update\napt-get install git\nEOF\nUSER nobody\n"
    assert [finding.line for finding in found(tmp_path, {"Dockerfile": text}, "DF003")] == [4]


def test_json_has_for_each_finding_what_programs_need(tmp_path: Path) -> None:
    objects = json.loads(reports.as_json(examined(tmp_path, {"Dockerfile": ILL})))
    assert {entry["rule"] for entry in objects} >= {"DF003", "DF008", "DF030", "DF032"}
    for entry in objects:
        assert {"rule", "severity", "file", "line", "message", "fix"} <= set(entry)
        assert entry["severity"] in ("error", "warning", "info")
        assert entry["file"] == "Dockerfile"


def test_github_annotations_are_one_line_each_and_escaped(tmp_path: Path) -> None:
    report = examined(tmp_path, {"Dockerfile": ILL})
    lines = reports.github(report).split("\n")
    assert len(lines) == len(report.findings)
    assert all(line.startswith(("::error file=Dockerfile,line=", "::warning file=", "::notice ")) for line in lines)


def test_text_shows_the_line_and_points_at_the_fault(tmp_path: Path) -> None:
    text = reports.text(
        examined(tmp_path, {"Dockerfile": "FROM debian:trixie\nRUN apt-get update && apt-get install git\n"})
    )
    assert "Dockerfile:2:23: error: `apt-get install` asks for confirmation [DF003]" in text
    assert "  2 | RUN apt-get update && apt-get install git\n    |                       ^\n" in text
    assert "  change: add `-y`  (--fix)" in text


KEPT = """\
# our stack
services:

  db:   # the database
    image: "postgres:17.12"   # pinned

    # data stays
    environment: {POSTGRES_PASSWORD: "${P:-x}"}
    volumes: [ 'data:/var/lib/postgresql/data' ]

  web:
    image: example/web:1
    depends_on:   # order
    - db          # first
    - cache

  cache: {image: "redis:8.0"}

# the end
volumes: {data: }
"""


def test_mending_keeps_comments_and_layout(tmp_path: Path) -> None:
    mended(tmp_path, {"compose.yaml": KEPT})
    text = (tmp_path / "compose.yaml").read_text()
    assert "condition: service_healthy" in text
    lines = text.split("\n")
    kept = [line for line in KEPT.split("\n") if "- db" not in line and "- cache" not in line]
    at = 0
    for line in kept:  # all of them, in their order
        at = lines.index(line, at) + 1
    assert "      db:          # first" in lines
    again = mended(tmp_path, {})
    assert again.texts == {}


def test_mending_keeps_windows_line_ends(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(
        b"FROM debian:trixie\r\nRUN apt-get update \\\r\n"
        b"  && apt-get install -y --no-install-recommends git\r\nUSER nobody\r\n"
    )
    from doctoring import TODAY

    from dockless.explain.doctor.examine import reader_of
    from dockless.explain.doctor.mending import mend

    result = mend(reader_of([str(tmp_path / "Dockerfile")], str(tmp_path), TODAY))
    (text,) = result.texts.values()
    assert text.count("\n") == text.count("\r\n") > 4


def test_a_change_that_would_break_the_file_is_not_made(tmp_path: Path) -> None:
    # The anchor is in the entry that would go, and is used elsewhere.
    text = "services:\n  web:\n    image: nginx:1.30\n    links: &l [api]\n  api:\n    image: nginx:1.30\n    x-l: *l\n"
    result = mended(tmp_path, {"compose.yaml": text})
    assert all(finding.rule != "CF002" for finding in result.done)
    assert (tmp_path / "compose.yaml").read_text() == text


def test_no_health_check_is_made_up_for_a_database_that_listens_elsewhere(tmp_path: Path) -> None:
    text = KEPT.replace('image: "postgres:17.12"', 'command: -p 5433\n    image: "postgres:17.12"')
    result = mended(tmp_path, {"compose.yaml": text})
    assert "healthcheck" not in "".join(result.texts.values()).split("web:")[0]
    assert any(finding.rule == "CF010" and "db" in finding.message for finding in result.report.findings)


@pytest.mark.parametrize(
    ("after", "mendable"),
    [
        ("", "safe"),
        ("RUN useradd app\n", "safe"),
        ("RUN make assets\n", "unsafe"),
        ("COPY --from=a /x /web/x\n", "unsafe"),
    ],
)
def test_a_mount_is_moved_only_over_what_is_the_folders_own(after: str, mendable: str, tmp_path: Path) -> None:
    files = {
        "compose.yaml": "services:\n  web:\n    build: .\n    volumes: ['.:/web/x']\n",
        "Dockerfile": f"FROM python:3.13 AS a\nFROM python:3.13\nWORKDIR /web\nCOPY . .\n{after}USER nobody\n",
    }
    (finding,) = found(tmp_path, files, "ST001")
    assert finding.mendable == mendable


def test_a_shells_own_command_is_not_turned_into_a_program(tmp_path: Path) -> None:
    for command in ("exit 0", "umask 022", "cd /srv", "echo $HOME"):
        (finding,) = found(tmp_path, {"Dockerfile": f"FROM alpine:3.22\nUSER nobody\nCMD {command}\n"}, "DF043")
        assert not finding.mendable


def test_what_is_in_an_included_or_extended_file_is_found_there(tmp_path: Path) -> None:
    files = {
        "compose.yaml": "include: [more.yaml]\nservices:\n  web:\n    extends: {file: base.yaml, service: web}\n",
        "base.yaml": "services:\n  web:\n    image: nginx:1.30\n    privileged: true\n",
        "more.yaml": "services:\n  api:\n    image: nginx:1.30\n    pid: host\n",
    }
    findings = {(finding.rule, finding.file, finding.source) for finding in examined(tmp_path, files).findings}
    assert ("CF030", "base.yaml", "    privileged: true") in findings
    assert ("CF034", "more.yaml", "    pid: host") in findings


def test_a_bind_mount_in_the_long_form_makes_no_folder(tmp_path: Path) -> None:
    long = "services: {{a: {{image: 'busybox:1', volumes: [{{type: bind, source: ./no, target: /x{}}}]}}}}"
    (hit,) = found(tmp_path / "a", {"compose.yaml": long.format("")}, "CF063")
    assert (hit.severity, "the start fails" in hit.message) == ("error", True)
    assert found(tmp_path / "b", {"compose.yaml": long.format(", bind: {create_host_path: true}")}, "CF063") == []


def test_what_only_looks_like_a_secret_is_none(tmp_path: Path) -> None:
    text = """
services:
  web:
    image: example/web:1
    environment:
      - XMPP_AUTH_DOMAIN=auth.example.org
      - API__AUTH_BACKENDS=basic
      - API_TOKEN
      - REGISTRY_PASSWORD=
"""
    assert not found(tmp_path, {"compose.yaml": text}, "CF070")
    listed = text.replace("- API_TOKEN\n", "- API_TOKEN=8f14e45fceea\n      - BASIC_AUTH=me:secret\n")
    assert len(found(tmp_path, {"compose.yaml": listed}, "CF070")) == 2


def test_an_address_of_this_machine_is_held_against_the_database_that_the_variable_names(tmp_path: Path) -> None:
    text = """
services:
  web:
    image: example/web:1
    environment: {REDIS_HOST: localhost, DB_HOST: localhost}
  db: {image: "postgres:17.12", env_file: db.env, volumes: ["d:/var/lib/postgresql/data"]}
  cache: {image: "redis:8.2", volumes: ["c:/data"]}
volumes: {d: , c: }
"""
    told = found(tmp_path, {"compose.yaml": text, "db.env": "POSTGRES_PASSWORD=${X:-y}\n"}, "CF073")
    assert [each.message.partition("; ")[2] for each in told] == ["Redis is in cache", "PostgreSQL is in db"]


def test_what_everybody_who_logs_in_has_is_set(tmp_path: Path) -> None:
    text = 'services: {web: {image: "example/web:1", volumes: ["/home/$USER/data:/data", "$HOME/x:/x"]}}\n'
    assert not found(tmp_path, {"compose.yaml": text}, "CF003")
