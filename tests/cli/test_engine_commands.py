"""The commands about the engine itself and the registry's credentials; tests/clients runs them against an engine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dockless.cli.app import root
from dockless.cli.commands import BUILDER, SYSTEM
from dockless.cli.docker.usage import summary
from dockless.wire.containers import ContainerSummary
from dockless.wire.images import ImageSummary
from dockless.wire.usage import BuildCacheRecord, DiskUsage


@pytest.mark.parametrize(
    "words", ["serve", "context", "diff", "update", "login", "logout", "system df", "system prune", "builder prune"]
)
def test_each_has_a_help(words: str) -> None:
    done = CliRunner().invoke(root, [*words.split(), "--help"])
    assert done.exit_code == 0
    assert done.output.startswith(f"Usage: dockless {words}")


def test_the_groups_can_be_loaded() -> None:
    assert all(isinstance(entry.load(), click.Command) for entry in (*SYSTEM.values(), *BUILDER.values()))


def test_what_can_be_given_back_is_what_nothing_uses() -> None:
    usage = DiskUsage(
        layers_size=3_000_000,
        images=(ImageSummary(id="sha256:a", size=1_000_000), ImageSummary(id="sha256:b", size=2_000_000)),
        containers=(
            ContainerSummary(id="1", image_id="sha256:a", state="running", size_rw=100),
            ContainerSummary(id="2", image_id="sha256:a", state="exited", size_rw=300),
        ),
        build_cache=(BuildCacheRecord(id="x", size=500),),
    )
    rows = [(row["TotalCount"], row["Active"], row["Size"], row["Reclaimable"]) for row in summary(usage)]
    assert rows == [
        ("2", "1", "3MB", "2MB (66%)"),
        ("2", "1", "400B", "300B (75%)"),
        ("0", "0", "0B", "0B"),
        ("1", "0", "500B", "500B"),
    ]


def test_a_helper_is_asked_to_erase(tmp_path: Path) -> None:
    helper = tmp_path / "docker-credential-mine"
    helper.write_text(f'#!/bin/sh\necho "$1 $(cat)" > {tmp_path}/asked\n')
    helper.chmod(0o755)
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": "mine"}))
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "DOCKER_CONFIG": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "dockless.cli", "logout", "r.example"], env=environ, check=True)
    assert (tmp_path / "asked").read_text() == "erase r.example\n"
