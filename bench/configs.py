"""`config`, by dockless and Docker Compose: projects as people write them, and generated ones that grow.

The projects are made here. No engine is asked for any of it, so the peer is the program alone.
"""

import itertools
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path

from lane import Done
from measure import Samples
from peers import Side

SIZES = (250, 500, 1000, 2000)
_SHOP = Path(__file__).with_name("shop")
_SERVICE = """\
  s{n}:
    image: registry.example.com/app/s{n}:${{TAG:-1.{n}}}
    build: {{context: ./s{n}, args: [A=1]}}
    extends: base
    environment: {{NUMBER: "{n}", DATABASE_URL: "postgres://app:$PASSWORD@db{n}/app"}}
    ports: ["{port}:80"]
    volumes: ["v{n}:/data", "./s{n}/conf:/etc/app:ro"]
    networks: {{n{net}: {{aliases: [a{n}]}}}}
    depends_on: [{before}]
    healthcheck: {{test: curl -f localhost, interval: 1m30s, retries: 3}}
    deploy: {{resources: {{limits: {{memory: 64m, cpus: "0.5"}}}}}}
    labels: ["com.example.number={n}"]
"""
_ENVIRONMENT = "TAG=\nPASSWORD=secret\n"


def pairs(project: Path) -> Callable[[Side, Samples], None]:
    """`config`, whole, of a project; one run of each side is a pair."""

    def config(side: Side, samples: Samples) -> None:
        _add(samples, "config", side, side.on(project, "config"))

    return config


def growing(projects: dict[int, Path]) -> Callable[[Side, Samples], None]:
    """`config --quiet` of each size."""

    def config_of_many(side: Side, samples: Samples) -> None:
        for count, project in projects.items():
            _add(samples, f"config {count}", side, side.on(project, "config", "--quiet"))

    return config_of_many


def _add(samples: Samples, row: str, side: Side, done: Done) -> None:
    """Seconds, and those of the processor: what others do on the machine is hardly in these."""
    samples.add(row, side, done.seconds)
    samples.add(f"{row} cpu", side, done.cpu)


def shop(parent: Path) -> Path:
    """A copy of the project in this folder, with its `.env`."""
    folder = parent / "shop"
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(_SHOP, folder)
    (folder / "env.example").rename(folder / ".env")
    return folder


def generated(parent: Path) -> dict[int, Path]:
    """A project's folder for each size."""
    return {count: _project(parent / f"services-{count}", count) for count in SIZES}


def details(samples: Samples) -> list[str]:
    """What the table does not say: the pairs' ratios, and how the processor's time grows."""
    found = []
    for key, what in (("config", ""), ("config cpu", " of the processor's time")):
        ours, theirs = (samples.values[key].get(side, []) for side in ("dockless", "docker"))
        if ours and theirs:
            ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
            least, most = min(ratios), max(ratios)
            found.append(
                f"in {len(ratios)} pairs of the shop dockless took {statistics.median(ratios):.2f} times as much"
                f"{what or ' time'} as Docker Compose ({least:.2f}–{most:.2f})"
            )
    for side, name in (("dockless", "dockless"), ("docker", "Docker Compose")):
        least_of = {count: min(samples.values[f"config {count} cpu"].get(side, [0.0])) for count in SIZES}
        if all(least_of.values()):
            steps = ", ".join(
                f"{(least_of[after] - least_of[before]) / (after - before) * 1000:.2f} ms"
                for before, after in itertools.pairwise(SIZES)
            )
            found.append(f"processor time for each further service, from one size to the next: {name} {steps}")
    return found


def _project(folder: Path, count: int) -> Path:
    folder.mkdir(exist_ok=True)
    services = "".join(
        _SERVICE.format(n=n, port=10000 + n, net=n % 20, before=f"s{n - 1}" if n else "base") for n in range(count)
    )
    networks = "".join(f"  n{n}: {{}}\n" for n in range(20))
    volumes = "".join(f"  v{n}: {{}}\n" for n in range(count))
    text = f"services:\n  base: {{image: base, restart: always}}\n{services}networks:\n{networks}volumes:\n{volumes}"
    (folder / "compose.yaml").write_text(text)
    (folder / ".env").write_text(_ENVIRONMENT)
    return folder
