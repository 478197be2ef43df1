"""Libraries that are imported without the modules of which they need next to nothing."""

import subprocess
import sys

import pytest


def python(code: str) -> str:
    """What a fresh interpreter prints, `lightly` at hand."""
    command = [sys.executable, "-c", f"from dockless.cli.light import lightly\nimport sys\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.strip()


def test_the_libraries_come_without_what_they_do_not_need() -> None:
    found = python(
        "with lightly():\n"
        "    import pathlib, click, msgspec\n"
        "print(*sorted({'inspect', 'gettext', 'textwrap', 'ast', 'typing_extensions'} & set(sys.modules)))"
    )
    assert found == ""


@pytest.mark.parametrize("module", ["inspect", "gettext", "platform", "textwrap", "urllib.parse"])
def test_afterwards_everybody_gets_the_real_module(module: str) -> None:
    found = python(
        f"with lightly():\n    import pathlib, click, msgspec\nimport {module} as found\nprint(bool(found.__file__))"
    )
    assert found == "True"


def test_what_a_library_asks_later_comes_from_the_real_module() -> None:
    found = python(
        "with lightly():\n"
        "    import pathlib, click, msgspec\n"
        "import click.core\n"
        "print(click.core.inspect.isfunction(python := lambda: 0), click.core.inspect.cleandoc(' a\\n    b'))\n"
        "print(click.core.inspect.cleandoc('  one\\tline'), pathlib.Path('/a b').as_uri())\n"
        "print(msgspec.json.schema(list[int])['items'])\n"
    )
    assert found.splitlines() == ["True a", "b", "one   line file:///a%20b", "{'type': 'integer'}"]


def test_what_is_there_already_stays() -> None:
    found = python(
        "import inspect as before\nwith lightly():\n    import click\n"
        "import inspect as after\nprint(before is after, bool(after.__file__))"
    )
    assert found == "True True"


def test_a_module_that_is_asked_for_meanwhile_is_the_real_one() -> None:
    assert python("with lightly():\n    from inspect import isfunction\nprint(isfunction(print))") == "False"
