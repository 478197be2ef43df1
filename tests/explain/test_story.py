"""What is told of stacks of many shapes: what follows from two files together, from several files, from no file."""

from pathlib import Path

import pytest
from reading import said_of, stack_in, stack_of, story_in

from dockless.explain.story.built import follow
from dockless.explain.story.caching import reruns
from dockless.explain.story.telling import tell_stack
from dockless.explain.story.values import Chapter, Points, Steps, Table

WEB = """
services:
  web:
    build: .
    command: python app.py
    volumes: [{mount}]
"""
DOCKERFILE = (
    "FROM python:3.12-slim\nWORKDIR /srv\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n"
)


def chapter(stack_folder: Path, key: str) -> Chapter:
    return next(each for each in story_in(stack_folder).chapters if each.key == key)


def text_of(chapter_: Chapter) -> str:
    parts = [chapter_.lead]
    for block in chapter_.blocks:
        if isinstance(block, Table):
            parts += [" | ".join(row) for row in block.rows]
        elif isinstance(block, Steps):
            parts += [block.title, *block.steps]
        elif isinstance(block, Points):
            parts += block.points
    return "\n".join(parts)


@pytest.mark.parametrize(
    ("mount", "said"),
    [
        ("'.:/srv'", "reaches it **without a rebuild**"),
        ("'.:/srv/inner'", "do **not reach the running program**"),
        ("'./src:/srv/src'", "both see the same files"),
        ("'.:/elsewhere:ro'", "do **not reach the running program**"),
    ],
)
def test_whether_edits_reach_the_program(mount: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    stack = stack_of(tmp_path, WEB.format(mount=mount), Dockerfile=DOCKERFILE)
    assert said in said_of(tell_stack(stack), "services.web.volumes")


def test_a_mount_over_a_folder_of_the_image_is_said_to_hide_it(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    stack = stack_of(tmp_path, WEB.format(mount="'.:/srv/inner'"), Dockerfile=DOCKERFILE)
    assert "hides `/srv/inner` of the image" in said_of(tell_stack(stack), "services.web.volumes")


def test_a_change_of_a_file_runs_again_what_comes_after_it_and_no_more(tmp_path: Path) -> None:
    multi = (
        "FROM node:22 AS assets\nWORKDIR /a\nCOPY package.json .\nRUN npm ci\nCOPY src/ src/\nRUN npm run build\n"
        "FROM python:3.12 AS app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\n"
        "COPY --from=assets /a/dist /static\nCOPY app.py .\nFROM app AS unused\nRUN false\n"
    )
    stack = stack_of(tmp_path, "services: {a: {build: {context: ., target: app}}}", Dockerfile=multi)
    (image,) = stack.images
    found = {each.change: [step.line for step in each.steps] for each in reruns(image, follow(image.file, "app"))}
    assert found["`package.json`"] == [3, 4, 5, 6, 10, 11]
    assert found["`src`"] == [5, 6, 10, 11]
    assert found["`requirements.txt`"] == [8, 9, 10, 11]
    assert found["`app.py`"] == [11]
    assert "not needed for the image" in said_of(tell_stack(stack), "RUN")


def test_what_dockerignore_leaves_out_is_not_said_to_be_copied(tmp_path: Path) -> None:
    compose = "services: {a: {build: .}}"
    (tmp_path / ".env").write_text("A=1\n")
    stack = stack_of(tmp_path, compose, Dockerfile="FROM busybox\nCOPY . .\n")
    assert "Also `.env`" in said_of(tell_stack(stack), "COPY")
    (tmp_path / ".dockerignore").write_text(".env\n")
    assert "Also `.env`" not in said_of(story_in(tmp_path), "COPY")


def test_included_and_extended_files_are_told_too(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("services: {proto: {image: busybox, working_dir: /proto}}\n")
    (tmp_path / "more.yaml").write_text("services: {other: {image: 'busybox:1'}}\n")
    stack = stack_of(
        tmp_path,
        "include: [more.yaml]\nservices:\n  a:\n    extends: {file: base.yaml, service: proto}\n    user: me\n",
    )
    story = tell_stack(stack)
    assert [Path(file.file).name for file in story.files] == ["compose.yaml", "more.yaml", "base.yaml"]
    assert "copy of `proto` in `base.yaml`" in said_of(story, "services.a.extends")
    assert "`other`" in said_of(story, "services.other")


def test_a_service_of_an_inactive_profile_is_said_to_take_no_part(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, "services:\n  a: {image: b}\n  debug: {image: c, profiles: [tools]}\n")
    story = tell_stack(stack)
    assert "takes no part now: it belongs to the profiles `tools`" in said_of(story, "services.debug")
    assert "Not taking part now: `debug`" in said_of(story, "services")


def test_who_cannot_reach_whom_is_said(tmp_path: Path) -> None:
    stack_of(
        tmp_path,
        "services:\n  front: {image: nginx, networks: [edge]}\n  db: {image: postgres, networks: [data]}\n"
        "  api: {image: c, networks: [edge, data], ports: ['127.0.0.1:8000:80']}\n"
        "networks: {edge: , data: {internal: true}}\n",
    )
    text = text_of(chapter(tmp_path, "reach"))
    assert "out of each other's reach: `front` and `db`" in text
    assert "`db:5432` | `api`" in text
    assert "`127.0.0.1:8000` → 80" in text
    assert "No way out to the internet on `data`" in text
    assert "Open to other machines" not in text


def test_the_order_of_starts_follows_the_conditions(tmp_path: Path) -> None:
    stack_of(
        tmp_path,
        "services:\n  app: {image: a, depends_on: {job: {condition: service_completed_successfully}}}\n"
        "  job: {image: b, depends_on: {db: {condition: service_healthy}}}\n"
        "  db: {image: c, healthcheck: {test: 'true'}}\n",
    )
    text = text_of(chapter(tmp_path, "times"))
    assert text.index("`db` is started.") < text.index("`job` is started, after `db` is healthy")
    assert text.index("`job` is started, after") < text.index("`app` is started, after `job` has ended")


def test_an_env_file_that_is_missing_does_not_keep_the_rest_from_being_told(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, "services: {a: {image: b, env_file: .env}}")
    story = tell_stack(stack)
    assert "`.env` is not there: `up` fails until it is." in said_of(story, "services.a.env_file")
    assert any("not found" in warning for warning in story.warnings)


def test_a_variable_that_is_nowhere_is_said_to_be(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, "services: {a: {image: 'b:${TAG}'}}")
    assert "$TAG=(not set) (nowhere: not in the shell, not in an env file)" in said_of(
        tell_stack(stack), "services.a.image"
    )


def test_a_secret_in_an_address_is_hidden(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, "services: {a: {image: b, environment: {DATABASE_URL: 'postgres://u:hunter2@db/x'}}}")
    said = said_of(tell_stack(stack), "services.a.environment")
    assert "hunter2" not in said and "postgres://u:••••••@db/x" in said


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("RUN apt-get update && apt-get install -y curl git", "installs system packages: `curl` and `git`"),
        ("RUN npm ci --omit=dev", "exactly the JavaScript packages that `package-lock.json` names"),
        ("RUN pip install --no-cache-dir flask==3.0", "installs Python packages: `flask==3.0`"),
        ("RUN --mount=type=cache,target=/root/.cache pip install .", "keeps its files from one build to the next"),
        ("RUN rm -rf /var/lib/apt/lists/*", "removes the package lists"),
        ("RUN apt-get install -y curl", "There is no `apt-get update` in this step"),
        ("RUN ./own-tool --flag", "runs `./own-tool --flag`"),
        ('RUN ["apk", "add", "curl"]', "installs Alpine packages: `curl`"),
        ("ADD https://example.org/x.tar.gz /x/", "Nothing checks what is downloaded"),
        ("ENV API_TOKEN=abcdef", "looks like a secret"),
        ("CMD gunicorn app:app --bind 0.0.0.0:9000", "the Gunicorn server for `app:app` on port 9000"),
        ("USER root", "administrator"),
        ("ENV NOTHING=", "Sets the variable `NOTHING` to (empty)."),
        ("HEALTHCHECK --interval=5s CMD curl -f localhost", "the time between checks"),
        ("COPY --link --chown=1000 --exclude=*.md a b/", "files that match are left out"),
    ],
)
def test_instructions_are_told_by_what_is_in_them(command: str, said: str, tmp_path: Path) -> None:
    stack = stack_of(tmp_path, "services: {a: {build: .}}", Dockerfile=f"FROM debian:12\n{command}\n")
    text = said_of(tell_stack(stack), command.split()[0])
    assert said in text
    assert "abcdef" not in text


def test_json_of_a_stack_in_another_folder_names_files_as_the_reader_would(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    stack = stack_of(tmp_path, "services: {a: {image: b, environment: {A: '1'}}}")
    assert "(compose.yaml:1)" in said_of(tell_stack(stack), "services.a.environment")
    assert stack_in(tmp_path / "sub").files[0].path == str(tmp_path / "compose.yaml")


def test_each_variable_of_a_list_is_said_to_stand_in_its_own_line(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, "services:\n  a:\n    image: b\n    environment:\n      - A=1\n      - B\n      - A=2\n")
    said = said_of(tell_stack(stack), "services.a.environment")
    assert "A=2 (compose.yaml:7)" in said and "B=" in said


@pytest.mark.parametrize(
    ("mount", "said"),
    [
        ("./no:/x", "an empty folder is made there"),
        ("{type: bind, source: ./no, target: /x}", "the start fails"),
        ("{type: bind, source: ./no, target: /x, bind: {create_host_path: true}}", "an empty folder is made there"),
    ],
)
def test_what_comes_of_a_folder_that_is_not_there(mount: str, said: str, tmp_path: Path) -> None:
    stack = stack_of(tmp_path, f"services: {{a: {{image: b, volumes: [{mount}]}}}}")
    assert said in said_of(tell_stack(stack), "services.a.volumes")


def test_arguments_of_an_images_own_program_are_not_called_a_program(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, "services: {db: {image: 'mysql:8.4', command: --skip-name-resolve}}")
    said = said_of(tell_stack(stack), "services.db.command")
    assert "arguments of its own program" in said and "It runs" not in said
