"""A service as the request that the API gets."""

from pathlib import Path

import pytest
from projects import IMAGE, carried_out, plan_of, project_of

from dockless.compose.run import names
from dockless.compose.run.convert import Converter
from dockless.compose.run.mounts import MountError
from dockless.compose.run.plan import CreateContainer, CreateNetwork, CreateVolume, InjectFiles
from dockless.wire.containers import ContainerCreateRequest

STACK = """
    services:
      web:
        build: .
        working_dir: /web
        command: bash -c "migrate && serve"
        ports: ["8055:8055"]
        volumes: [".:/web/fetch_c1"]
        depends_on: [postgres]
        links: [postgres]
        extra_hosts: ["host.docker.internal:host-gateway"]
      postgres:
        image: postgres:15.1-bullseye
        restart: unless-stopped
        volumes: ["pgdata:/var/lib/postgresql/data"]
    volumes:
      pgdata:
        driver: local
"""


def request(folder: Path, text: str, service: str = "a", version: tuple[int, int] = (1, 47)) -> ContainerCreateRequest:
    project = project_of(folder, text)
    plan = plan_of(project, converter=Converter(project, version))
    return next(s.action.body for s in plan if isinstance(s.action, CreateContainer) and s.action.service == service)


def test_the_users_stack_has_docker_composes_names_and_labels(tmp_path: Path) -> None:
    body = request(tmp_path, STACK, "web")
    assert body.image == "p-web"
    assert body.cmd == ("bash", "-c", "migrate && serve")
    assert body.working_dir == "/web"
    assert body.host_config.binds == (f"{tmp_path}:/web/fetch_c1:rw",)
    assert body.host_config.extra_hosts == ("host.docker.internal:host-gateway",)
    assert body.host_config.network_mode == "p_default"
    assert list(body.exposed_ports or ()) == ["8055/tcp"]
    assert [binding.host_port for binding in (body.host_config.port_bindings or {})["8055/tcp"] or ()] == ["8055"]
    links = ("p-postgres-1:postgres", "p-postgres-1:postgres-1", "p-postgres-1:p-postgres-1")
    assert body.host_config.links == links
    end = (body.networking_config.endpoints_config or {})["p_default"]
    assert end is not None
    assert (end.aliases, end.links) == (("p-web-1", "web"), links)
    labels = dict(body.labels or {})
    assert len(labels.pop(names.CONFIG_HASH)) == 64
    assert labels == {
        names.DEPENDS_ON: "postgres:service_started:false",
        names.IMAGE: IMAGE,
        names.ONE_OFF: "False",
        names.PROJECT: "p",
        names.CONFIG_FILES: str(tmp_path / "compose.yaml"),
        names.WORKING_DIR: str(tmp_path),
        names.SERVICE: "web",
        names.NUMBER: "1",
        names.VERSION: "2.40.3",
    }
    database = request(tmp_path, STACK, "postgres")
    assert database.host_config.binds == ("p_pgdata:/var/lib/postgresql/data:rw",)
    assert database.host_config.restart_policy.name == "unless-stopped"


def test_networks_and_volumes_carry_their_labels(tmp_path: Path) -> None:
    plan = plan_of(project_of(tmp_path, STACK))
    network = next(step.action.body for step in plan if isinstance(step.action, CreateNetwork))
    volume = next(step.action.body for step in plan if isinstance(step.action, CreateVolume))
    assert (network.name, (network.labels or {})[names.NETWORK]) == ("p_default", "default")
    assert (volume.name, volume.driver, (volume.labels or {})[names.VOLUME]) == ("p_pgdata", "local", "pgdata")
    assert {(network.labels or {})[names.PROJECT], (volume.labels or {})[names.PROJECT]} == {"p"}


def test_limits_and_privileges(tmp_path: Path) -> None:
    host = request(
        tmp_path,
        """
        services:
          a:
            image: busybox
            deploy: {resources: {limits: {memory: 64m, cpus: "0.5", pids: 7}, reservations: {memory: 32m}}}
            ulimits: {nofile: {soft: 10, hard: 20}, nproc: 5}
            shm_size: 1m
            sysctls: {net.core.somaxconn: 1024}
            cap_add: [NET_ADMIN]
            security_opt: [no-new-privileges]
            init: true
            tmpfs: ["/run:size=1m", /tmp]
        """,
    ).host_config
    assert (host.memory, host.memory_reservation, host.nano_cpus) == (64 << 20, 32 << 20, 500_000_000)
    assert host.pids_limit == 7
    assert [(limit.name, limit.soft, limit.hard) for limit in host.ulimits or ()] == [
        ("nofile", 10, 20),
        ("nproc", 5, 5),
    ]
    assert (host.shm_size, host.init, host.cap_add) == (1 << 20, True, ("NET_ADMIN",))
    assert host.sysctls == {"net.core.somaxconn": "1024"}
    assert host.tmpfs == {"/run": "size=1m", "/tmp": ""}


