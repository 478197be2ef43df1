"""What a step may have beyond its sandbox, and only where whoever asked for the build has granted it (BuildKit's
entitlements): the host's network, and the rights of a privileged container."""

from collections.abc import Iterable

from dockless.build.errors import BuildError
from dockless.build.options import BuildOptions
from dockless.build.plan import Plan
from dockless.dockerfile.model import Dockerfile, Run

NETWORK_HOST = "network.host"
INSECURE = "security.insecure"
KNOWN = (NETWORK_HOST, INSECURE)


def check_known(names: Iterable[str]) -> None:
    """Raises `BuildError`."""
    for name in names:
        if name not in KNOWN:
            raise BuildError(f"unknown entitlement {name}: {' and '.join(KNOWN)} can be granted")


def check(dockerfile: Dockerfile, plan: Plan, options: BuildOptions) -> None:
    """Before anything is built: raises `BuildError` for the first step that wants what is not granted."""
    for planned in plan.stages:
        for instruction in planned.stage.instructions:
            if isinstance(instruction, Run) and (said := refusal(instruction, options)):
                raise BuildError(
                    said,
                    name=dockerfile.name,
                    position=instruction.position,
                    instruction=instruction.text,
                    text=dockerfile.text,
                )


def refusal(instruction: Run, options: BuildOptions) -> str:
    """Why the step cannot have what it wants; "" where it can. A build in the host's network has that anyway."""
    wanted = {
        INSECURE: instruction.security == "insecure",
        NETWORK_HOST: instruction.network == "host" and options.network != "host",
    }
    flags = {INSECURE: "--security=insecure", NETWORK_HOST: "--network=host"}
    for name, wants in wanted.items():
        if wants and name not in options.entitlements:
            how = f"build with --allow {name} (in a compose file: entitlements: [{name}])"
            return f"{flags[name]}: {name} is not allowed; {how}"
    return "--device: devices are not given to a step of a build" if instruction.devices else ""
