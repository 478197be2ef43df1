"""testcontainers, as other people's test suites use it: PostgreSQL and Redis behind `dockless serve`."""

import gc
from collections.abc import Iterator
from pathlib import Path

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
    # testcontainers never closes its clients: they end with their objects, and a connected client holds the engine.
    gc.collect()
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


def test_redis_with_a_neighbour_that_reaches_it_by_name(reached: None) -> None:
    from testcontainers.community.redis import RedisContainer
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.network import Network
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    with Network() as network:
        store = RedisContainer("redis:7", password="secret").with_network(network).with_network_aliases("store")
        with store:
            client = store.get_client(decode_responses=True)
            client.set("key", "value")
            assert client.get("key") == "value"
            client.close()
            neighbour = (
                DockerContainer("redis:7")
                .with_network(network)
                .with_command("sh -c 'redis-cli -h store -a secret get key; echo ready; exec sleep 60'")
                .waiting_for(LogMessageWaitStrategy("ready"))
            )
            with neighbour:
                assert b"value\n" in neighbour.get_logs()[0]


def test_an_image_built_for_a_test(reached: None, tmp_path: Path) -> None:
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.image import DockerImage

    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM busybox\nRUN echo built >/made\nCMD cat /made && sleep 60\n")
    with DockerImage(path=context, tag="for-a-test:1") as image:
        with DockerContainer(str(image)) as container:
            assert container.exec("cat /made").output == b"built\n"
