"""The pictures of the documentation: small, whole, and made by the script beside them."""

import importlib.util
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

import pytest

PICTURES = Path(__file__).parent.parent.parent / "docs" / "pictures"


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pictures", PICTURES / "make.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", sorted(PICTURES.glob("*.svg")), ids=lambda path: path.name)
def test_a_picture_is_small_and_loads_nothing(path: Path) -> None:
    text = path.read_text()
    ElementTree.fromstring(text)
    assert len(text) < 40_000
    assert "href" not in text and "url(" not in text and "/tmp/" not in text


def test_what_a_command_draws_over_is_gone(make: ModuleType) -> None:
    screen = make.Screen(20)
    screen.feed(b"one\r\ntwo\x1b[K\r\n\x1b[2A\x1b[1;32mONE\x1b[0m!\x1b[2B\rend")
    rows = ["".join(character for character, _ in row) for row in screen.rows]
    assert rows == ["ONE!", "two", "end"]
    assert screen.rows[0][0] == ("O", "1;32") and screen.rows[0][3] == ("!", "")


def test_a_long_line_goes_on_in_the_next(make: ModuleType) -> None:
    screen = make.Screen(4)
    screen.feed("häuser".encode())
    assert ["".join(character for character, _ in row) for row in screen.rows] == ["häus", "er"]
