"""Writes into each case what Docker Compose makes of it: `python record_cases.py DOCKER_COMPOSE [CASE…]`."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import case_files

PLACE, PARENT = "/PROJECT", "/PARENT"


def services(case: case_files.Case) -> tuple[str, ...]:
    """Those named on the command line, after `--`."""
    return case.args[case.args.index("--") + 1 :] if "--" in case.args else ()


def program(name: str) -> str:
    """The program behind a name. The Python package's own start script hides the exit status of the real one."""
    found = Path(shutil.which(name) or name).resolve()
    with found.open("rb") as file:
        if file.read(2) != b"#!":
            return str(found)
    beside = sorted(found.parent.parent.glob("lib/python*/site-packages/compose/docker-compose"))
    return str(beside[0]) if beside else str(found)


def run(command: Sequence[str], case: case_files.Case, more: Sequence[str]) -> tuple[int, str]:
    """The exit status and what is printed, with the project's folder called `/PROJECT`."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent).resolve() / "project"
        folder.mkdir()
        case.lay_out(folder)
        environ = {"PATH": "/usr/bin:/bin", "HOME": "/home/user", **case.environ}
        flags = case.args[: case.args.index("--")] if "--" in case.args else case.args
        done = subprocess.run(
            [*command, *flags, "config", *more, *services(case)],
            cwd=folder, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout.replace(str(folder), PLACE).replace(str(folder.parent), PARENT)


def record(command: Sequence[str], case: case_files.Case) -> case_files.Case:
    """The case with what the command answers."""
    status, text = run(command, case, ["--format", "json"])
    if status:
        return case.with_recorded({"refused": ""})
    recorded = {"expected.json": text, "expected.yaml": run(command, case, [])[1]}
    hashes = run(command, case, ["--hash", "*"])[1]
    if (
        PLACE not in text and PARENT not in text and "env_file" not in str(case.files) and not services(case)
    ):  # a path is part of the hash
        recorded["expected.hash"] = hashes
    return case.with_recorded(recorded)


def main() -> None:
    command = [program(sys.argv[1])]
    for path in sorted(case_files.CASES.glob("*.case")):
        if not sys.argv[2:] or path.stem in sys.argv[2:]:
            path.write_text(record(command, case_files.read(path)).written())


if __name__ == "__main__":
    main()
