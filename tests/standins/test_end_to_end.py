"""debian and python stand-ins, made once and used as people use the official images."""

import json
import os
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from standins_runner import UnshareRunner
from standins_workshop import Workshop

from dockless.standins.archives import Archives
from dockless.standins.layering import Layering
from dockless.standins.recipe import Part

pytestmark = pytest.mark.e2e

HOST_BUNDLE = os.environ.get("SSL_CERT_FILE")

DEBIAN = "debian:bookworm"
PYTHON = "python:3.10-bullseye"
SLIM = "python:3.10-slim"


def test_debian_is_whole_and_its_apt_works(workshop: Workshop) -> None:
    image = workshop.image(DEBIAN)
    assert image.names == (DEBIAN,)
    assert image.config.config.cmd == ("bash",)
    assert image.config.config.labels["dev.dockless.stand-in"] == "true"
    script = """
        set -e
        . /etc/os-release; test "$ID-$VERSION_CODENAME" = debian-bookworm
        test -z "$(dpkg --audit)"
        test -z "$(find / -xdev -name '*.dpkg-new' -o -xdev -name '*.dpkg-dist')"
        grep -q '^root:.*:0:99999:7:::$' /etc/shadow
        test -e /usr/share/doc/bash/copyright; test -e /usr/share/man/man1/bash.1.gz
        apt-get update
        apt-get install -y --no-install-recommends ca-certificates less
        less --version
        test -s /etc/ssl/certs/ca-certificates.crt
        test -z "$(find /var/cache/apt -name '*.deb')"
    """
    workshop.run(DEBIAN, "bash", "-c", script)


def test_what_apt_brought_for_others_goes_with_them(workshop: Workshop) -> None:
    said = workshop.run(PYTHON, "bash", "-c", "apt-mark showauto; echo; apt-mark showmanual")
    automatic, manual = (set(part.split()) for part in said.split("\n\n"))
    assert "libstdc++-12-dev" in automatic
    assert {"gcc", "git"} <= manual


def test_slim_has_no_documentation_but_copyrights(workshop: Workshop) -> None:
    script = "ls /usr/share/doc/bash; ! test -e /usr/share/man/man1; ! type gcc git"
    assert workshop.run("debian:12-slim", "bash", "-c", script).startswith("copyright\n")


def test_python_has_its_modules_and_says_what_differs(workshop: Workshop) -> None:
    image = workshop.image(PYTHON)
    assert image.config.config.cmd == ("python3",)
    assert image.config.config.entrypoint is None
    differs = image.config.config.labels["dev.dockless.stand-in.differs"]
    assert workshop.stand_ins.differences(PYTHON) == differs.split("; ")
    assert any(line.startswith(f"{PYTHON} is a stand-in: ") for line in workshop.said)
    code = """
import bz2, ctypes, ctypes.util, curses, dbm, hashlib, json, lzma, readline, sqlite3
import ssl, sys, sysconfig, uuid, venv, zlib
hashlib.new("sha3_512"); uuid.uuid1()
assert sqlite3.connect(":memory:").execute("select sqlite_version()").fetchone()
ssl.create_default_context()
assert ctypes.CDLL(None).getpid() == 1
assert not any("pyenv" in str(value) for value in sysconfig.get_config_vars().values())
print(json.dumps([sys.version_info[:2], sys.prefix, sys.executable, sysconfig.get_path("include")]))
"""
    said = json.loads(workshop.run(PYTHON, "python", "-c", code))
    assert said == [[3, 10], "/usr/local", "/usr/local/bin/python", "/usr/local/include/python3.10"]
    names = ("python3", "python3.10", "pip", "pip3", "pip3.10", "idle", "pydoc", "python-config")
    script = " && ".join(f"type {name}" for name in names) + " && python -V && pip list"
    said_of_names = workshop.run(PYTHON, "bash", "-c", script)
    assert "Python 3.10." in said_of_names
    assert {"pip", "setuptools", "wheel"} <= {line.split()[0] for line in said_of_names.splitlines() if line}


