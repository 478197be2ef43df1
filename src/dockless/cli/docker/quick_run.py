"""`run` without the command line's library, whose import takes longer than most containers' start.

Only the usual is understood here (`flags.read`): for anything else (a mistake, `--help`, options before the command, a
folder with a compose file, where the word may mean Compose's) `attempt` says so, and the command goes its usual way.
"""

from dockless.cli.docker.run_options import RUN_ALONE, SHARED
from dockless.cli.docker.running import run_container
from dockless.cli.flags import read
from dockless.cli.settings import Session

_WAYS = (["run"], ["container", "run"])


def attempt(arguments: list[str]) -> int | None:
    """Runs `[container] run …` and returns its exit status; None if it is to be run the usual way."""
    way = next((way for way in _WAYS if arguments[: len(way)] == way), None)
    found = None if way is None else read((*RUN_ALONE, *SHARED), arguments[len(way) :])
    if found is None or way is None or not found[1]:
        return None
    flags, (image, *command) = found
    session = Session()
    if way == ["run"] and session.in_project():
        return None
    try:
        return run_container(session, {**flags, "image": image, "command": tuple(command)})
    except BaseException as error:  # noqa: BLE001  (sorted out by `end_of`, which raises what it does not know)
        from dockless.cli.ending import end_of

        return end_of(error)
