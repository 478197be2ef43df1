"""The files that the engine writes for a container: /etc/hosts, /etc/hostname, /etc/resolv.conf."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from dockless.engine.spec import Files

RESOLVER = "127.0.0.11"


def write_files(
    folder: Path,
    *,
    hostname: str,
    domainname: str,
    addresses: Sequence[str],
    extra_hosts: Sequence[tuple[str, str]],
    own_resolver: bool,
    search: Sequence[str],
    options: Sequence[str],
    servers: Sequence[str] = (),
) -> Files:
    """Writes all three below `folder` as they are to be seen now; a running container's stay the same files.

    `extra_hosts` are (name, address) pairs. Without a resolver of ours the host's own resolv.conf is shown,
    unless there are `servers`.
    """
    files = Files(folder / "hosts", folder / "hostname", folder / "resolv.conf")
    _write(files.hostname, f"{hostname}\n")
    _write(files.hosts, _hosts(hostname, domainname, addresses, extra_hosts))
    _write(files.resolv_conf, _resolv_conf((RESOLVER,) if own_resolver else servers, search, options))
    return files


def follow_addresses(path: Path, hostname: str, domainname: str, before: Sequence[str], now: Sequence[str]) -> None:
    """The lines of a running container's /etc/hosts about its own addresses; the rest may be its user's, and stays."""
    names = _names(hostname, domainname)
    gone = {f"{address}\t{names}" for address in before if address not in now}
    lines = [line for line in path.read_text(errors="surrogateescape").splitlines() if line not in gone]
    lines += [f"{address}\t{names}" for address in now if address not in before and names]
    _write(path, "\n".join(lines) + "\n")


def host_settings(path: Path = Path("/etc/resolv.conf")) -> Mapping[str, Sequence[str]]:
    """`search` and `options` of the host's resolver, which containers inherit."""
    found: dict[str, list[str]] = {"search": [], "options": []}
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return found
    for line in lines:
        words = line.split()
        if len(words) > 1 and words[0] in found:
            found[words[0]] = words[1:]
    return found


def _hosts(hostname: str, domainname: str, addresses: Sequence[str], extra_hosts: Sequence[tuple[str, str]]) -> str:
    names = _names(hostname, domainname)
    lines = [
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::\tip6-localnet",
        "ff00::\tip6-mcastprefix",
        "ff02::1\tip6-allnodes",
        "ff02::2\tip6-allrouters",
        *(f"{address}\t{name}" for name, address in extra_hosts),
        *(f"{address}\t{names}" for address in addresses if names),
    ]
    return "\n".join(lines) + "\n"


def _names(hostname: str, domainname: str) -> str:
    return f"{hostname}.{domainname} {hostname}" if domainname else hostname


def _resolv_conf(servers: Sequence[str], search: Sequence[str], options: Sequence[str]) -> str:
    if not servers:
        try:
            return Path("/etc/resolv.conf").read_text(errors="replace")
        except FileNotFoundError:
            return ""
    lines = [f"nameserver {server}" for server in servers]
    if search and list(search) != ["."]:
        lines.append(f"search {' '.join(search)}")
    lines.append(f"options {' '.join(options or ('ndots:0',))}")
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    """In place where the file exists: a container has it bind-mounted, and a renamed one it would never see."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        data = text.encode(errors="surrogateescape")
        os.write(descriptor, data)
        os.ftruncate(descriptor, len(data))
        os.fchmod(descriptor, 0o644)
    finally:
        os.close(descriptor)
