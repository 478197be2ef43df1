"""Our loader beside the real Docker Compose on made projects: `python judge_made.py DOCKER_COMPOSE FIRST COUNT`.

Prints one line for each project on which the two differ, then how many agree. The same seed makes the same project:
`… SEED 1 --show` prints it.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parent))
import case_files
import loading
import made_projects
import record_cases

from dockless.compose import printing
from dockless.compose.errors import ComposeError
from dockless.compose.load import LoadOptions, load

_CRASHES = ("goroutine ", "json: error calling MarshalJSON")
"""What Docker Compose says where it fails by a fault of its own (`pid: null`, `build.ssh` with a path)."""
_ENVIRON = {"SET": "set", "EMPTY": "", "NUM": "7"}


@contextmanager
def loader() -> Iterator[made_projects.Fits]:
    """Whether a file loads, among the files that made projects have."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in made_projects.companions().items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)

        def fits(text: str) -> bool:
            (folder / "compose.yaml").write_text(text)
            try:
                load(LoadOptions(cwd=folder, environ=_ENVIRON, profiles=("*",)))
            except ComposeError:
                return False
            return True

        yield fits


def judge(case: case_files.Case, program: str) -> tuple[str, str]:
    """What both made of it (`same`, `both refuse`, or how they differ), and the details."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent).resolve() / "project"
        folder.mkdir()
        case.lay_out(folder)
        said = _ask(program, case, folder, "--format", "json")
        options = loading.options(case, folder)
        try:
            project = load(options)
            ours = printing.as_json(project)
        except ComposeError as error:
            return ("both refuse", "") if said.returncode else ("ours refuses", str(error))
        if said.returncode:
            crashed = any(sign in said.stderr for sign in _CRASHES)
            return ("theirs crashes" if crashed else "ours accepts"), said.stderr.strip().rpartition("\n")[2]
        if found := _difference(json.loads(ours), json.loads(said.stdout), ""):
            return "JSON differs", found
        if ours.strip() != said.stdout.strip():
            return "JSON differs", "in its text"
        ours, theirs = printing.as_yaml(project), _ask(program, case, folder).stdout
        if ours != theirs:
            pairs = zip(ours.splitlines(), theirs.splitlines(), strict=False)
            return "YAML differs", next((f"{left!r}, not {right!r}" for left, right in pairs if left != right), "")
        hashes = printing.hashes(load(replace(options, resolve_environment=False)), ["*"])
        theirs = _ask(program, case, folder, "--hash", "*").stdout
        return ("same", "") if hashes == theirs else ("hashes differ", f"{hashes!r}, not {theirs!r}")


def _ask(program: str, case: case_files.Case, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *case.args, "config", *more], cwd=folder, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/home/user", **case.environ}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _difference(ours: Any, theirs: Any, at: str) -> str:
    """The first place where two JSON values differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        missing = object()
        for key in sorted({*ours, *theirs}):
            left, right = ours.get(key, missing), theirs.get(key, missing)
            if left is missing or right is missing:
                return f"{at}.{key}: only {'theirs' if left is missing else 'ours'}"
            if found := _difference(left, right, f"{at}.{key}"):
                return found
        return ""
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return next((found for at_, (a, b) in pairs if (found := _difference(a, b, f"{at}.{at_}"))), "")
    return "" if type(ours) is type(theirs) and ours == theirs else f"{at}: {ours!r}, not {theirs!r}"


def main() -> None:
    program, first, count = record_cases.program(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    counts: Counter[str] = Counter()
    with loader() as fits:
        for seed in range(first, first + count):
            case = made_projects.make(seed, fits)
            if "--show" in sys.argv:
                print(case.written())
            verdict, details = judge(case, program)
            counts[verdict] += 1
            if verdict not in ("same", "both refuse", "theirs crashes"):
                print(seed, verdict, details.replace("\n", " "), sep=": ", flush=True)
    print(", ".join(f"{verdict}: {number}" for verdict, number in counts.most_common()))


if __name__ == "__main__":
    main()
