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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("interval", "3:29: services.a.healthcheck.interval: invalid duration: '5 m'"),
        ("memory", "3:43: services.a.deploy.resources.limits.memory: invalid size: 'x'"),
        ("env", "3:16: env file /nope not found"),
        ("labels", "3:17: label file /nope not found"),
        ("mode", '3:19: service "a" depends on undefined service "zz"'),
        ("link", '3:13: service "a" depends on undefined service "zz"'),
        ("extends", "3:14: circular reference: a (/compose.yaml) extends a (/compose.yaml)"),
    ],
)
def test_a_fault_in_a_value_is_named_and_placed_as_a_whole(text: str, said: str, tmp_path: Path) -> None:
    entries = {
        "interval": "healthcheck: {interval: 5 m}",
        "memory": "deploy: {resources: {limits: {memory: x}}}",
        "env": "env_file: [nope]",
        "labels": "label_file: nope",
        "mode": "network_mode: service:zz",
        "link": "links: [zz]",
        "extends": "extends: a",
    }
    told = _refusal(tmp_path, f"services:\n  a:\n    {entries[text]}\n    image: x\n")
    assert told.startswith(f"/compose.yaml:{said}")
    assert told.splitlines()[2].strip() == "^"


def test_a_file_that_includes_itself_says_so_where_it_does(tmp_path: Path) -> None:
    told = _refusal(tmp_path, "include: [compose.yaml]\nservices: {a: {image: x}}\n")
    assert told.startswith("/compose.yaml:1:11: include cycle detected: /compose.yaml includes /compose.yaml\n")


def test_of_a_value_that_is_wrong_one_thing_is_said(tmp_path: Path) -> None:
    told = _refusal(tmp_path, "include: 5\nservices: {a: {image: x, ports: [null]}}\n")
    assert [line.partition(": ")[0] for line in told.splitlines() if line.startswith("/")] == [
        "/compose.yaml:1:10",
        "/compose.yaml:2:34",
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"\xff", "14: not valid YAML: the byte 0xff is not UTF-8"),
        (b"\x01", "14: not valid YAML: the control character U+0001"),
    ],
)
def test_a_byte_that_is_no_text_is_placed(value: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_bytes(b'services:\n  a:\n    image: "x' + value + b'"\n')
    with pytest.raises(ComposeError) as caught:
        loading.project(tmp_path)
    assert f"compose.yaml:3:{said}" in str(caught.value)
    assert "\x01" not in str(caught.value)  # a terminal would take it for an order


def test_of_a_line_wider_than_a_screen_what_is_around_the_fault_is_shown(tmp_path: Path) -> None:
    told = _refusal(
        tmp_path, f"x-a: {'y' * 5000}\nx-b: [{'z, ' * 2000}{{}}]\nservices: {{a: {{imag: {'w' * 5000}}}}}\n"
    )
    assert max(map(len, told.splitlines())) < 200
    shown, caret = told.splitlines()[1:3]
    assert shown[caret.index("^") :].startswith("imag: www")
    assert shown.endswith("…")


@pytest.mark.parametrize("name", ["compose.yaml", "compose.override.yaml"])
def test_a_folder_in_a_files_place_is_named(name: str, tmp_path: Path) -> None:
    if name != "compose.yaml":
        (tmp_path / "compose.yaml").write_text("services: {a: {image: x}}\n")
    (tmp_path / name).mkdir()
    with pytest.raises(ComposeError, match=f"{name}: is a directory"):
        loading.project(tmp_path)


def test_a_fault_in_a_variable_of_an_env_file_has_its_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nB=${A\n")
    told = _refusal(tmp_path, "services: {a: {image: x}}\n")
    assert told.startswith("/.env:2:1: failed to read /.env: invalid interpolation format: '${A'")
