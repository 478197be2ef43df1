"""`./dev test`: all tests, in two lanes side by side, each with its own processes and mounts.

Arguments go to pytest and then run in one lane. Without root there is one lane, and what needs root is skipped.

The few tests that fail beside all others run once more, alone. What passes then is named as unsteady, so that it gets
mended, and does not fail the run: with two lanes and several real daemons on two cores, a peer's own race shows too.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dockless.images.trees import remove_tree

HERE = Path(__file__).parent
SLOW = ("build", "clients", "e2e")
MOST_UNSTEADY = 12  # more than these fail together for a reason of their own
# A pid namespace and a runtime folder of its own, so that each lane sees only what is its own; sh is the init that
# reaps orphans.
INIT = 'mkdir -p /run/dockless && mount -t tmpfs -o mode=755 none /run/dockless && "$@"; exit $?'
LANE = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", INIT, "sh")


def main() -> int:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    arguments = sys.argv[1:]
    base = Path(tempfile.mkdtemp(prefix="dockless-tests-"))
    try:
        if arguments:
            return Lane(base / "0", arguments).wait()
        return _all(base)
    finally:
        # Not rmtree: what containers wrote may be deeper than it can follow.
        remove_tree(base)


def _all(base: Path) -> int:
    if not _apart():
        return Lane(base / "0", []).wait()
    lanes = [Lane(base / "0", _folders(slow=True)), Lane(base / "1", _folders(slow=False), quiet=True)]
    statuses = [lane.wait() for lane in lanes]
    for lane in lanes:
        lane.print_log()
    failed = [test for lane in lanes for test in lane.failed()]
    if any(status not in (0, 1) for status in statuses) or len(failed) > MOST_UNSTEADY:
        return 1
    if not failed:
        return max(statuses)
    print(f"Once more, alone: {len(failed)} that failed", flush=True)
    status = Lane(base / "again", failed).wait()
    if status == 0:
        print("\n".join(["These failed beside the others and passed alone; they are unsteady:", *failed]))
    return status


class Lane:
    """One run of pytest, in namespaces of its own where that can be; `quiet`: what it prints is kept for later."""

    def __init__(self, base: Path, arguments: list[str], *, quiet: bool = False) -> None:
        self._cache = base.with_name(f"{base.name}-cache")
        self._log = base.with_name(f"{base.name}.log") if quiet else None
        command = [*(LANE if _apart() else ()), sys.executable, "-m", "pytest"]
        command += ["-o", f"cache_dir={self._cache}", f"--basetemp={base}", *arguments]
        if self._log:
            with self._log.open("wb") as file:
                self._process = subprocess.Popen(command, cwd=HERE.parent, stdout=file, stderr=file)
        else:
            self._process = subprocess.Popen(command, cwd=HERE.parent)

    def wait(self) -> int:
        return self._process.wait()

    def print_log(self) -> None:
        if self._log:
            print(self._log.read_text(errors="replace"), flush=True)

    def failed(self) -> list[str]:
        """The tests that failed or could not be set up, as pytest names them."""
        found = self._cache / "v" / "cache" / "lastfailed"
        return sorted(json.loads(found.read_text())) if found.exists() else []


def _apart() -> bool:
    return os.geteuid() == 0 and shutil.which("unshare") is not None


def _folders(*, slow: bool) -> list[str]:
    found = [path for path in sorted(HERE.iterdir()) if path.is_dir() and any(path.rglob("test_*.py"))]
    return [str(path) for path in found if (path.name in SLOW) == slow]


if __name__ == "__main__":
    sys.exit(main())
