"""A container of the engine's list as a row with the fields that Docker's and Docker Compose's formats know."""

import time
from collections.abc import Callable, Mapping

from dockless.cli.output import human_duration, human_size, short_id, shorten, to_json
from dockless.cli.ports import shown
from dockless.wire.containers import ContainerSummary
from dockless.wire.volumes import Volume

_COMMAND_WIDTH = 20


def container_row(summary: ContainerSummary, *, truncate: bool, now: float | None = None) -> dict[str, object]:
    """As `docker ps --format json` names the fields."""
    age = (time.time() if now is None else now) - summary.created
    size = ""
    if summary.size_rw is not None:
        size = f"{human_size(summary.size_rw)} (virtual {human_size(summary.size_root_fs or 0)})"
    mounts = [mount.name or mount.source for mount in summary.mounts]
    return {
        "Command": quoted_command(summary.command, truncate=truncate),
        "CreatedAt": time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC", time.gmtime(summary.created)),
        "ID": short_id(summary.id) if truncate else summary.id,
        "Image": image_of(summary, truncate=truncate),
        "Label": label_method(summary.labels),
        "Labels": ",".join(f"{key}={value}" for key, value in summary.labels.items()),
        "LocalVolumes": str(sum(mount.type == "volume" for mount in summary.mounts)),
        "Mounts": ",".join(shorten(mount, 15) if truncate else mount for mount in mounts),
        "Names": ",".join(name.removeprefix("/") for name in summary.names if name.count("/") == 1 or not truncate),
        "Networks": ",".join(summary.network_settings.networks),
        "Ports": shown(summary.ports),
        "RunningFor": f"{human_duration(age)} ago",
        "Size": size or "0B",
        "State": summary.state,
        "Status": summary.status,
    }


def label_method(labels: Mapping[str, str] | None) -> Callable[[str], str]:
    """For templates: `{{.Label "com.example.tier"}}`."""
    return lambda name: (labels or {}).get(name, "")


def compose_row(summary: ContainerSummary, labels: Mapping[str, str], *, truncate: bool) -> dict[str, object]:
    """As `docker compose ps --format json`."""
    row = container_row(summary, truncate=truncate)
    name = str(row["Names"]).split(",")[0]
    row |= {
        "Name": name,
        "Names": name,
        "Project": labels.get("com.docker.compose.project", ""),
        "Service": labels.get("com.docker.compose.service", ""),
        "ExitCode": exit_code(summary.status),
        "Health": health(summary.status),
        "Publishers": [
            {"URL": port.ip, "TargetPort": port.private_port, "PublishedPort": port.public_port, "Protocol": port.type}
            for port in sorted(summary.ports, key=lambda port: (port.private_port, port.ip))
        ],
    }
    return dict(sorted(row.items()))


def volume_row(volume: Volume) -> dict[str, object]:
    """As `docker volume ls --format json` names the fields."""
    return {
        "Availability": "N/A",
        "Driver": volume.driver,
        "Group": "N/A",
        "Label": label_method(volume.labels),
        "Labels": ",".join(f"{key}={value}" for key, value in sorted((volume.labels or {}).items())),
        "Links": "N/A",
        "Mountpoint": volume.mountpoint,
        "Name": volume.name,
        "Scope": volume.scope,
        "Size": "N/A",
        "Status": "N/A",
    }


def exit_code(status: str) -> int:
    """From the words for people (`Exited (137) 2 hours ago`): the list has it nowhere else."""
    head, _, rest = status.partition("(")
    number = rest.partition(")")[0]
    return int(number) if head.startswith("Exited") and number.isdigit() else 0


def health(status: str) -> str:
    """From the words for people (`Up 2 hours (healthy)`)."""
    word = status.rpartition("(")[2].removesuffix(")").removeprefix("health: ")
    return word if word in ("healthy", "unhealthy", "starting") else ""


def image_of(summary: ContainerSummary, *, truncate: bool) -> str:
    if summary.image.startswith("sha256:"):
        return short_id(summary.image) if truncate else summary.image
    return summary.image or short_id(summary.image_id)


def quoted_command(command: str, *, truncate: bool) -> str:
    """In double quotes, at most twenty characters, as `docker ps` shows it."""
    return to_json(shorten(command, _COMMAND_WIDTH) if truncate else command)
