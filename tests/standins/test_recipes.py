"""Which image names a recipe stands in for, and that every recipe is whole."""

import os
import subprocess
from pathlib import Path

import pytest

from dockless.images.config import ContainerConfig
from dockless.standins import configuration, recipe
from dockless.standins.recipe import Wanted


@pytest.mark.parametrize(
    ("name", "version", "release", "slim"),
    [
        ("debian", "", "trixie", ""),
        ("debian:stable-slim", "", "trixie", "-slim"),
        ("debian:12", "", "bookworm", ""),
        ("debian:12.5-slim", "", "bookworm", "-slim"),
        ("debian:bookworm-20240812-slim", "", "bookworm", "-slim"),
        ("debian:buster", "", "buster", ""),
        ("docker.io/library/debian:bullseye", "", "bullseye", ""),
        ("python:3.10-bullseye", "3.10", "bullseye", ""),
        ("python:3.10.4-slim-bullseye", "3.10.4", "bullseye", "-slim"),
        ("python:3.12-slim", "3.12", "", "-slim"),
        ("python:3", "3", "", ""),
        ("python:slim-bookworm", "", "bookworm", "-slim"),
        ("python:bookworm", "", "bookworm", ""),
        ("python", "", "", ""),
        ("postgres:15.1-bullseye", "15.1", "bullseye", ""),
        ("postgres:17", "17", "", ""),
        ("postgres", "", "", ""),
        ("busybox:1.36", "1.36", "", ""),
        ("busybox:musl", "", "", ""),
    ],
)
def test_a_tag_says_what_is_wanted(name: str, version: str, release: str, slim: str) -> None:
    wanted = recipe.find(name)
    assert wanted is not None
    assert (wanted.version, wanted.release, wanted.slim) == (version, release, slim)


@pytest.mark.parametrize(
    "name",
    [
        "python:2.7",
        "python:3.14-rc",
        "alpine-base:bookworm",
        "postgres:stable",
        "debian:bookworm-backports",
        "someone/python:3.10",
        "ghcr.io/library/python:3.10",
        "unheard-of",
        f"python@sha256:{'0' * 64}",
    ],
)
def test_other_names_have_no_stand_in(name: str) -> None:
    assert recipe.find(name) is None


def test_every_recipe_is_whole() -> None:
    assert set(recipe.recipes()) >= {"debian", "python", "postgres", "busybox"}
    for image, one in recipe.recipes().items():
        assert image == one.folder.name
        for source in one.sources:
            assert source.host or source.releases, image
            assert set(source.releases) <= set(one.known or recipe.releases())
            for part in source.parts:
                assert not part.files or (one.folder / part.files).is_dir()
        file = configuration.read(one.folder)
        for release in one.sources[-1].releases if one.sources else ():
            base = configuration.base(file, {"release": release, "slim": "-slim"})
            assert base is None or recipe.find_base(base) is not None


def test_a_recipes_dockerfile_becomes_the_images_configuration() -> None:
    folder = recipe.recipes()["postgres"].folder
    base = ContainerConfig(env=("PATH=/bin", "KEPT=yes"), cmd=("bash",))
    config = configuration.configure(configuration.read(folder), {"major": "15", "package_version": "15.20-0"}, base)
    assert "KEPT=yes" in config.env
    assert "PG_VERSION=15.20-0" in config.env
    assert (config.entrypoint, config.cmd, config.stop_signal) == (("docker-entrypoint.sh",), ("postgres",), "SIGINT")


def test_recipes_are_frozen_values() -> None:
    assert isinstance(recipe.find("python:3.10"), Wanted)
    with pytest.raises(AttributeError):
        recipe.recipes()["python"].image = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", ["addgroup", "adduser"])
def test_the_scripts_of_debians_packages_find_debians_commands_under_alpines(name: str, tmp_path: Path) -> None:
    """They use options that BusyBox's have not: `addgroup --quiet --system --force-badname ssl-cert`."""
    (tmp_path / name).write_text('#!/bin/sh\necho "Debian\'s: $*"\n')
    (tmp_path / name).chmod(0o755)
    file = recipe.FOLDER / "alpine-base/files/usr/local/sbin" / name
    wrapper = file.read_text().replace("/usr/sbin/", f"{tmp_path}/")

    def run(*arguments: str, **environ: str) -> str:
        command = ["sh", "-c", wrapper, name, *arguments]
        return subprocess.run(command, env={"PATH": os.defpath, **environ}, capture_output=True, text=True).stdout

    assert run("--quiet", "--system", "x", DPKG_MAINTSCRIPT_NAME="postinst") == "Debian's: --quiet --system x\n"
    assert run("--quiet", "--system", "x") == ""
