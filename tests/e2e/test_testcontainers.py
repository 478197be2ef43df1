"""testcontainers, as other people's test suites use it: a PostgreSQL container behind `dockless serve`."""

from collections.abc import Iterator

import psycopg
import pytest
from stack import Dockless


@pytest.fixture
def reached(dockless: Dockless, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment that a user gives to a test suite. What holds the engine is the container itself."""
    serving = dockless.start("serve")
    assert serving.stdout is not None
    for line in (serving.stdout.readline(), serving.stdout.readline()):
        assert line.startswith("export "), line
        name, _, value = line.strip().removeprefix("export ").partition("=")
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
    # Where the tests run in a container; `serve` prints it there.
    monkeypatch.setenv("TESTCONTAINERS_CONNECTION_MODE", "docker_host")
    yield
    serving.terminate()
    serving.wait()
    serving.stdout.close()


def test_postgresql(reached: None) -> None:
    # Reads the environment as it is imported.
    from testcontainers.community.postgres import PostgresContainer

    with PostgresContainer("postgres:15.1-bullseye", username="me", password="secret", dbname="data") as postgres:
        address = postgres.get_connection_url(driver=None)
        with psycopg.connect(address) as connection:
            assert connection.execute("SELECT current_user, current_database()").fetchone() == ("me", "data")
        assert postgres.exec(["cat", "/etc/hostname"]).exit_code == 0
        assert b"ready to accept connections" in b"".join(postgres.get_logs())