def test_processor_keys_that_only_some_engines_honour_are_sent(tmp_path: Path) -> None:
    keys = "cpu_rt_period: 900000, cpu_rt_runtime: 95000, cpu_count: 2, cpu_percent: 50"
    host = request(tmp_path, f"services: {{a: {{image: busybox, {keys}}}}}").host_config
    assert (host.cpu_realtime_period, host.cpu_realtime_runtime) == (900_000, 95_000)
    assert (host.cpu_count, host.cpu_percent) == (2, 50)


def test_a_health_check_is_in_nanoseconds_and_disable_turns_it_off(tmp_path: Path) -> None:
    text = """
    services:
      a: {image: busybox, healthcheck: {test: [CMD, "true"], interval: 1m30s, retries: 3}, stop_grace_period: 2s}
      b: {image: busybox, healthcheck: {disable: true}}
    """
    first = request(tmp_path, text)
    assert first.healthcheck is not None
    assert (first.healthcheck.test, first.healthcheck.interval, first.healthcheck.retries) == (
        ("CMD", "true"),
        90_000_000_000,
        3,
    )
    assert first.stop_timeout == 2
    second = request(tmp_path, text, "b").healthcheck
    assert second is not None and second.test == ("NONE",)


def test_an_unset_variable_has_no_value_and_an_empty_one_has(tmp_path: Path) -> None:
    text = "services: {a: {image: busybox, environment: {UNSET: null, EMPTY: '', SET: x}}}"
    assert set(request(tmp_path, text).env or ()) >= {"EMPTY=", "SET=x"}
    assert "UNSET=" not in (request(tmp_path, text).env or ())


def test_before_api_1_44_further_networks_are_connected_afterwards(tmp_path: Path) -> None:
    text = """
    services: {a: {image: busybox, networks: {n1: {priority: 1}, n2: {priority: 9, aliases: [x]}}}}
    networks: {n1: {}, n2: {}}
    """
    assert list(request(tmp_path, text).networking_config.endpoints_config or ()) == ["p_n2", "p_n1"]
    project = project_of(tmp_path, text)
    plan = plan_of(project, converter=Converter(project, (1, 41)))
    create = next(step.action for step in plan if isinstance(step.action, CreateContainer))
    assert list(create.body.networking_config.endpoints_config or ()) == ["p_n2"]
    assert [name for name, _ in create.further_networks] == ["p_n1"]


def test_configs_and_secrets_are_mounted_or_put_in(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("secret")
    project = project_of(
        tmp_path,
        """
        services:
          a:
            image: busybox
            configs: [inline, {source: inline, target: /etc/other, mode: 0400}]
            secrets: [file, env]
        configs: {inline: {content: hello}}
        secrets: {file: {file: ./s.txt}, env: {environment: TOKEN}}
        """,
        {"TOKEN": "t0k"},
    )
    plan = plan_of(project)
    create = next(step.action for step in plan if isinstance(step.action, CreateContainer))
    inject = next(step.action for step in plan if isinstance(step.action, InjectFiles))
    files = {file.target: (file.content, file.mode) for file in inject.files}
    assert files == {
        "/inline": (b"hello", 0o444),
        "/etc/other": (b"hello", 0o400),
        "/run/secrets/env": (b"t0k", 0o444),
    }
    mounts = [(m.type, m.source, m.target, m.read_only) for m in create.body.host_config.mounts or ()]
    assert mounts == [("bind", str(tmp_path / "s.txt"), "/run/secrets/file", True)]


def test_an_external_secret_is_refused_by_name(tmp_path: Path) -> None:
    project = project_of(
        tmp_path, "{services: {a: {image: b, secrets: [s]}}, secrets: {s: {external: true, name: its-name}}}"
    )
    with pytest.raises(MountError, match="its-name"):
        plan_of(project)


def test_a_shared_namespace_names_the_container_and_its_hash_follows_the_id(tmp_path: Path) -> None:
    from dockless.compose.run.sharing import with_ids

    project = project_of(tmp_path, "services: {a: {image: b, network_mode: 'service:z'}, z: {image: b}}")
    plan = plan_of(project)
    create = next(s.action for s in plan if isinstance(s.action, CreateContainer) and s.action.service == "a")
    assert create.body.host_config.network_mode == "container:p-z-1"
    assert create.shared is not None
    one, two = (with_ids(create.body, create.shared, {"z": letter * 64}) for letter in "xy")
    assert one.host_config.network_mode == f"container:{'x' * 64}"
    assert (one.labels or {})[names.CONFIG_HASH] != (two.labels or {})[names.CONFIG_HASH]
    observed = carried_out(project, plan)
    assert observed.of_service("z")


def test_what_an_engine_cannot_honour_is_said(tmp_path: Path) -> None:
    project = project_of(
        tmp_path, "services: {a: {image: b, deploy: {placement: {constraints: [node.role == manager]}}}}"
    )
    converter = Converter(project)
    plan_of(project, converter=converter)
    assert converter.warnings == ["service a: `deploy.placement` has no effect"]
