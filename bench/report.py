"""The measured samples as a table: on the terminal, as JSON, and in docs/performance.md."""

import json
import os
import platform
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import configs
from measure import Samples

_SIDES = ("dockless", "docker")  # between which the ratio is


@dataclass(frozen=True, slots=True)
class Row:
    """`budget` in the samples' unit; `shown` writes one number of it; `more` of it is better, not less."""

    key: str
    what: str
    shown: Callable[[float], str]
    budget: float | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """`mark` is how its place in the page is called; `sides` are the columns after the first."""

    mark: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]
    sides: tuple[str, ...] = _SIDES


def _seconds(value: float) -> str:
    if value < 0.00095:
        return f"{value * 1e6:.0f} µs"
    if value < 0.0095:
        return f"{value * 1000:.1f} ms"
    return f"{value:.2f} s" if value >= 0.995 else f"{value * 1000:.0f} ms"


def _mebibytes(value: float) -> str:
    return f"{value:.0f} MiB"


def _gigabits(value: float) -> str:
    return f"{value:.1f} Gbit/s"


def _count(value: float) -> str:
    return f"{value:,.0f}"


_COMPOSE_ROWS = (
    Row("first", "example stack, first `up` on a fresh volume serves", str, 1.0),
    Row("first seconds", "… and until its first HTTP 200", _seconds),
    Row("warm", "example stack, warm `up -d` → first HTTP 200", _seconds, 0.85),
    Row("up", "`up -d`, {count} services of a tiny image", _seconds, 0.4),
    Row("cold", "… where no engine runs yet", _seconds),
    Row("again", "`up -d` again, nothing to do", _seconds, 0.1),
    Row("down", "`down`, those {count}", _seconds, 0.25),
    Row("run", "one container, start to exit, engine warm (`run --rm`)", _seconds, 0.06),
    Row("memory", "all processes but the containers' own, {count} containers (PSS)", _mebibytes, 60.0),
    Row("rest", "at rest (PSS)", _mebibytes, 0.0),
)
_ENGINE_ROWS = (
    Row("docker run", "`docker run --rm busybox true`, the real client", _seconds),
    Row("crowd", "100 containers created and started, 16 at a time", _seconds),
    Row("disperse", "… killed and removed", _seconds),
    Row("crowd memory", "… memory with them, but for their own (PSS)", _mebibytes),
    Row("attach", "attach until it is answered", _seconds),
    Row("echo", "… a line typed until its echo", _seconds),
    Row("exec", "exec of `true`, start to end", _seconds),
    Row("log", "a container that writes 1 GB of lines, start to end", _seconds),
    Row("bulk here", "published port, from the host's loopback: bulk", _gigabits, more=True),
    Row("connections here", "… connections per second", _count, more=True),
    Row("round trip here", "… a byte there and back", _seconds),
    Row("bulk there", "published port, from another machine: bulk", _gigabits, more=True),
    Row("connections there", "… connections per second", _count, more=True),
    Row("round trip there", "… a byte there and back", _seconds),
)
_IMAGE_ROWS = (
    Row("pull", "an image of 500 MB, 5 layers: pulled from a registry on loopback, and unpacked", _seconds),
    Row("save", "… saved to a file", _seconds),
    Row("load", "… loaded from that file", _seconds),
)
COMPOSE = Table("measured", ("what", "dockless", "Docker Compose", "ratio", "budget", "met"), _COMPOSE_ROWS)
IMAGES = Table(
    "images", ("what", "dockless", "dockerd", "podman", "ratio to dockerd"), _IMAGE_ROWS, (*_SIDES, "podman")
)
_BUILD_ROWS = (
    Row("stack-cold", "the example's image, nothing known", _seconds),
    Row("stack-same", "… nothing changed", _seconds),
    Row("stack-source", "… one source file changed", _seconds),
    Row("stack-requirements", "… the requirements changed", _seconds),
    Row("wide-cold", "twelve stages side by side, nothing known", _seconds),
    Row("wide-same", "… nothing changed", _seconds),
    Row("large-cold", "a context of {count} files, nothing known", _seconds),
    Row("large-same", "… nothing changed", _seconds),
    Row("large-one", "… one file changed", _seconds),
)
BUILDS = Table(
    "builds", ("what", "dockless", "BuildKit", "buildah", "ratio to BuildKit"), _BUILD_ROWS, (*_SIDES, "buildah")
)
_CONFIG_ROWS = (
    Row("config", "`config` of a shop of 13 services, variables, anchors, profiles", _seconds),
    *(Row(f"config {size}", f"`config --quiet` of {size:,} generated services", _seconds) for size in configs.SIZES),
)
CONFIG = Table("config", ("what", "dockless", "Docker Compose", "ratio"), _CONFIG_ROWS)
ENGINE = Table("engines", ("what", "dockless", "dockerd", "ratio"), _ENGINE_ROWS)


