"""The flags of `docker run` as a compose service: a row for every flag that docker has.

A row is a function that puts the flag's value into a draft. What no key of a compose file can say becomes a note for
the reader, never silence. Raises `FlagError` for what docker would refuse.
"""

import csv
import difflib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec


class FlagError(Exception):
    """The command cannot be read; the message names the word."""


class Draft(msgspec.Struct):
    """What the flags have said so far. `networks` are names with what `--network` says of each."""

    service: dict[str, Any] = msgspec.field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    aliases: list[str] = msgspec.field(default_factory=list)
    address: dict[str, Any] = msgspec.field(default_factory=dict)
    links: list[str] = msgspec.field(default_factory=list)
    volume_driver: str = ""
    entrypoint: str | None = None
    notes: list[str] = msgspec.field(default_factory=list)


Put = Callable[[Draft, str], None]


class Read(msgspec.Struct, frozen=True):
    """A command's flags in a draft, and what stands after them."""

    draft: Draft
    image: str
    command: tuple[str, ...]


def read_flags(words: Sequence[str]) -> Read:
    """Reads what follows `docker run`. Raises FlagError."""
    draft = Draft()
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "-":
        word = words[at]
        at += 1
        if word == "--":
            break
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            put, is_switch = _row(name)
            if is_switch:
                if value.lower() not in ("false", "0"):
                    put(draft, value or "true")
                continue
            if not equals:
                value, at = _next(words, at, name)
            put(draft, value)
            continue
        at = _short(draft, word, words, at)
    if at >= len(words):
        raise FlagError("docker run needs an image: nothing is left after its flags")
    return Read(draft, words[at], tuple(words[at + 1 :]))


def _short(draft: Draft, word: str, words: Sequence[str], at: int) -> int:
    """`-it`, `-p8080:80`, `-p 8080:80`: switches may stand together, a value takes the rest of the word or the next."""
    letters = word[1:]
    for position, letter in enumerate(letters):
        put, is_switch = _row(_SHORT.get(letter, f"-{letter}"))
        if is_switch:
            put(draft, "true")
            continue
        value = letters[position + 1 :].removeprefix("=")
        if not value:
            value, at = _next(words, at, f"-{letter}")
        put(draft, value)
        break
    return at


def _next(words: Sequence[str], at: int, name: str) -> tuple[str, int]:
    if at >= len(words):
        raise FlagError(f"flag needs an argument: {name}")
    return words[at], at + 1


def _row(name: str) -> tuple[Put, bool]:
    if name in SWITCHES:
        return SWITCHES[name], True
    if name in VALUES:
        return VALUES[name], False
    close = difflib.get_close_matches(name, [*SWITCHES, *VALUES], 1)
    raise FlagError(f"docker run has no flag {name}" + (f"; did you mean {close[0]}?" if close else ""))


def _set(key: str, convert: Callable[[str], Any] = str) -> Put:
    return lambda draft, value: draft.service.__setitem__(key, _converted(key, value, convert))


def _add(key: str) -> Put:
    return lambda draft, value: draft.service.setdefault(key, []).append(value)


def _pair(key: str) -> Put:
    def put(draft: Draft, value: str) -> None:
        name, _, text = value.partition("=")
        draft.service.setdefault(key, {})[name] = text

    return put


def _inside(key: str, name: str, convert: Callable[[str], Any] = str) -> Put:
    return lambda draft, value: draft.service.setdefault(key, {}).__setitem__(name, _converted(name, value, convert))


def _converted(key: str, value: str, convert: Callable[[str], Any]) -> Any:
    try:
        return convert(value)
    except ValueError:
        raise FlagError(f"{value!r} is no value for {key}") from None


def _note(text: str) -> Put:
    return lambda draft, value: draft.notes.append(text.format(value))


def _ignore(_draft: Draft, _value: str) -> None:
    """It concerns the command itself, not the container."""


def _environment(draft: Draft, value: str) -> None:
    name, equals, text = value.partition("=")
    draft.service.setdefault("environment", {})[name] = text if equals else None


