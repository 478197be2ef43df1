"""The postgres stand-in keeps the official image's contract: variables, folders, arguments, ids, signals."""

import gzip
import lzma
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import zstandard
from standins_runner import send
from standins_workshop import Workshop

pytestmark = pytest.mark.e2e

REF = "postgres:15.1-bullseye"
SECRET = 'it\'s a "secret" $HOME'


def test_configuration_is_the_official_one(workshop: Workshop) -> None:
    config = workshop.image(REF).config.config
    env = dict(pair.split("=", 1) for pair in config.env)
    assert config.entrypoint == ("docker-entrypoint.sh",)
    assert config.cmd == ("postgres",)
    assert config.stop_signal == "SIGINT"
    assert dict(config.exposed_ports) == {"5432/tcp": {}}
    assert dict(config.volumes) == {"/var/lib/postgresql/data": {}}
    assert (env["PGDATA"], env["PG_MAJOR"], env["LANG"]) == ("/var/lib/postgresql/data", "15", "en_US.utf8")
    assert env["PATH"].endswith(":/usr/lib/postgresql/15/bin")
    assert env["PG_VERSION"].startswith("15.")
    differs = workshop.stand_ins.differences(REF)
    assert differs[0].startswith("PostgreSQL 15.")
    assert differs[0].endswith("instead of 15.1")
    assert "Debian bookworm instead of bullseye" in differs


def test_a_new_volume_gets_the_database_and_keeps_it(workshop: Workshop, volume: Path) -> None:
    env = {"POSTGRES_USER": "app", "POSTGRES_PASSWORD": SECRET, "POSTGRES_DB": "shop"}
    with served(workshop, volume, env) as server:
        with server.connect(user="app", password=SECRET, dbname="shop") as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'ä' AS value")
            assert shown(connection, "data_directory") == "/var/lib/postgresql/data"
            assert shown(connection, "password_encryption") == "scram-sha-256"
            assert shown(connection, "lc_collate") == "en_US.utf8"
            assert shown(connection, "fsync") == "on"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            server.connect(host=address_of_host(), user="app", password="wrong", dbname="shop")
        server.connect(host=address_of_host(), user="app", password=SECRET, dbname="shop").close()
        assert server.stop() == 0
    assert (volume.stat().st_uid, volume.stat().st_mode & 0o777) == (999, 0o700)
    assert "PostgreSQL init process complete; ready for start up." in server.log
    with served(workshop, volume, {}) as server:
        with server.connect(user="app", password=SECRET, dbname="shop") as connection:
            assert connection.execute("SELECT value FROM kept").fetchall() == [("ä",)]
        assert server.stop() == 0
    assert "Skipping initialization" in server.log


