"""From a create request and an image to a container's record: whose setting wins, and what is refused.

Pure but for the networks and mounts that it looks up; nothing is started or written here.
"""

import re
import time
from collections.abc import Mapping

from dockless.engine.checks import check, check_endpoint
from dockless.engine.config_checks import check_config, check_mac
from dockless.engine.mounting import Mounting
from dockless.engine.networks import Networks
from dockless.engine.records import ContainerRecord, Endpoint, new_id, replace
from dockless.wire.config import ContainerConfig, Empty, HealthConfig, HostConfig
from dockless.wire.containers import ContainerCreateRequest
from dockless.wire.endpoints import EndpointSettings
from dockless.wire.errors import BadParameter

DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


def new_record(
    name: str,
    request: ContainerCreateRequest,
    image_id: str,
    image: ContainerConfig,
    networks: Networks,
    mounting: Mounting,
) -> ContainerRecord:
    """Raises BadParameter for a request that makes no sense, NotFound for a network or container that is not there."""
    host = request.host_config
    check(host)
    check_config(request, host)
    check_mac(request.mac_address, _mode(host.network_mode))
    identity = new_id()
    config = _merge(request, image, identity, host)
    path, args = _command(config)
    return ContainerRecord(
        id=identity,
        name=name,
        created=time.time_ns(),
        image_id=image_id,
        image_name=request.image,
        config=config,
        # Docker's SDK asks for the log only where the driver's name stands in the answer.
        host=replace(
            host,
            network_mode=_mode(host.network_mode),
            log_config=replace(host.log_config, type=host.log_config.type or "json-file"),
        ),
        path=path,
        args=args,
        endpoints=_endpoints(request, networks),
        mounts=mounting.resolve(host, config.volumes or ()),
    )


def _mode(mode: str) -> str:
    return "bridge" if mode in ("", "default") else mode


def _merge(request: ContainerCreateRequest, image: ContainerConfig, identity: str, host: HostConfig) -> ContainerConfig:
    """The request's settings over the image's. An entrypoint of the request's own drops the image's command."""
    cmd, entrypoint = request.cmd, request.entrypoint
    if not entrypoint:
        if not cmd:
            cmd = image.cmd
        if entrypoint is None:
            entrypoint = image.entrypoint
    if entrypoint == ("",):
        entrypoint = None
    if not (entrypoint or cmd):
        raise BadParameter("no command specified")
    hostname = request.hostname
    if not hostname and not host.network_mode.startswith(("host", "container:")) and host.uts_mode != "host":
        hostname = identity[:12]
    exposed = {_port(port): Empty() for port in (*(image.exposed_ports or ()), *(request.exposed_ports or ()))}
    for port in host.port_bindings or {}:
        exposed.setdefault(_port(port), Empty())
    return replace(
        request.config,
        hostname=hostname,
        user=request.user or image.user,
        working_dir=request.working_dir or image.working_dir,
        env=_environment(image.env or (), request.env or ()),
        cmd=cmd,
        entrypoint=entrypoint,
        exposed_ports=exposed or None,
        volumes={**(image.volumes or {}), **(request.volumes or {})} or None,
        labels={**(image.labels or {}), **(request.labels or {})},
        stop_signal=request.stop_signal or image.stop_signal,
        stop_timeout=request.stop_timeout if request.stop_timeout is not None else image.stop_timeout,
        healthcheck=_healthcheck(request.healthcheck, image.healthcheck),
        shell=request.shell or image.shell,
        on_build=None,
    )


def _port(text: str) -> str:
    """`80`, `80/TCP` and `80/tcp/tcp` are `80/tcp`."""
    number, protocol = (*text.lower().split("/"), "tcp")[:2]
    return f"{number}/{protocol}"


def _environment(image: tuple[str, ...], request: tuple[str, ...]) -> tuple[str, ...]:
    """By name, the request's value wins; `NAME` without `=` is shown, and takes the variable away (`engine/spec`)."""
    merged = {entry.partition("=")[0]: entry for entry in (*image, *request)}
    values = list(merged.values())
    if "PATH" not in merged:
        values.insert(0, DEFAULT_PATH)
    return tuple(values)


def _healthcheck(request: HealthConfig | None, image: HealthConfig | None) -> HealthConfig | None:
    if request is None or image is None:
        return request or image
    return HealthConfig(
        test=request.test or image.test,
        interval=request.interval or image.interval,
        timeout=request.timeout or image.timeout,
        start_period=request.start_period or image.start_period,
        start_interval=request.start_interval or image.start_interval,
        retries=request.retries or image.retries,
    )


def _command(config: ContainerConfig) -> tuple[str, tuple[str, ...]]:
    words = (*(config.entrypoint or ()), *(config.cmd or ()))
    return words[0], words[1:]


def _endpoints(request: ContainerCreateRequest, networks: Networks) -> dict[str, Endpoint]:
    """One for each network wanted; the network of `NetworkMode` first, whatever the order in the request."""
    mode = _mode(request.host_config.network_mode)
    if mode == "none" or mode == "host" or mode.startswith("container:") or request.network_disabled:
        return {}
    asked: Mapping[str, EndpointSettings | None] = request.networking_config.endpoints_config or {}
    found: dict[str, Endpoint] = {}
    for reference in dict.fromkeys((mode, *asked)):
        record = networks.find(reference)
        settings = asked.get(reference) or EndpointSettings()
        check_endpoint(record, settings)
        if reference == mode and reference not in asked:
            settings = next(
                (value for key, value in asked.items() if value and key in ("default", record.id, record.name)),
                settings,
            )
        if record.name not in found:
            found[record.name] = Endpoint(record.id, record.name, _with_mac(settings, request, not found))
    return found


def _with_mac(settings: EndpointSettings, request: ContainerCreateRequest, first: bool) -> EndpointSettings:
    if first and request.mac_address and not settings.mac_address:
        return replace(settings, mac_address=request.mac_address)
    return settings
