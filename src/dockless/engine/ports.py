"""Which containers serve each published port.

A fixed host port belongs to one container, or to all replicas of one Compose service: then the relay gives each
connection to the next of them. What is held here is also in the containers' records, and is rebuilt from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from dockless.engine.records import ContainerRecord, Published, replace
from dockless.network.fabric import Fabric, PortInUse, PortSpec, PortUnavailable
from dockless.network.specs import Protocol
from dockless.wire.config import PortBinding
from dockless.wire.errors import ApiError, BadParameter

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"

Target = tuple[str, int]


@dataclass
class _Shared:
    protocol: Protocol
    host_ip: str
    host_port: int
    group: str
    targets: dict[str, Target] = field(default_factory=dict)  # by container id

    @property
    def spec(self) -> PortSpec:
        reachable = tuple(target for target in self.targets.values() if target[0])
        return PortSpec(self.protocol, self.host_ip, self.host_port, reachable)


class Ports:
    def __init__(self) -> None:
        self._ports: dict[str, _Shared] = {}

    def open(self, fabric: Fabric, record: ContainerRecord, address: str, host_ip: str = "") -> tuple[Published, ...]:
        """Publishes all that the container asks for, towards its `address`; all or nothing.

        `host_ip` is for those that name none.
        Raises ApiError with a message for the user where a port cannot be had.
        """
        done: list[Published] = []
        try:
            for port, binding in _wanted(record):
                number, _, protocol = port.partition("/")
                if host_ip and not binding.host_ip:
                    binding = replace(binding, host_ip=host_ip)
                done.append(self._open_one(fabric, record, address, int(number), protocol or "tcp", binding, len(done)))
        except BaseException:
            self.close(fabric, record.id)
            raise
        return tuple(done)

    def close(self, fabric: Fabric, container: str) -> None:
        """The container gets no new connections; open ones go on. A port without a container left is closed."""
        for key, shared in list(self._ports.items()):
            if shared.targets.pop(container, None) is None:
                continue
            if shared.targets:
                fabric.publish(key, shared.spec)
            else:
                del self._ports[key]
                fabric.unpublish(key)

    def lead(self, fabric: Fabric, container: str, address: str) -> None:
        """What the container has published leads to another of its addresses from now on; to none, it refuses."""
        for key, shared in self._ports.items():
            target = shared.targets.get(container)
            if target is not None and target[0] != address:
                shared.targets[container] = (address, target[1])
                fabric.publish(key, shared.spec)

    def remember(self, record: ContainerRecord, address: str) -> None:
        """Takes what a running container has published from its record, after a restart of the engine."""
        for port in record.ports:
            shared = self._ports.get(port.key)
            if shared is None:
                protocol = cast(Protocol, port.protocol)
                shared = self._ports[port.key] = _Shared(protocol, port.host_ip, port.host_port, _group(record))
            shared.targets[record.id] = (address, port.container_port)

    def specs(self) -> Mapping[str, PortSpec]:
        return {key: shared.spec for key, shared in self._ports.items()}

    def _open_one(
        self,
        fabric: Fabric,
        record: ContainerRecord,
        address: str,
        container_port: int,
        protocol: str,
        binding: PortBinding,
        index: int,
    ) -> Published:
        if protocol not in ("tcp", "udp"):
            raise BadParameter(f"port {container_port}/{protocol}: only tcp and udp can be published")
        host_ip = binding.host_ip
        choices = _choices(binding.host_port)
        for host_port in choices:
            key = f"{protocol}/{host_ip}/{host_port}" if host_port else f"{record.id}/{index}"
            try:
                chosen = self._join(fabric, key, record, (address, container_port), protocol, host_ip, host_port)
            except ApiError:
                if host_port == choices[-1]:
                    raise
                continue
            return Published(key, protocol, host_ip, chosen, container_port)
        raise AssertionError("a binding has at least one choice")

    def _join(
        self, fabric: Fabric, key: str, record: ContainerRecord, target: Target, protocol: str, host_ip: str, port: int
    ) -> int:
        shared = self._ports.get(key)
        group = _group(record)
        if shared is not None and (not group or shared.group != group):
            raise ApiError(f"Bind for {_shown(host_ip, port)} failed: port is already allocated", 500)
        fresh = shared is None
        if shared is None:
            shared = self._ports[key] = _Shared(cast(Protocol, protocol), host_ip, port, group)
        shared.targets[record.id] = target
        try:
            shared.host_port = fabric.publish(key, shared.spec)
        except (PortInUse, PortUnavailable) as error:
            shared.targets.pop(record.id)
            if fresh:
                del self._ports[key]
            raise ApiError(_refusal(host_ip, port, protocol, error), 500) from error
        return shared.host_port


def _refusal(host_ip: str, port: int, protocol: str, error: Exception) -> str:
    shown = f"{_shown(host_ip, port)}/{protocol}"
    if isinstance(error, PortInUse):
        return (
            f"Ports are not available: {shown}: address already in use by another program on this host; "
            "stop that program or publish another host port"
        )
    return f"Ports are not available: {shown}: {error}"


def _shown(host_ip: str, port: int) -> str:
    return f"[{host_ip}]:{port}" if ":" in host_ip else f"{host_ip or '0.0.0.0'}:{port}"


def _group(record: ContainerRecord) -> str:
    labels = record.config.labels or {}
    if PROJECT in labels and SERVICE in labels:
        return f"{labels[PROJECT]}/{labels[SERVICE]}"
    return ""


def _wanted(record: ContainerRecord) -> list[tuple[str, PortBinding]]:
    bindings = record.host.port_bindings or {}
    found = [(port, binding) for port, asked in bindings.items() for binding in asked or (PortBinding(),)]
    if record.host.publish_all_ports:
        found += [(port, PortBinding()) for port in record.config.exposed_ports or {} if port not in bindings]
    return found


def _choices(text: str) -> list[int]:
    """A host port as the API writes it: empty for any, a number, or a range `8000-8010`."""
    first, dash, last = text.partition("-")
    try:
        low = int(first or "0")
        high = int(last) if dash else low
    except ValueError:
        raise BadParameter(f"invalid port specification: {text!r}") from None
    if not 0 <= low <= high <= 65535:
        raise BadParameter(f"invalid port specification: {text!r}")
    return list(range(low, high + 1))
