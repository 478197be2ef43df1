"""The ELF reader against the host's own binaries and against the tools that know better."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dockless.standins.elf import is_elf, needs, without_run_path

BASH = Path("/bin/bash").resolve()


def test_needs_are_those_that_readelf_sees() -> None:
    if shutil.which("readelf") is None:
        pytest.skip("needs readelf to compare with")
    for path in (BASH, Path(sys.executable).resolve(), *sorted(BASH.parent.glob("*grep"))[:2]):
        if not is_elf(path):
            continue
        said = subprocess.run(["readelf", "-dV", path], capture_output=True, text=True, check=True).stdout
        found = needs(path.read_bytes())
        assert list(found.libraries) == re.findall(r"\(NEEDED\).*\[(.*)\]", said)
        versions = [(int(a), int(b)) for a, b in re.findall(r"Name: GLIBC_(\d+)\.(\d+)", said)]
        assert found.glibc == max(versions, default=(0, 0))


def test_without_its_run_path_a_program_runs_as_before(tmp_path: Path) -> None:
    if shutil.which("gcc") is None or shutil.which("readelf") is None:
        pytest.skip("needs gcc to build a program with a run path")
    (tmp_path / "main.c").write_text("int main(void) { return 42; }\n")
    command = ["gcc", "-o", tmp_path / "main", tmp_path / "main.c", "-Wl,-rpath,/nowhere/lib"]
    subprocess.run(command, check=True)
    data = (tmp_path / "main").read_bytes()
    (tmp_path / "main").write_bytes(without_run_path(data))
    said = subprocess.run(["readelf", "-d", tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    assert "NEEDED" in said
    assert "nowhere" not in said
    assert subprocess.run([tmp_path / "main"], check=False).returncode == 42
    assert needs((tmp_path / "main").read_bytes()) == needs(data)


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n", b"\x7fELF"])
def test_what_is_no_elf_file_is_an_error(data: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        needs(data)
