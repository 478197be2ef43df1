"""The first process of a test's container, started by `unshare`: mounts the root, changes into it, runs the command.

Its one argument is JSON; see `standins_runner.started`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path


def main() -> None:
    told = json.loads(sys.argv[1])
    root = Path(told["root"])
    layers = f"lowerdir={':'.join(told['lower'])},upperdir={told['upper']},workdir={told['work']}"
    mount("-t", "overlay", "-o", layers, "overlay", root)
    for name in ("proc", "dev", "sys"):
        (root / name).mkdir(exist_ok=True)
    mount("-t", "proc", "proc", root / "proc")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", root / "dev")
    for device in ("null", "zero", "full", "random", "urandom", "tty"):
        (root / "dev" / device).touch()
        mount("--bind", f"/dev/{device}", root / "dev" / device)
    for link, target in {"fd": "fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}.items():
        (root / "dev" / link).symlink_to(f"/proc/self/{target}")
    (root / "dev/shm").mkdir()
    (root / "dev/shm").chmod(0o1777)
    for source, target in told["binds"]:
        place = root / target.lstrip("/")
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.mkdir() if Path(source).is_dir() else place.touch()
        mount("--bind", source, place)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=False, stderr=subprocess.DEVNULL)
    os.chroot(root)
    os.chdir(told["cwd"])
    uid, gid = told["ids"]
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    os.umask(0o022)
    try:
        os.execvpe(told["argv"][0], told["argv"], told["env"])
    except OSError as error:
        print(f"exec {told['argv'][0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127)


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
