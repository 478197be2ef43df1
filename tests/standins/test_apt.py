"""The private apt: what it takes over from the host's, and what it must not."""

import os
import stat
from pathlib import Path

import pytest

from dockless.standins.apt import Apt, architecture, configuration, host_targets, taken_over
from dockless.standins.errors import StandInError
from dockless.standins.sources import Mirror, Suite

DUMP = """\
APT::Architecture "arm64";
Acquire "";
Acquire::AllowInsecureRepositories "1";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::https::CaInfo "/etc/ssl/bundle.pem";
Acquire::IndexTargets::deb::Packages::MetaKey "x";
Acquire::Languages:: "de";
Acquire::GzipIndexes "true";
Acquire::Check-Valid-Until "false";
DPkg::Post-Invoke:: "rm -rf everything";
"""
SUITES = tuple(Suite(Mirror("http://a.example/debian", ("/k.gpg",)), name) for name in ("bookworm", "bookworm-updates"))


def test_only_the_way_to_the_network_is_taken_over() -> None:
    assert taken_over(DUMP) == (
        ("Acquire::http::Proxy", "http://proxy.example:3128"),
        ("Acquire::https::CaInfo", "/etc/ssl/bundle.pem"),
        ("Acquire::Check-Valid-Until", "false"),
    )
    assert architecture(DUMP) == "arm64"


def test_the_hosts_snippets_are_switched_off_and_everything_is_private(tmp_path: Path) -> None:
    text = configuration(tmp_path, "amd64", taken_over(DUMP), SUITES)
    assert 'Dir::Etc::parts "/dev/null";' in text
    assert f'Dir::Etc::trustedparts "{tmp_path}/trusted/";' in text
    assert 'APT::Sandbox::User "root";' in text
    assert 'Acquire::http::Proxy "http://proxy.example:3128";' in text
    assert "Insecure" not in text
    unsigned = (Suite(Mirror("http://a.example/debian", ()), "bookworm"),)
    assert 'Dir::Etc::trustedparts "/etc/apt/trusted.gpg.d/";' in configuration(tmp_path, "amd64", (), unsigned)


def test_a_suite_that_the_mirror_has_not_is_left_out(tmp_path: Path) -> None:
    apt = fake_apt(
        tmp_path, "The repository 'http://a.example/debian bookworm-updates Release' does not have a Release file."
    )
    assert [suite.name for suite in apt.update()] == ["bookworm"]


def test_a_release_that_the_mirror_has_not_is_an_error(tmp_path: Path) -> None:
    apt = fake_apt(tmp_path, "The repository 'http://a.example/debian bookworm Release' does not have a Release file.")
    with pytest.raises(StandInError, match=r"apt says: The repository .* does not have a Release file"):
        apt.update()


def test_without_apt_the_refusal_says_what_can_be_done(tmp_path: Path) -> None:
    with pytest.raises(StandInError, match=r"this machine has no apt .* DOCKLESS_REGISTRY_MIRROR"):
        host_targets({"PATH": str(tmp_path)})


def fake_apt(folder: Path, complaint: str) -> Apt:
    """An apt-get that fails with `complaint` as long as its sources name the suite it complains of."""
    suite = complaint.split()[3]
    program = folder / "bin/apt-get"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        f"grep -qw 'Suites:.* {suite}\\|Suites: {suite}' {folder}/apt/sources/dockless.sources || exit 0\n"
        f'echo "E: {complaint}" >&2\nexit 100\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return Apt(folder / "apt", SUITES, "amd64", (), {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"})
