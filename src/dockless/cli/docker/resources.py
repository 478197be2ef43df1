"""Limits and devices of `docker run` and `docker update` that have a syntax of their own: rates, weights, GPUs."""

from collections.abc import Iterable, Mapping
from typing import Any

from dockless.cli.docker.units import bytes_of
from dockless.cli.failure import Failure
from dockless.wire.config import DeviceRequest, ThrottleDevice, WeightDevice

_RATES = ("device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops")


def further_limits(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the host configuration. Raises `Failure` (125)."""
    swappiness = flags["memory_swappiness"]
    rates = {f"blkio_{name}": tuple(_rate(text, name) for text in flags[name]) or None for name in _RATES}
    return {
        **rates,
        "blkio_weight": flags["blkio_weight"],
        "blkio_weight_device": tuple(_weight(text) for text in flags["blkio_weight_device"]) or None,
        "cpu_realtime_period": flags["cpu_rt_period"],
        "cpu_realtime_runtime": flags["cpu_rt_runtime"],
        "cpuset_mems": flags["cpuset_mems"],
        "device_cgroup_rules": flags["device_cgroup_rule"] or None,
        "device_requests": (gpus(flags["gpus"]),) if flags["gpus"] else None,
        "memory_swappiness": None if swappiness == -1 else swappiness,
    }


def gpus(text: str) -> DeviceRequest:
    """`all`, a number, or `device=ID,…`, `count=…`, `capabilities=…`, `driver=…`. Raises `Failure` (125)."""
    count, driver = 1, ""
    ids: list[str] = []
    capabilities = ["gpu"]
    import csv

    for field in next(csv.reader([text])):
        key, equals, value = field.partition("=")
        match key if equals else "count":
            case "count":
                count = _count(value if equals else key)
            case "device":
                ids += value.split(",")
            case "driver":
                driver = value
            case "capabilities":
                capabilities += value.split(",")
            case _:
                raise Failure(f'docker: invalid argument "{text}" for "--gpus" flag: unexpected key \'{key}\'', 125)
    return DeviceRequest(
        driver=driver,
        count=0 if ids else count,
        device_ids=tuple(ids) or None,
        capabilities=(tuple(dict.fromkeys(capabilities)),),
    )


def _count(text: str) -> int:
    if text == "all":
        return -1
    if not text.isdigit():
        raise Failure(f'docker: invalid argument "{text}" for "--gpus" flag: a number, or all', 125)
    return int(text)


def _rate(text: str, name: str) -> ThrottleDevice:
    flag = name.replace("_", "-")
    device, number = _device(text, flag)
    if name.endswith("bps"):
        return ThrottleDevice(path=device, rate=bytes_of(number, flag))
    if not number.isdigit():
        raise Failure(f"docker: invalid rate for device: {text}: write PATH:NUMBER, NUMBER a positive integer", 125)
    return ThrottleDevice(path=device, rate=int(number))


def _weight(text: str) -> WeightDevice:
    device, number = _device(text, "blkio-weight-device")
    if not number.isdigit() or (int(number) and not 10 <= int(number) <= 1000):
        raise Failure(f"docker: invalid weight for device: {text}", 125)
    return WeightDevice(path=device, weight=int(number))


def _device(text: str, flag: str) -> tuple[str, str]:
    device, colon, number = text.partition(":")
    if not colon or not device.startswith("/dev/"):
        raise Failure(f'docker: invalid argument "{text}" for "--{flag}" flag: bad format: write /dev/NAME:NUMBER', 125)
    return device, number


def pairs(flags: Iterable[str]) -> dict[str, str]:
    """`KEY=VALUE`, several times."""
    return {key: value for key, _, value in (flag.partition("=") for flag in flags)}
