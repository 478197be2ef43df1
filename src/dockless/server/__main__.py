"""The engine process: `python -m dockless.server`, started by a client that finds none, or by the launcher.

`--started LOCK READY`: a client started it, which already holds the lock on descriptor LOCK and waits at the pipe READY
to be told that the engine listens.
"""

import gc
import os
import sys


def main() -> int:
    held, ready = detached(sys.argv[1:])
    # What is imported stays: the collector would look through it again and again in vain. `serve` turns it on again.
    gc.disable()
    from dockless.server.engine_process import serve

    return serve(held, ready)


def detached(arguments: list[str]) -> tuple[int | None, int | None]:
    """The descriptors LOCK and READY; where they are given, this process goes on as nobody's child."""
    if arguments and arguments[0] == "--started" and len(arguments) == 3:
        held, ready = int(arguments[1]), int(arguments[2])
        if os.fork():
            os._exit(0)
        os.set_inheritable(held, False)
        os.set_inheritable(ready, False)
        return held, ready
    if arguments:
        sys.exit("usage: python -m dockless.server")
    return None, None


if __name__ == "__main__":
    sys.exit(main())