def _env_file(draft: Draft, value: str) -> None:
    draft.service.setdefault("env_file", []).append({"path": value, "format": "raw"})


def _throttle(name: str) -> Put:
    def put(draft: Draft, value: str) -> None:
        path, _, rate = value.rpartition(":")
        draft.service.setdefault("blkio_config", {}).setdefault(name, []).append({"path": path, "rate": rate})

    return put


def _weight_device(draft: Draft, value: str) -> None:
    path, _, weight = value.rpartition(":")
    entry = {"path": path, "weight": _converted("weight", weight, int)}
    draft.service.setdefault("blkio_config", {}).setdefault("weight_device", []).append(entry)


def _health(draft: Draft, value: str) -> None:
    draft.service.setdefault("healthcheck", {})["test"] = ["CMD-SHELL", value]


def _gpus(draft: Draft, value: str) -> None:
    if draft.service.get("gpus") == "all":
        draft.service["gpus"] = [{"count": "all"}]
    elif value == "all" and "gpus" not in draft.service:
        draft.service["gpus"] = "all"
        return
    request: dict[str, Any] = {}
    for part in next(csv.reader([value])):
        key, equals, text = part.partition("=")
        if not equals:
            request["count"] = "all" if key == "all" else _converted("--gpus", key, int)
        elif key == "device":
            request["device_ids"] = text.split(",")
        elif key == "count":
            request["count"] = "all" if text == "all" else _converted("--gpus", text, int)
        elif key == "capabilities":
            request["capabilities"] = text.split(",")
        elif key == "options":
            request["options"] = dict(each.partition("=")[::2] for each in text.split(","))
        else:
            request[key] = text
    draft.service.setdefault("gpus", []).append(request)


def _ulimit(draft: Draft, value: str) -> None:
    name, _, limits = value.partition("=")
    soft, colon, hard = limits.partition(":")
    numbers = [_converted("--ulimit", each, int) for each in ([soft, hard] if colon else [soft])]
    held = {"soft": numbers[0], "hard": numbers[1]} if colon else numbers[0]
    draft.service.setdefault("ulimits", {})[name] = held


def _network(draft: Draft, value: str) -> None:
    if "=" not in value:
        draft.networks.setdefault(value, {})
        return
    name, wish = "", dict[str, Any]()
    for part in next(csv.reader([value])):
        key, _, text = part.partition("=")
        if key == "name":
            name = text
        elif key == "alias":
            wish.setdefault("aliases", []).append(text)
        elif key == "driver-opt":
            option, _, setting = text.partition("=")
            if option == "com.docker.network.endpoint.ifname":
                wish["interface_name"] = setting
            else:
                wish.setdefault("driver_opts", {})[option] = setting
        elif key in _NETWORK_FIELDS:
            field, convert = _NETWORK_FIELDS[key]
            wish[field] = _converted(key, text, convert)
        else:
            raise FlagError(f'invalid field key {key} in --network "{value}"')
    draft.networks.setdefault(name, {}).update(wish)


_NETWORK_FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "ip": ("ipv4_address", str),
    "ip6": ("ipv6_address", str),
    "mac-address": ("mac_address", str),
    "gw-priority": ("gw_priority", int),
    "link-local-ip": ("link_local_ips", lambda text: text.split(",")),
}


def _mount(draft: Draft, value: str) -> None:
    entry: dict[str, Any] = {"type": "volume"}
    for part in next(csv.reader([value])):
        key, equals, text = part.partition("=")
        if key not in _MOUNT:
            raise FlagError(f"unexpected key {key!r} in --mount {value!r}")
        _MOUNT[key](entry, text if equals else "true")
    if "target" not in entry:
        raise FlagError(f"--mount {value!r} needs a target")
    draft.service.setdefault("volumes", []).append(entry)


_Field = Callable[[dict[str, Any], str], None]


