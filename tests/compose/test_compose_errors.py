"""What a user sees of a mistake: file, line, column, the line itself, a caret, and what to do."""

from pathlib import Path

import loading
import pytest

from dockless.compose.errors import ComposeError


def _refusal(folder: Path, text: str, **files: str) -> str:
    with pytest.raises(ComposeError) as caught:
        loading.project(folder, compose=text, **files)
    return str(caught.value).replace(str(folder), "")


def test_an_unknown_key_is_placed_and_the_nearest_known_one_suggested(tmp_path: Path) -> None:
    assert _refusal(tmp_path, "services:\n  web:\n    image: x\n    comand: y\n") == (
        "/compose.yaml:4:5: services.web: unknown key 'comand'\n"
        "        comand: y\n"
        "        ^\n"
        "    did you mean 'command'?"
    )


def test_all_problems_of_a_file_are_told_at_once_in_the_order_of_its_lines(tmp_path: Path) -> None:
    text = """\
services:
  web:
    image: ${NOPE:?set it}
    ports: "80:80"
  db:
    image: 5
    ports: ["80:abc"]
netwoks: {}
"""
    with pytest.raises(ComposeError) as caught:
        loading.project(tmp_path, compose=text)
    assert [(problem.line, problem.column) for problem in caught.value.problems] == [
        (3, 12),
        (4, 12),
        (6, 12),
        (7, 13),
        (8, 1),
    ]


def test_a_problem_is_placed_in_the_file_that_has_it(tmp_path: Path) -> None:
    told = _refusal(
        tmp_path,
        "services:\n  web: {image: x}\n",
        compose_override_yaml="services:\n  web:\n    ports:\n      - 80:x\n",
    )
    assert told.startswith("/compose.override.yaml:4:9: services.web.ports.0: invalid container port 'x'")


def test_a_broken_reference_is_placed_where_it_stands(tmp_path: Path) -> None:
    told = _refusal(
        tmp_path, "services:\n  web:\n    image: x\n    volumes:\n      - data:/x\n    depends_on: [nope]\n"
    )
    assert '/compose.yaml:5:9: service "web" refers to undefined volume data\n' in told
    assert '/compose.yaml:6:18: service "web" depends on undefined service "nope"\n' in told


def test_text_that_is_no_yaml_is_placed(tmp_path: Path) -> None:
    assert _refusal(tmp_path, "services:\n  a: [\n").startswith("/compose.yaml:3:1: not valid YAML: ")


def test_a_key_twice_names_the_first_one(tmp_path: Path) -> None:
    told = _refusal(tmp_path, "services:\n  a: {image: x}\n  a: {image: y}\n")
    assert told.startswith("/compose.yaml:3:3: mapping key 'a' already defined at line 2\n")


def test_a_value_of_the_wrong_kind_says_what_it_must_be(tmp_path: Path) -> None:
    assert "services.a.healthcheck must be a mapping" in _refusal(
        tmp_path, "services: {a: {image: x, healthcheck: 5}}\n"
    )
    assert "services.a.command must be empty, a string or a list" in _refusal(
        tmp_path, "services: {a: {image: x, command: {}}}\n"
    )


def test_a_date_that_should_be_text_is_told_to_be_quoted(tmp_path: Path) -> None:
    assert "put the date in quotes" in _refusal(tmp_path, "services: {a: {image: x, labels: {a: 2024-01-01}}}\n")


def test_an_env_files_fault_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text("A=1\nB C=2\n")
    told = _refusal(tmp_path, "services: {a: {image: x, env_file: a.env}}\n")
    assert told.startswith("/a.env:2:1: failed to read /a.env: key cannot contain a space\n    B C=2\n")


def test_remote_files_are_refused_by_name(tmp_path: Path) -> None:
    for remote in ("https://github.com/a/b.git", "oci://registry/x", "git@host:a/b.git"):
        told = _refusal(tmp_path, f"include: [{remote!r}]\nservices: {{a: {{image: x}}}}\n")
        assert "is a remote resource, which is not fetched" in told


def test_a_circle_of_dependencies_is_spelt_out(tmp_path: Path) -> None:
    told = _refusal(tmp_path, "services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}\n")
    assert "dependency cycle detected: a -> b -> a" in told


def test_aliases_cannot_blow_up(tmp_path: Path) -> None:
    lines = ["x-0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "expand to too much" in _refusal(tmp_path, "\n".join(lines))


def test_an_obsolete_version_is_warned_of_once(tmp_path: Path) -> None:
    project = loading.project(tmp_path, compose="version: '3'\nservices: {a: {image: x}}\n")
    assert project.warnings == (
        f"{tmp_path}/compose.yaml: the attribute `version` is obsolete, it will be ignored, "
        "please remove it to avoid potential confusion",
    )


def test_an_unset_variable_is_warned_of_once(tmp_path: Path) -> None:
    project = loading.project(tmp_path, compose="services: {a: {image: x$V, hostname: y$V}}\n")
    assert project.warnings == ('The "V" variable is not set. Defaulting to a blank string.',)
