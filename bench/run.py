"""`./dev bench`: dockless and Docker Compose side by side on this machine, in one run. Needs root and apt.

Both run the very same images, each in namespaces of its own, by turns. Everything is taken away afterwards, but for the
peer's programs (`--peers`) and, where `--work` names one, the folder with images and state.
"""

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import configs
import engines
import large
import measure
import podman
import report
from lane import Lane
from measure import Samples, by_turns
from peers import (
    COMPOSE_VERSION,
    REPOSITORY,
    Docker,
    Side,
    compose_alone,
    dockless,
    hand_over,
    install,
    install_dockless,
    make_images,
)
from stacks import EXAMPLE_IMAGES, TINY_IMAGE, example, many

PAGE = REPOSITORY / "docs" / "performance.md"
BLOCKS = ("stack", "many", "one", "rest", "cli", "crowd", "attach", "port", "log", "images", "config")


def main() -> int:
    if "--builds" in sys.argv:
        import builds

        return builds.main([argument for argument in sys.argv[1:] if argument != "--builds"])
    options = _options(sys.argv[1:])
    if os.geteuid() != 0:
        print("bench: dockerd needs root", file=sys.stderr)
        return 1
    install(options.peers)
    with contextlib.ExitStack() as cleaning:
        if options.work:
            work = options.work.absolute()
            work.mkdir(parents=True, exist_ok=True)
        else:
            work = Path(tempfile.mkdtemp(prefix="dockless-bench-", dir="/var/tmp"))
            cleaning.callback(shutil.rmtree, work)
        samples, facts = _measured(options, work)
    details = report.details(samples, facts)
    if options.json:
        print(report.as_json(samples, facts))
    more = {report.COMPOSE: details, report.CONFIG: [*details[:3], *configs.details(samples)]}
    for which in (report.COMPOSE, report.ENGINE, report.IMAGES, report.CONFIG):
        lines = report.table(which, samples, options.services)
        if len(lines) == 1:
            continue
        if not options.json:
            report.print_table(lines)
        if options.write:
            report.write(PAGE, which.mark, lines, more.get(which, details[:3]))
    for note in (*details, *(samples.notes if options.verbose else ())) if not options.json else ():
        print(note)
    return 0


def _measured(options: argparse.Namespace, work: Path) -> tuple[Samples, dict[str, Any]]:
    root = work / "root"
    root.mkdir(exist_ok=True)
    stack, tiny = example(work), many(work, options.services)
    command = options.command or install_dockless(work / "venv")
    with_stacks, with_engines = set(options.only) - {"images", "config"}, set(options.only) != {"config"}
    if with_stacks:
        _say("images")
        make_images(command, root, stack)
    samples = Samples()
    before = measure.load()
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    with contextlib.ExitStack() as lanes:
        sides = [dockless(lanes.enter_context(Lane(work, root)), command)]
        versions = "none"
        if not options.alone and not with_engines:
            sides.append(compose_alone(lanes.enter_context(Lane(work, root)), options.peers))
            versions = f"Docker Compose {COMPOSE_VERSION}"
        elif not options.alone:
            lanes.callback(Docker.clean)
            docker = lanes.enter_context(Docker(lanes.enter_context(Lane(work, root)), options.peers, work))
            sides.append(docker)
            versions = _versions(docker)
            if with_stacks:
                hand_over(root, docker, (*EXAMPLE_IMAGES, TINY_IMAGE), work)
        floor = measure.floor(sides[0])
        blocks = [
            ("stack", options.stack_rounds, measure.user_stack(stack)),
            ("many", options.rounds, measure.many_services(tiny)),
            ("one", options.rounds, measure.one_container),
            ("rest", options.rest_rounds, measure.at_rest(tiny)),
        ]
        sockets = {side.name: _socket(side) for side in sides}

        def socket(side: Side) -> Path:
            return sockets[side.name]

        if not options.alone:
            blocks.append(("cli", options.rounds, measure.one_by_docker_cli(sides[1], socket(sides[0]))))
        blocks += [
            ("crowd", options.engine_rounds, engines.crowd(socket)),
            ("attach", options.engine_rounds, engines.attach(socket)),
            ("port", options.engine_rounds, engines.published_port),
            ("log", options.log_rounds, engines.log(socket)),
            ("images", options.image_rounds, large.images(work, options.peers)),
            ("config", options.config_rounds, configs.pairs(configs.shop(work))),
            ("config", options.config_rounds // 8 or 1, configs.growing(configs.generated(work))),
        ]
        for name, rounds, block in blocks:
            if name not in options.only:
                continue
            those = sides
            if name == "images" and not options.alone:
                tools = podman.Tools.at(options.podman, work / "podman", large.PORT)
                lanes.callback(tools.remove)
                those = [*sides, podman.podman(lanes.enter_context(Lane(work, root)), tools)]
                versions += f", {tools.version('podman')}"
            for progress in by_turns(those, rounds, block, samples):
                _say(progress)
    loads = [before, measure.load()]
    facts = {"machine": report.machine(), "peers": versions, "when": when, "load": loads, "floor": floor}
    return samples, facts


def _versions(docker: Side) -> str:
    server = docker.command("version", "--format", "{{.Server.Version}}").output.strip()
    return f"dockerd {server}, Docker Compose {COMPOSE_VERSION}"


def _socket(side: Side) -> Path:
    if "DOCKER_HOST" in side.environ:
        return Path(side.environ["DOCKER_HOST"].removeprefix("unix://"))
    from dockless.places import Places

    return Places.of(side.environ, os.geteuid()).engine_socket


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev bench", description=__doc__)
    parser.add_argument("--stack-rounds", type=int, default=5, metavar="N", help="first ups of the example stack")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of each other measurement")
    parser.add_argument("--rest-rounds", type=int, default=3, metavar="N", help="rounds at rest, 10 s each")
    parser.add_argument(
        "--engine-rounds", type=int, default=2, metavar="N", help="rounds of the engines' own measurements"
    )
    parser.add_argument("--log-rounds", type=int, default=1, metavar="N", help="rounds of writing 1 GB")
    parser.add_argument("--image-rounds", type=int, default=3, metavar="N", help="rounds with an image of 500 MB")
    parser.add_argument("--config-rounds", type=int, default=25, metavar="N", help="pairs of `config`")
    parser.add_argument("--services", type=int, default=30, metavar="N", help="services of the synthetic stack")
    parser.add_argument("--only", nargs="+", choices=BLOCKS, default=BLOCKS, help="these blocks alone")
    parser.add_argument("--alone", action="store_true", help="without the peer")
    parser.add_argument("--json", action="store_true", help="print all samples as JSON instead of the table")
    parser.add_argument("--write", action="store_true", help="rewrite the measured table in docs/performance.md")
    parser.add_argument("--verbose", action="store_true", help="print what failed commands said")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep images and state here for the next run")
    parser.add_argument("--peers", type=Path, default=Path("/opt/dockless-peers"), metavar="FOLDER")
    parser.add_argument("--podman", type=Path, default=podman.FOLDER, metavar="FOLDER")
    parser.add_argument(
        "--command", type=Path, metavar="PATH", help="the dockless to measure (default: a fresh install)"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
