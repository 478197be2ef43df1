"""The three commands by which the user would do the same by hand, and those beside them."""

import json

import psycopg
from stack import Dockless, get

from waiting import until

RUN_WEB = "python manage.py migrate && python manage.py runserver 0.0.0.0:8055"


def test_the_users_three_commands_work_as_written(dockless: Dockless) -> None:
    environment = dict(
        line.split("=", 1) for line in (dockless.folder / ".env").read_text().splitlines() if "=" in line
    )
    user, password = environment["POSTGRES_USER"], environment["POSTGRES_PASSWORD"]
    dockless.ok("build", "-t", "mywebimage", ".")
    settings = ("-e", f"POSTGRES_USER={user}", "-e", f"POSTGRES_PASSWORD={password}")
    volume = ("-v", "pgdata:/var/lib/postgresql/data")
    dockless.ok("run", "-d", "--name", "mypostgres", *settings, *volume, "postgres:15.1-bullseye")
    text = (dockless.folder / ".env").read_text().replace("POSTGRES_HOST=postgres", "POSTGRES_HOST=mypostgres")
    (dockless.folder / ".env").write_text(text)
    # The server that initialises the database is "ready" too, but listens on no address.
    until(lambda: "listening on IPv4 address" in dockless.run("logs", "mypostgres").stderr)
    mount = ("-v", f"{dockless.folder}:/web/fetch_c1")
    link = ("--env-file", ".env", "--link", "mypostgres")
    command = ("mywebimage", "bash", "-c", RUN_WEB)
    dockless.ok("run", "-d", "--name", "myweb", "-p", "8055:8055", *link, *mount, *command)
    until(_serves)
    assert {row["Names"] for row in dockless.rows("ps")} == {"mypostgres", "myweb"}
    assert "mywebimage" in dockless.ok("images")
    assert "stand-in" in dockless.ok("images")
    assert dockless.ok("exec", "mypostgres", "id", "-un").strip() == "root"
    assert json.loads(dockless.ok("volume", "inspect", "pgdata"))[0]["Name"] == "pgdata"
    assert dockless.ok("volume", "ls", "-q").split() == ["pgdata"]
    dockless.ok("stop", "myweb", "mypostgres")
    dockless.ok("rm", "myweb", "mypostgres")
    assert dockless.rows("ps", "-a") == []
    dockless.ok("volume", "rm", "pgdata")


def test_a_published_postgres_serves_a_client_on_the_host(dockless: Dockless) -> None:
    dockless.ok(
        "run",
        "-d",
        "--name",
        "db",
        "-p",
        "127.0.0.1:15432:5432",
        "-e",
        "POSTGRES_PASSWORD=pw",
        "postgres:15.1-bullseye",
    )
    address = "host=127.0.0.1 port=15432 user=postgres password=pw"

    def connects() -> bool:
        try:
            psycopg.connect(address, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    until(connects)
    with psycopg.connect(address) as connection:
        assert connection.execute("SHOW server_version_num").fetchone()[0].startswith("15")
        connection.execute("CREATE TABLE t AS SELECT generate_series(1, 100000) AS n")
        assert connection.execute("SELECT sum(n) FROM t").fetchone() == (5000050000,)
    dockless.ok("rm", "-f", "-v", "db")
    assert dockless.ok("volume", "ls", "-q") == ""


def test_run_gives_the_status_output_and_input_of_its_command(dockless: Dockless) -> None:
    done = dockless.run("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    done = dockless.run("run", "--rm", "busybox", "/nothing/here")
    assert done.returncode == 127
    assert "/nothing/here" in done.stderr
    assert dockless.rows("ps", "-a") == []


def _serves() -> bool:
    try:
        return get("/")[0] == 200
    except OSError:
        return False