def test_variables_may_be_files(workshop: Workshop, volume: Path, tmp_path: Path) -> None:
    for name, text in {"password": "from a file\n", "user": "filed\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    env = {"POSTGRES_PASSWORD_FILE": "/run/secrets/password", "POSTGRES_USER_FILE": "/run/secrets/user"}
    binds = [(tmp_path / name, f"/run/secrets/{name}") for name in ("password", "user")]
    with served(workshop, volume, env, binds=binds) as server:
        server.connect(user="filed", password="from a file", dbname="filed").close()
    both = {**env, "POSTGRES_PASSWORD": "x"}
    said = workshop.run(REF, env=both, volume=volume, binds=binds, network="none", status=1)
    assert "both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are set" in said


def test_without_a_password_it_refuses_unless_trust_is_asked_for(workshop: Workshop, volume: Path) -> None:
    said = workshop.run(REF, volume=volume, network="none", status=1)
    assert "superuser password is not specified" in said
    assert not list(volume.iterdir())
    with served(workshop, volume, {"POSTGRES_HOST_AUTH_METHOD": "trust"}) as server:
        server.connect(user="postgres", dbname="postgres").close()
    assert 'WARNING: POSTGRES_HOST_AUTH_METHOD is "trust"' in server.log


def test_scripts_run_once_in_the_order_of_their_names(workshop: Workshop, volume: Path, tmp_path: Path) -> None:
    folder = tmp_path / "initdb.d"
    folder.mkdir()
    insert = "INSERT INTO steps (name) VALUES ('{}');\n"
    (folder / "10-first.sql").write_text("CREATE TABLE steps (id serial, name text);\n" + insert.format("sql"))
    (folder / "20-gz.sql.gz").write_bytes(gzip.compress(insert.format("gz").encode()))
    (folder / "30-xz.sql.xz").write_bytes(lzma.compress(insert.format("xz").encode()))
    (folder / "40-zst.sql.zst").write_bytes(zstandard.compress(insert.format("zst").encode()))
    shell = 'psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<<"{}"\n'
    (folder / "50-sourced.sh").write_text("sourced=yes\n" + shell.format(insert.format("sourced")))
    (folder / "60-run.sh").write_text("#!/bin/bash\nset -eu\n" + shell.format(insert.format("run${sourced-}")))
    (folder / "60-run.sh").chmod(0o755)
    (folder / "70-hba.sh").write_text('echo "# from a script" >>"$PGDATA/pg_hba.conf"\n')
    (folder / "README").write_text("not for the server")
    binds = [(folder, "/docker-entrypoint-initdb.d")]
    with served(workshop, volume, {"POSTGRES_PASSWORD": "x"}, binds=binds) as server:
        with server.connect(user="postgres", password="x", dbname="postgres") as connection:
            rows = connection.execute("SELECT name FROM steps ORDER BY id").fetchall()
            assert [name for (name,) in rows] == ["sql", "gz", "xz", "zst", "sourced", "run"]
    assert "ignoring /docker-entrypoint-initdb.d/README" in server.log
    assert "# from a script" in (volume / "pg_hba.conf").read_text()


def test_a_failing_script_ends_the_container_and_the_next_start_begins_again(
    workshop: Workshop, volume: Path, tmp_path: Path
) -> None:
    script = tmp_path / "fail.sql"
    script.write_text("CREATE TABLE half (a int); SELECT nonsense;")
    binds = [(script, "/docker-entrypoint-initdb.d/fail.sql")]
    env = {"POSTGRES_PASSWORD": "x"}
    said = workshop.run(REF, volume=volume, env=env, binds=binds, network="none", status=3)
    assert 'column "nonsense" does not exist' in said
    with served(workshop, volume, env) as server:
        with server.connect(user="postgres", password="x", dbname="postgres") as connection:
            assert connection.execute("SELECT to_regclass('half')").fetchone() == (None,)
    assert "starting over" in server.log


@pytest.mark.parametrize("delay", [0.05, 0.2, 0.4, 0.6])
def test_killed_while_it_initialises_it_starts_over(workshop: Workshop, volume: Path, delay: float) -> None:
    env = {"POSTGRES_PASSWORD": "x", "POSTGRES_DB": "shop"}
    with workshop.container(REF, volume=volume, env=env, network="none"):
        time.sleep(delay)
    with served(workshop, volume, env) as server:
        server.connect(user="postgres", password="x", dbname="shop").close()
        assert server.stop() == 0


def test_arguments_reach_the_server(workshop: Workshop, volume: Path) -> None:
    with served(workshop, volume, {"POSTGRES_PASSWORD": "x"}, "-c", "max_connections=33") as server:
        with server.connect(user="postgres", password="x", dbname="postgres") as connection:
            assert shown(connection, "max_connections") == "33"


def test_initdb_gets_its_arguments_and_its_wal_folder(workshop: Workshop, volume: Path, tmp_path: Path) -> None:
    wal = tmp_path / "wal"
    wal.mkdir()
    env = {
        "POSTGRES_PASSWORD": "x",
        "POSTGRES_INITDB_ARGS": "--data-checksums --encoding='UTF8' --locale=C",
        "POSTGRES_INITDB_WALDIR": "/wal",
    }
    with served(workshop, volume, env, binds=[(wal, "/wal")]) as server:
        with server.connect(user="postgres", password="x", dbname="postgres") as connection:
            assert shown(connection, "data_checksums") == "on"
            assert shown(connection, "lc_collate") == "C"
    assert wal.stat().st_uid == 999
    assert list(wal.iterdir())


def test_any_user_id_will_do(workshop: Workshop, volume: Path) -> None:
    os.chown(volume, 12345, 0)
    with served(workshop, volume, {"POSTGRES_PASSWORD": "x"}, ids=(12345, 0)) as server:
        server.connect(user="postgres", password="x", dbname="postgres").close()
        assert server.stop() == 0


def test_other_commands_are_just_run(workshop: Workshop, volume: Path) -> None:
    assert "postgres (PostgreSQL) 15." in workshop.run(REF, "postgres", "--version", volume=volume, network="none")
    assert workshop.run(REF, "id", "-u", volume=volume, network="none") == "0\n"
    said = workshop.run(REF, "id", "postgres", volume=volume, network="none")
    assert said.startswith("uid=999(postgres) gid=999(postgres)")
    assert not list(volume.iterdir())


class Server:
    """A container of the image with its port on the host's loopback."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self._process = process
        self._port = port
        self.log = ""

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """The port is open a moment before the server lets anybody in."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return psycopg.connect(**{"host": "127.0.0.1", **options}, port=self._port, autocommit=True)
            except psycopg.OperationalError as error:
                if "starting up" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def wait(self) -> None:
        """Until the port is open, which is when the server is ready, not its predecessor that only initialises."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.02)
        self.stop()
        raise AssertionError(self.log)

    def stop(self) -> int:
        if self._process.poll() is None:
            send(self._process, signal.SIGINT)
        out, _ = self._process.communicate(timeout=60)
        self.log += out.decode(errors="replace")
        return self._process.returncode


@contextmanager
def served(workshop: Workshop, volume: Path, env: Mapping[str, str], *argv: str, **options: Any) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**env, "PGPORT": str(port)}
    with workshop.container(REF, *argv, volume=volume, env=environment, **options) as process:
        server = Server(process, port)
        server.wait()
        yield server
        if process.stdout is not None and not process.stdout.closed:
            server.stop()


def address_of_host() -> str:
    """An address that is not the loopback's, which the server trusts, as the official image's does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        return str(probe.getsockname()[0])


def shown(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute(f"SHOW {name}").fetchone()
    assert row is not None
    return str(row[0])
