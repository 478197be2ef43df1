"""`./dev test`: all tests, in two lanes side by side, each with its own processes and mounts.

Arguments go to pytest and then run in one lane. Without root there is one lane, and what needs root is skipped.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dockless.images.trees import remove_tree

HERE = Path(__file__).parent
SLOW = ("build", "clients", "e2e")
# A pid namespace and a runtime folder of its own, so that each lane sees only what is its own; sh is the init that
# reaps orphans.
INIT = 'mkdir -p /run/dockless && mount -t tmpfs -o mode=755 none /run/dockless && "$@"; exit $?'
LANE = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", INIT, "sh")


def main() -> int:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    arguments = sys.argv[1:]
    lanes = [[*arguments]] if arguments else [_folders(slow=True), _folders(slow=False)]
    prefix = LANE if os.geteuid() == 0 and shutil.which("unshare") else ()
    if not prefix and not arguments:
        lanes = [[]]
    base = Path(tempfile.mkdtemp(prefix="dockless-tests-"))
    logs = []
    running = []
    for number, lane in enumerate(lane for lane in lanes if lane or not prefix):
        command = [
            *prefix,
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            f"--basetemp={base / str(number)}",
            *lane,
        ]
        if number == 0:
            running.append(subprocess.Popen(command, cwd=HERE.parent))
        else:
            log = base / f"{number}.log"
            logs.append(log)
            with log.open("wb") as file:
                running.append(subprocess.Popen(command, cwd=HERE.parent, stdout=file, stderr=file))
    statuses = [process.wait() for process in running]
    for log in logs:
        print(log.read_text(errors="replace"))
    # Not rmtree: what containers wrote may be deeper than it can follow.
    remove_tree(base)
    return 1 if any(statuses) else 0


def _folders(*, slow: bool) -> list[str]:
    found = [path for path in sorted(HERE.iterdir()) if path.is_dir() and any(path.rglob("test_*.py"))]
    return [str(path) for path in found if (path.name in SLOW) == slow]


if __name__ == "__main__":
    sys.exit(main())
