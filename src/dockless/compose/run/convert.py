"""A project's networks, volumes and containers as the API's requests, with Docker Compose's names and labels."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from dockless.compose.hash import network_hash, service_hash, volume_hash
from dockless.compose.model import Healthcheck, Project, Service, ServiceNetwork
from dockless.compose.run import names
from dockless.compose.run.host import host_config, ignored_keys
from dockless.compose.run.mounts import mounted
from dockless.compose.run.observe import Existing
from dockless.compose.run.plan import CreateContainer, InjectedFile, Shared
from dockless.wire.config import Empty, HealthConfig
from dockless.wire.containers import ContainerCreateRequest
from dockless.wire.endpoints import EndpointIPAMConfig, EndpointSettings, NetworkingConfig
from dockless.wire.networks import IPAM, IPAMConfig, NetworkCreateRequest
from dockless.wire.volumes import VolumeCreateRequest


class WantedNetwork(Struct, frozen=True):
    """`body` is None for an external one."""

    name: str
    external: bool
    body: NetworkCreateRequest | None


class WantedVolume(Struct, frozen=True):
    """`body` is None for an external one."""

    name: str
    external: bool
    body: VolumeCreateRequest | None


class OneOff(Struct, frozen=True):
    """What `run` changes in a service's container; `name` is the container's."""

    name: str
    slug: str
    service_ports: bool = False
    aliases: bool = False
    remove: bool = False
    attach_stdin: bool = False


class Converter:
    """Makes requests for one project. `warnings` collects what could not be honoured, once each.

    `api_version` is the engine's: before 1.44 a create request takes one network only. `proxies` are variables for all
    containers whose service does not say otherwise.
    """

    def __init__(
        self, project: Project, api_version: tuple[int, int] = (1, 47), proxies: Mapping[str, str] | None = None
    ) -> None:
        self._project = project
        self._proxies = proxies or {}
        self._many_networks = api_version >= (1, 44)
        self.warnings: list[str] = []
        self._networks: dict[str, WantedNetwork] = {}
        self._volumes: dict[str, WantedVolume] = {}
        self._hashes: dict[str, str] = {}

    # what a service needs

    def network_keys(self, service: Service) -> list[str]:
        """The service's networks, the one with the highest priority first."""
        if service.network_mode:
            return []
        found = service.networks
        return sorted(found, key=lambda key: (-(_endpoint(found, key).priority), key))

    def volume_keys(self, service: Service) -> list[str]:
        """The project's volumes that the service mounts."""
        found = [each.source for each in service.volumes if each.type == "volume" and each.source]
        return [key for key in dict.fromkeys(found) if key in self._project.volumes]

    def shared_services(self, service: Service) -> list[str]:
        """The services whose namespaces or volumes this one uses."""
        modes = (service.network_mode, service.ipc, service.pid)
        found = [mode.removeprefix("service:") for mode in modes if mode.startswith("service:")]
        found += [e.partition(":")[0] for e in service.volumes_from if not e.startswith("container:")]
        return list(dict.fromkeys(found))

    def needed_to_create(self, service: Service) -> list[str]:
        """The services whose containers a create request names, so that they must exist before."""
        linked = [link.partition(":")[0] for link in service.links]
        return list(dict.fromkeys([*self.shared_services(service), *linked]))

    # networks and volumes

    def network(self, key: str) -> WantedNetwork:
        found = self._networks.get(key)
        if found is None:
            found = self._networks[key] = self._make_network(key)
        return found

    def _make_network(self, key: str) -> WantedNetwork:
        network = self._project.networks[key]
        if network.external:
            return WantedNetwork(network.name, True, None)
        labels = dict(network.labels) | {
            names.CONFIG_HASH: network_hash(network),
            names.NETWORK: key,
            names.PROJECT: self._project.name,
            names.VERSION: names.COMPOSE_VERSION,
        }
        pools = tuple(
            IPAMConfig(
                subnet=pool.subnet,
                ip_range=pool.ip_range,
                gateway=pool.gateway,
                auxiliary_addresses=pool.aux_addresses or None,
            )
            for pool in network.ipam.config
        )
        ipam = None
        if network.ipam.driver or pools or network.ipam.options:
            ipam = IPAM(driver=network.ipam.driver or "default", config=pools, options=network.ipam.options or None)
        body = NetworkCreateRequest(
            name=network.name,
            check_duplicate=True,
            driver=network.driver,
            options=network.driver_opts or None,
            ipam=ipam,
            internal=network.internal,
            attachable=network.attachable,
            enable_ipv4=network.enable_ipv4,
            enable_ipv6=network.enable_ipv6,
            labels=labels,
        )
        return WantedNetwork(network.name, False, body)

    def volume(self, key: str) -> WantedVolume:
        found = self._volumes.get(key)
        if found is None:
            found = self._volumes[key] = self._make_volume(key)
        return found

    def _make_volume(self, key: str) -> WantedVolume:
        volume = self._project.volumes[key]
        if volume.external:
            return WantedVolume(volume.name, True, None)
        labels = dict(volume.labels) | {
            names.CONFIG_HASH: volume_hash(volume),
            names.PROJECT: self._project.name,
            names.VERSION: names.COMPOSE_VERSION,
            names.VOLUME: key,
        }
        body = VolumeCreateRequest(
            name=volume.name, driver=volume.driver, driver_opts=volume.driver_opts or None, labels=labels
        )
        return WantedVolume(volume.name, False, body)

    # containers

    def hash_of(self, service: Service, ids: Mapping[str, str]) -> str:
        """The config hash; `ids`: from a service's name to the container that `service:NAME` stands for."""
        if self.shared_services(service):
            return shared_hash(service, ids)
        found = self._hashes.get(service.name)
        if found is None:
            found = self._hashes[service.name] = service_hash(service)
        return found

    def create(
        self,
        service: Service,
        *,
        number: int,
        name: str,
        shown: str,
        image_id: str,
        linked: Mapping[str, tuple[str, ...]],
        replaces: Existing | None = None,
        inherit: bool = False,
        image_volumes: frozenset[str] = frozenset(),
        one_off: OneOff | None = None,
    ) -> CreateContainer:
        """The step that creates one container.

        `name`: to create it under, `shown`: its name in the end. `linked`: from each service that this one needs to be
        created to the names of its containers. `inherit`: keep the anonymous volumes of the container it replaces.

        Raises `MountError`.
        """
        mounts = mounted(self._project, service, replaces.mounts if replaces and inherit else (), image_volumes)
        self._warn(service, [*mounts.warnings, *(f"`{key}` has no effect" for key in ignored_keys(service))])
        shared = {other: linked[other][0] for other in self.shared_services(service) if linked.get(other)}
        links = self._links(service, linked, number)
        mode, endpoints = self._endpoints(service, shown, links, shared, one_off)
        first = dict(list(endpoints.items())[: None if self._many_networks else 1])
        host = host_config(
            service, mounts, network_mode=mode, links=links, shared=shared, folder=self._project.working_dir
        )
        if one_off:
            host = replace(host, auto_remove=one_off.remove)
        body = ContainerCreateRequest(
            hostname=service.hostname,
            domainname=service.domainname,
            user=service.user,
            attach_stdin=bool(one_off and one_off.attach_stdin),
            attach_stdout=True,
            attach_stderr=True,
            exposed_ports=_exposed(service),
            tty=service.tty,
            open_stdin=service.stdin_open,
            stdin_once=bool(one_off and one_off.attach_stdin and service.stdin_open),
            env=_environment({**self._proxies, **service.environment}),
            cmd=service.command,
            healthcheck=_healthcheck(service.healthcheck),
            image=self.image_name(service),
            working_dir=service.working_dir,
            entrypoint=service.entrypoint,
            mac_address="" if self._many_networks else service.mac_address,
            labels=self._labels(service, number, image_id, replaces, one_off, shared),
            stop_signal=service.stop_signal,
            stop_timeout=None
            if service.stop_grace_period is None
            else max(round(service.stop_grace_period.seconds), 0),
            host_config=host,
            networking_config=NetworkingConfig(endpoints_config=first or None),
        )
        return CreateContainer(
            name=name,
            shown=shown,
            service=service.name,
            body=body,
            platform=service.platform,
            further_networks=() if self._many_networks else tuple(list(endpoints.items())[1:]),
            shared=Shared(service, tuple(shared.items())) if shared else None,
            recreates=replaces is not None,
        )

    def files(self, service: Service) -> tuple[InjectedFile, ...]:
        """What is put into each container of the service before its start. Raises `MountError`."""
        if not service.configs and not service.secrets:
            return ()
        return tuple(mounted(self._project, service).files)

    def image_name(self, service: Service) -> str:
        return service.image or names.default_image(self._project, service.name)

    def _labels(
        self,
        service: Service,
        number: int,
        image_id: str,
        replaces: Existing | None,
        one_off: OneOff | None,
        shared: Mapping[str, str],
    ) -> dict[str, str]:
        project = self._project
        dependencies = ",".join(
            f"{name}:{each.condition}:{str(each.restart).lower()}" for name, each in sorted(service.depends_on.items())
        )
        labels = dict(service.labels) | {
            names.CONFIG_HASH: "" if shared else self.hash_of(service, {}),
            names.DEPENDS_ON: dependencies,
            names.IMAGE: image_id,
            names.ONE_OFF: "True" if one_off else "False",
            names.PROJECT: project.name,
            names.CONFIG_FILES: ",".join(project.compose_files),
            names.WORKING_DIR: project.working_dir,
            names.SERVICE: service.name,
            names.VERSION: names.COMPOSE_VERSION,
        }
        if one_off:
            labels[names.SLUG] = one_off.slug
        else:
            labels[names.NUMBER] = str(number)
        if replaces:
            labels[names.REPLACE] = service.container_name or project.separator.join(
                (service.name, str(replaces.number or 1))
            )
        return labels

    def _endpoints(
        self,
        service: Service,
        shown: str,
        links: tuple[str, ...],
        shared: Mapping[str, str],
        one_off: OneOff | None,
    ) -> tuple[str, dict[str, EndpointSettings]]:
        """The network mode, and the endpoints by network name, the default route's first."""
        mode = service.network_mode
        if mode.startswith("service:"):
            other = mode.removeprefix("service:")
            return f"container:{shared.get(other, other)}", {}
        if mode:
            return mode, {}
        keys = self.network_keys(service)
        if not keys:
            return "none", {}
        endpoints = {}
        for key in keys:
            wish = _endpoint(service.networks, key)
            aliases = [shown]
            if one_off is None or one_off.aliases:
                aliases.append(service.name)
                aliases += wish.aliases
            options = dict(wish.driver_opts)
            if wish.interface_name:
                options["com.docker.network.endpoint.ifname"] = wish.interface_name
            fixed = None
            if wish.ipv4_address or wish.ipv6_address or wish.link_local_ips:
                fixed = EndpointIPAMConfig(
                    ipv4_address=wish.ipv4_address,
                    ipv6_address=wish.ipv6_address,
                    link_local_ips=wish.link_local_ips or None,
                )
            endpoints[self.network(key).name] = EndpointSettings(
                ipam_config=fixed,
                links=links or None,
                aliases=tuple(dict.fromkeys(aliases)),
                mac_address=(wish.mac_address or service.mac_address) if self._many_networks else "",
                driver_opts=options or None,
                gw_priority=wish.gw_priority,
            )
        return next(iter(endpoints)), endpoints

    def _links(self, service: Service, linked: Mapping[str, tuple[str, ...]], number: int) -> tuple[str, ...]:
        links = []
        for link in service.links:
            other, _, alias = link.partition(":")
            for container in linked.get(other, ()):
                links.append(f"{container}:{alias or other}")
                links.append(f"{container}:{self._project.separator.join((other, str(number)))}")
                links.append(f"{container}:{names.container_name(self._project, other, number)}")
        for link in service.external_links:
            container, _, alias = link.partition(":")
            links.append(f"{container}:{alias or container}")
        return tuple(dict.fromkeys(links))

    def _warn(self, service: Service, messages: list[str]) -> None:
        for message in messages:
            text = f"service {service.name}: {message}"
            if text not in self.warnings:
                self.warnings.append(text)