def test_pip_installs_wheels_and_compiles_a_source_distribution(workshop: Workshop) -> None:
    script = """
        set -e
        pip install --upgrade pip
        pip install --upgrade wheel
        pip install psycopg[binary]
        pip install --no-binary markupsafe markupsafe
        python -c 'import psycopg, markupsafe._speedups'
        python -m venv /venv
        /venv/bin/pip --version
        gcc --version; git --version; curl --version; pg_config --version
    """
    workshop.run(PYTHON, "bash", "-c", script, **outside())


def test_slim_python_shares_the_base_and_has_no_compiler(workshop: Workshop) -> None:
    full, slim = workshop.image(PYTHON), workshop.image(SLIM)
    assert full.layers[0] == slim.layers[0] == workshop.image(DEBIAN).layers[0]
    script = "! type gcc && pip install iniconfig && python -c 'import iniconfig, ssl, sqlite3'"
    workshop.run(SLIM, "bash", "-c", script, **outside())


def test_two_at_once_make_one_base(workshop: Workshop) -> None:
    made: dict[str, tuple[str, ...]] = {}

    def make(ref: str) -> None:
        made[ref] = workshop.image(ref).layers

    threads = [threading.Thread(target=make, args=(ref,)) for ref in ("debian:trixie", "debian:trixie-slim")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made["debian:trixie"][0] == made["debian:trixie-slim"][0]


def test_busybox_has_its_commands(workshop: Workshop) -> None:
    said = workshop.run("busybox", "sh", "-c", "wget --help 2>&1 | head -1; id -un; ls /bin/vi", network="none")
    assert "BusyBox" in said
    assert "root\n/bin/vi\n" in said


def test_made_again_it_is_the_same_image(workshop: Workshop) -> None:
    first, second = workshop.image(PYTHON), workshop.image(PYTHON)
    assert first.id == second.id


def outside() -> dict[str, Any]:
    """What a build step has of the host's way to the outside: its bundle of certificates, where it names one."""
    if HOST_BUNDLE is None:
        return {}
    return {
        "binds": [(Path(HOST_BUNDLE), "/run/ca.crt")],
        "env": {"SSL_CERT_FILE": "/run/ca.crt", "PIP_CERT": "/run/ca.crt"},
    }


def test_a_package_newer_than_the_layers_below_replaces_theirs(workshop: Workshop) -> None:
    """As when a security update comes between the making of a base and of an image on it."""
    layers, chain = workshop.images.layers, workshop.images.chain(workshop.image(DEBIAN))
    older = layers.scratch.folder("older")
    (older / "var/lib/dpkg").mkdir(parents=True)
    status = (chain[-1] / "var/lib/dpkg/status").read_text()
    stanza = next(one for one in status.split("\n\n") if one.startswith("Package: tzdata\n"))
    outdated = re.sub(r"\nVersion: .*", "\nVersion: 2000a-1", stanza)
    (older / "var/lib/dpkg/status").write_text(status.replace(stanza, outdated))
    lower = [layers.path(layers.adopt(older).diff_id), *chain]
    archives = Archives(layers.scratch, os.environ)
    with archives.kept(), layers.use():
        layering = Layering(layers, UnshareRunner(), archives.host, workshop.said.append)
        layer = layering.make_part(
            Part("newer"),
            name="newer",
            files=None,
            variables={},
            lower=lower,
            archive=archives.of("bookworm"),
            packages=["tzdata", "netbase"],
            software=None,
        )
    made = (layers.path(layer.diff_id) / "var/lib/dpkg/status").read_text()
    assert "Version: 2000a-1" not in made
    assert "Package: netbase\nStatus: install ok installed\n" in made
    assert not (layers.path(layer.diff_id) / "run/archives").exists()
