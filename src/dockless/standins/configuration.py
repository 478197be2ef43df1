"""A recipe's Dockerfile → the image's configuration.

Only instructions that configure are allowed, since what changes files stands in the recipe's parts. Words may
use the plan's variables; ARG declares them for the reader and for Dockerfile tools, and does nothing here. The last
stage is the image; where its FROM names a stage, that one's instructions come first.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from dockless.dockerfile import Dockerfile, parse
from dockless.dockerfile import model as instructions
from dockless.dockerfile.model import CommandLine, Instruction, Stage
from dockless.dockerfile.words import expand
from dockless.images.config import ContainerConfig, Healthcheck


def read(folder: Path) -> Dockerfile:
    file = folder / "Dockerfile"
    return parse(file.read_text(encoding="utf-8"), name=str(file))


def base(dockerfile: Dockerfile, variables: Mapping[str, str]) -> str | None:
    """The image that the recipe's FROM names, None for scratch."""
    named = expand(_stages(dockerfile, variables)[0].from_.base, variables)
    return None if named == "scratch" else named


def configure(dockerfile: Dockerfile, variables: Mapping[str, str], config: ContainerConfig) -> ContainerConfig:
    """`config` (the base image's) with the recipe's instructions applied."""
    for stage in _stages(dockerfile, variables):
        for instruction in stage.instructions:
            known = {**variables, **dict(pair.split("=", 1) for pair in config.env)}
            config = msgspec.structs.replace(config, **_change(instruction, known, config))
    return config


def _stages(dockerfile: Dockerfile, variables: Mapping[str, str]) -> list[Stage]:
    """The stages that make up the last one, lowest first."""
    stages = [dockerfile.stages[-1]]
    while True:
        named = expand(stages[0].from_.base, variables)
        earlier = dockerfile.stages[: stages[0].index]
        below = next((stage for stage in earlier if stage.name == named), None)
        if below is None:
            return stages
        stages.insert(0, below)


def _change(instruction: Instruction, variables: Mapping[str, str], config: ContainerConfig) -> dict[str, object]:
    match instruction:
        case instructions.Env(pairs=pairs):
            env = dict(pair.split("=", 1) for pair in config.env)
            env |= {name: expand(value, variables) for name, value in pairs}
            return {"env": tuple(f"{name}={value}" for name, value in env.items())}
        case instructions.Label(pairs=pairs):
            return {"labels": {**config.labels, **{name: expand(value, variables) for name, value in pairs}}}
        case instructions.Expose(ports=ports):
            named = [port if "/" in port else f"{port}/tcp" for port in (expand(port, variables) for port in ports)]
            return {"exposed_ports": {**config.exposed_ports, **{port: {} for port in named}}}
        case instructions.Volume(paths=paths):
            return {"volumes": {**config.volumes, **{expand(path, variables): {} for path in paths}}}
        case instructions.User(user=user):
            return {"user": expand(user, variables)}
        case instructions.Workdir(path=path):
            return {"working_dir": expand(path, variables)}
        case instructions.Stopsignal(signal=signal):
            return {"stop_signal": expand(signal, variables)}
        case instructions.Entrypoint(command=command):
            return {"entrypoint": _words(command), "cmd": None}
        case instructions.Cmd(command=command):
            return {"cmd": _words(command)}
        case instructions.Healthcheck(command=command):
            return {"healthcheck": _healthcheck(instruction, command)}
        case instructions.Arg():
            return {}
    raise ValueError(f"a recipe's Dockerfile only configures: {instruction.original}")


def _healthcheck(instruction: instructions.Healthcheck, command: CommandLine | None) -> Healthcheck:
    if command is None:
        return Healthcheck(test=("NONE",))
    return Healthcheck(
        test=(("CMD-SHELL" if command.shell else "CMD"), *command.words),
        interval=instruction.interval,
        timeout=instruction.timeout,
        start_period=instruction.start_period,
        start_interval=instruction.start_interval,
        retries=instruction.retries,
    )


def _words(command: CommandLine) -> tuple[str, ...]:
    return ("/bin/sh", "-c", *command.words) if command.shell else command.words