def has_tcp_ports(service: Service) -> bool:
    """Whether the service itself says that it serves a TCP port."""
    return any((port.protocol or "tcp") == "tcp" for port in service.ports) or any(
        not port.endswith(("/udp", "/sctp")) for port in service.expose
    )


def shared_hash(service: Service, ids: Mapping[str, str]) -> str:
    """The config hash of a service that uses other containers' namespaces or volumes: with their ids in place."""

    def resolve(mode: str) -> str:
        name = mode.removeprefix("service:")
        return f"container:{ids.get(name, name)}" if name != mode else mode

    volumes = []
    for entry in service.volumes_from:
        name, colon, mode = entry.partition(":")
        volumes.append(entry if entry.startswith("container:") else f"{ids.get(name, name)}{colon}{mode}")
    return service_hash(
        replace(
            service,
            network_mode=resolve(service.network_mode),
            ipc=resolve(service.ipc),
            pid=resolve(service.pid),
            volumes_from=tuple(volumes),
        )
    )


def _endpoint(networks: Mapping[str, ServiceNetwork | None], key: str) -> ServiceNetwork:
    return networks.get(key) or ServiceNetwork()


def _environment(given: Mapping[str, str | None]) -> tuple[str, ...] | None:
    return tuple(key if value is None else f"{key}={value}" for key, value in given.items()) or None


def _exposed(service: Service) -> dict[str, Empty] | None:
    found = {f"{port}" if "/" in port else f"{port}/tcp": Empty() for port in service.expose}
    found |= {f"{port.target}/{port.protocol or 'tcp'}": Empty() for port in service.ports}
    return found or None


def _healthcheck(check: Healthcheck | None) -> HealthConfig | None:
    if check is None:
        return None
    if check.disable:
        return HealthConfig(test=("NONE",))
    return HealthConfig(
        test=check.test or None,
        interval=int(check.interval or 0),
        timeout=int(check.timeout or 0),
        start_period=int(check.start_period or 0),
        start_interval=int(check.start_interval or 0),
        retries=check.retries or 0,
    )