def _field(*path: str, convert: Callable[[str], Any] = str) -> _Field:
    def put(entry: dict[str, Any], text: str) -> None:
        for part in path[:-1]:
            entry = entry.setdefault(part, {})
        entry[path[-1]] = _converted(path[-1], text, convert)

    return put


def _mount_pair(*path: str) -> _Field:
    def put(entry: dict[str, Any], text: str) -> None:
        for part in path:
            entry = entry.setdefault(part, {})
        name, _, held = text.partition("=")
        entry[name] = held

    return put


def _boolean(text: str) -> bool:
    return text.lower() in ("true", "1")


_MOUNT: dict[str, _Field] = {
    "type": _field("type"),
    **dict.fromkeys(("source", "src"), _field("source")),
    **dict.fromkeys(("target", "dst", "destination"), _field("target")),
    **dict.fromkeys(("readonly", "ro"), _field("read_only", convert=_boolean)),
    "consistency": _field("consistency"),
    "bind-propagation": _field("bind", "propagation"),
    "bind-recursive": _field("bind", "recursive"),
    "bind-create-src": _field("bind", "create_host_path", convert=_boolean),
    "volume-nocopy": _field("volume", "nocopy", convert=_boolean),
    "volume-subpath": _field("volume", "subpath"),
    "volume-label": _mount_pair("volume", "labels"),
    "image-subpath": _field("image", "subpath"),
    "tmpfs-size": _field("tmpfs", "size"),
    "tmpfs-mode": _field("tmpfs", "mode", convert=lambda text: int(text, 8)),
}


def _volumes_from(draft: Draft, value: str) -> None:
    draft.service.setdefault("volumes_from", []).append(f"container:{value}")