def table(which: Table, samples: Samples, count: int) -> list[tuple[str, ...]]:
    """Median (least–most) of each row, and how many times dockless is better. The head alone where nothing is known."""
    lines: list[tuple[str, ...]] = [which.head]
    for row in which.rows:
        values = samples.values.get(row.key)
        if not values:
            continue
        cells = (row.what.format(count=count), *(_cell(row, values.get(side, [])) for side in which.sides))
        lines.append((*cells, _ratio(row, values), *_budget(row, values))[: len(which.head)])
    return lines


def _cell(row: Row, values: list[float]) -> str:
    if not values:
        return "–"
    if row.key == "first":
        return f"{sum(values):.0f} of {len(values)}"
    low, high = row.shown(min(values)), row.shown(max(values))
    middle = row.shown(statistics.median(values))
    return middle if low == high else f"{middle} ({low}–{high})"


def _ratio(row: Row, values: dict[str, list[float]]) -> str:
    if row.key == "first" or not all(values.get(side) for side in _SIDES):
        return ""
    ours, theirs = (statistics.median(values[side]) for side in _SIDES)
    if row.more:
        ours, theirs = theirs, ours
    return f"{theirs / ours:.1f} ×" if ours else "∞"


def _budget(row: Row, values: dict[str, list[float]]) -> tuple[str, str]:
    ours = values.get("dockless")
    if row.budget is None or not ours:
        return "", ""
    if row.key == "first":
        return "all", "yes" if all(ours) else "no"
    return f"≤ {row.shown(row.budget)}", "yes" if statistics.median(ours) <= row.budget else "no"


def machine() -> dict[str, str]:
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    release = platform.freedesktop_os_release()
    return {
        "cpu": cpu,
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "kernel": platform.release(),
        "system": release.get("PRETTY_NAME", release["ID"]),
        "python": platform.python_version(),
    }


def print_table(lines: list[tuple[str, ...]]) -> None:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def as_json(samples: Samples, facts: dict[str, Any]) -> str:
    return json.dumps(
        facts | {"samples": samples.values, "memory": samples.memory, "notes": samples.notes}, indent=2, default=dict
    )


def write(page: Path, mark: str, lines: list[tuple[str, ...]], details: list[str]) -> None:
    """Rewrites what stands between the two marks. Raises `ValueError` where they are not there."""
    first, last = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    before, begin, rest = page.read_text().partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"{page}: no {first} … {last}")
    rows = ["| " + " | ".join(line) + " |" for line in lines]
    rows.insert(1, "| " + " | ".join("---" for _ in lines[0]) + " |")
    text = "\n".join([*rows, "", *(f"- {detail}" for detail in details)])
    page.write_text(f"{before}{first}\n{text}\n{last}{after}")


def details(samples: Samples, facts: dict[str, Any]) -> list[str]:
    """What belongs beside the numbers: machine, versions, loads, and where the memory is."""
    found = [
        "{cpu}, {cores} cores, {memory}; Linux {kernel}, {system}; Python {python}".format(**facts["machine"]),
        f"peers: {facts['peers']}; {facts['when']}",
        f"load of the machine (1 minute) before and after: {facts['load'][0]:.1f}, {facts['load'][1]:.1f}",
    ]
    start, packages = (_seconds(facts["floor"][key]) for key in ("start", "with packages"))
    found.append(f"of each dockless command: Python's start {start}, and with its click and msgspec {packages}")
    for side, names in samples.memory.items():
        parts = ", ".join(f"{count} × {name} {pss:.0f} MiB" for name, (count, pss) in names.items())
        found.append(f"memory of {side}: {parts}")
    return found
