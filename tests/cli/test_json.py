"""`--json` is wherever `--format` is, and means `--format json`."""

import subprocess
import sys
from pathlib import Path

import pytest

from dockless.cli.commands import BUILDER, COMPOSE, CONTAINER, IMAGE, NETWORK, SYSTEM, TOP, VOLUME
from dockless.cli.lazy import Entry

ENTRIES = {
    entry.target: entry for table in (COMPOSE, TOP, CONTAINER, IMAGE, VOLUME, NETWORK, SYSTEM, BUILDER)
    for entry in table.values() if not entry.target.startswith("app:")
}  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_command_that_has_a_format_has_json(entry: Entry) -> None:
    options = [name for option in entry.load().params for name in option.opts]
    assert options.count("--json") == (1 if "--format" in options or "--json" in options else 0)


def test_it_means_format_json_wherever_it_stands(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {a: {image: b}}\n")

    def config(*arguments: str) -> str:
        command = [sys.executable, "-m", "dockless.cli", "config", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert config("--json") == config("--format", "yaml", "--json") == config("--format", "json")
    assert config("--json").startswith("{")