SWITCHES: dict[str, Put] = {
    "--detach": _ignore,
    "--disable-content-trust": _ignore,
    "--help": _ignore,
    "--init": _set("init", _boolean),
    "--interactive": _set("stdin_open", _boolean),
    "--no-healthcheck": _inside("healthcheck", "disable", _boolean),
    "--oom-kill-disable": _set("oom_kill_disable", _boolean),
    "--privileged": _set("privileged", _boolean),
    "--publish-all": _note("-P publishes what the image exposes: a compose file has to name each port"),
    "--quiet": _ignore,
    "--read-only": _set("read_only", _boolean),
    "--rm": _note("--rm has no key: `compose down` removes the container, `compose run --rm` after one use"),
    "--sig-proxy": _ignore,
    "--stand-ins": _ignore,
    "--tty": _set("tty", _boolean),
    "--use-api-socket": _set("use_api_socket", _boolean),
}
VALUES: dict[str, Put] = {
    "--add-host": _add("extra_hosts"),
    "--annotation": _pair("annotations"),
    "--attach": _ignore,
    "--blkio-weight": _inside("blkio_config", "weight", int),
    "--blkio-weight-device": _weight_device,
    "--cap-add": _add("cap_add"),
    "--cap-drop": _add("cap_drop"),
    "--cgroup-parent": _set("cgroup_parent"),
    "--cgroupns": _set("cgroup"),
    "--cidfile": _note("--cidfile has no key: `compose ps -q` prints the id"),
    "--cpu-count": _set("cpu_count", int),
    "--cpu-percent": _set("cpu_percent", float),
    "--cpu-period": _set("cpu_period", int),
    "--cpu-quota": _set("cpu_quota", int),
    "--cpu-rt-period": _set("cpu_rt_period", int),
    "--cpu-rt-runtime": _set("cpu_rt_runtime", int),
    "--cpu-shares": _set("cpu_shares", int),
    "--cpus": _set("cpus", float),
    "--cpuset-cpus": _set("cpuset"),
    "--cpuset-mems": _note("--cpuset-mems {} has no key in a compose file"),
    "--detach-keys": _ignore,
    "--device": _add("devices"),
    "--device-cgroup-rule": _add("device_cgroup_rules"),
    "--device-read-bps": _throttle("device_read_bps"),
    "--device-read-iops": _throttle("device_read_iops"),
    "--device-write-bps": _throttle("device_write_bps"),
    "--device-write-iops": _throttle("device_write_iops"),
    "--dns": _add("dns"),
    "--dns-opt": _add("dns_opt"),
    "--dns-option": _add("dns_opt"),
    "--dns-search": _add("dns_search"),
    "--domainname": _set("domainname"),
    "--entrypoint": lambda draft, value: setattr(draft, "entrypoint", value),
    "--env": _environment,
    "--env-file": _env_file,
    "--expose": _add("expose"),
    "--gpus": _gpus,
    "--group-add": _add("group_add"),
    "--health-cmd": _health,
    "--health-interval": _inside("healthcheck", "interval"),
    "--health-retries": _inside("healthcheck", "retries", int),
    "--health-start-interval": _inside("healthcheck", "start_interval"),
    "--health-start-period": _inside("healthcheck", "start_period"),
    "--health-timeout": _inside("healthcheck", "timeout"),
    "--hostname": _set("hostname"),
    "--io-maxbandwidth": _note("--io-maxbandwidth {} has no key in a compose file"),
    "--io-maxiops": _note("--io-maxiops {} has no key in a compose file"),
    "--ip": lambda draft, value: draft.address.__setitem__("ipv4_address", value),
    "--ip6": lambda draft, value: draft.address.__setitem__("ipv6_address", value),
    "--ipc": _set("ipc"),
    "--isolation": _set("isolation"),
    "--kernel-memory": _note("--kernel-memory {} has no key in a compose file"),
    "--label": _pair("labels"),
    "--label-file": _add("label_file"),
    "--link": lambda draft, value: draft.links.append(value),
    "--link-local-ip": lambda draft, value: draft.address.setdefault("link_local_ips", []).append(value),
    "--log-driver": _inside("logging", "driver"),
    "--log-opt": lambda draft, value: (
        draft.service.setdefault("logging", {}).setdefault("options", {}).__setitem__(*value.partition("=")[::2])
    ),
    "--mac-address": _set("mac_address"),
    "--memory": _set("mem_limit"),
    "--memory-reservation": _set("mem_reservation"),
    "--memory-swap": _set("memswap_limit"),
    "--memory-swappiness": _set("mem_swappiness", int),
    "--mount": _mount,
    "--name": _set("container_name"),
    "--net": _network,
    "--net-alias": lambda draft, value: draft.aliases.append(value),
    "--network": _network,
    "--network-alias": lambda draft, value: draft.aliases.append(value),
    "--oom-score-adj": _set("oom_score_adj", int),
    "--pid": _set("pid"),
    "--pids-limit": _set("pids_limit", int),
    "--platform": _set("platform"),
    "--publish": _add("ports"),
    "--pull": _set("pull_policy"),
    "--restart": _set("restart"),
    "--runtime": _set("runtime"),
    "--security-opt": _add("security_opt"),
    "--shm-size": _set("shm_size"),
    "--stop-signal": _set("stop_signal"),
    "--stop-timeout": lambda draft, value: draft.service.__setitem__("stop_grace_period", f"{value}s"),
    "--storage-opt": _pair("storage_opt"),
    "--sysctl": _pair("sysctls"),
    "--tmpfs": _add("tmpfs"),
    "--ulimit": _ulimit,
    "--user": _set("user"),
    "--userns": _set("userns_mode"),
    "--uts": _set("uts"),
    "--volume": _add("volumes"),
    "--volume-driver": lambda draft, value: setattr(draft, "volume_driver", value),
    "--volumes-from": _volumes_from,
    "--workdir": _set("working_dir"),
}
_SHORT = {
    "a": "--attach",
    "c": "--cpu-shares",
    "d": "--detach",
    "e": "--env",
    "h": "--hostname",
    "i": "--interactive",
    "l": "--label",
    "m": "--memory",
    "p": "--publish",
    "P": "--publish-all",
    "q": "--quiet",
    "t": "--tty",
    "u": "--user",
    "v": "--volume",
    "w": "--workdir",
}
