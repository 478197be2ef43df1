"""The page in a real browser: the picture is readable for a few services and for thirty, light and dark; nothing is
loaded from outside and nothing is complained about.
"""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from reading import FETCH, HERE, stack_in

from dockless.explain.drawing.svg import draw
from dockless.explain.show.html import render
from dockless.explain.story.by_hand import by_hand
from dockless.explain.story.telling import tell_stack

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-proxy-server",
    "--enable-logging=stderr",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
STACKS = HERE.parent / "compose_run" / "stacks"


@pytest.fixture(autouse=True, scope="module")
def _browser() -> None:
    if BROWSER is None:
        if os.environ.get("DOCKLESS_TEST_PEERS") == "required":
            pytest.fail("no chromium here: .ci/run installs it")
        pytest.skip("needs chromium")


def _stack(name: str, folder: Path) -> Path:
    if name == "users":
        shutil.copytree(FETCH, folder / "fetch_c1", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "fetch_c1" / ".env").write_text("POSTGRES_PASSWORD=sekrit\nPOSTGRES_USER=me\n")
        return folder / "fetch_c1"
    if name == "thirty":
        (folder / "conf").mkdir()
        shutil.copy(HERE / "pages" / "thirty.yaml", folder / "compose.yaml")
        return folder
    return STACKS / name


def _page(name: str, folder: Path) -> str:
    stack = stack_in(_stack(name, folder))
    return render(tell_stack(stack, by_hand=by_hand(stack)), draw(stack))


def _look(page: str, folder: Path, *flags: str) -> dict[str, Any]:
    """Opens the page with the script that looks at it, and returns what it saw."""
    script = (HERE / "pages" / "look.js").read_text()
    (folder / "page.html").write_text(page.replace("</body>", f"<script>{script}</script></body>"))
    log = folder / "net.json"
    command = [str(BROWSER), *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", *flags]
    done = subprocess.run(
        [*command, "--dump-dom", f"file://{folder / 'page.html'}"], capture_output=True, text=True, timeout=120
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    seen = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert seen, done.stdout[-500:] + done.stderr[-500:]
    found: dict[str, Any] = json.loads(html.unescape(seen[1]))
    found["asked"] = _asked(log)
    return found


def _asked(log: Path) -> list[str]:
    """The addresses that the page itself asked for: the browser's own requests have no origin."""
    found = set()
    for event in json.loads(log.read_text())["events"]:
        asked = event.get("params", {})
        if "initiator" in asked and asked["initiator"] != "not an origin":
            found.add(asked["url"])
    return sorted(found)


_FAULTS = ("overlaps", "outside", "crossed", "faint", "wide", "resources", "asked")


@pytest.mark.parametrize(("scheme", "setting"), [("light", 1), ("dark", 0)])
@pytest.mark.parametrize(("name", "boxes"), [("users", 5), ("thirty", 43)])
def test_nothing_overlaps_and_all_can_be_read(name: str, boxes: int, scheme: str, setting: int, tmp_path: Path) -> None:
    flags = (f"--blink-settings=preferredColorScheme={setting}", "--window-size=1440,1000")
    found = _look(_page(name, tmp_path), tmp_path, *flags)
    assert {fault: found[fault] for fault in _FAULTS} == {fault: [] for fault in _FAULTS}
    assert found["boxes"] == boxes
    assert found["lines"] >= 4
    assert (found["ground"] > 0.9) if scheme == "light" else (found["ground"] < 0.05)


@pytest.mark.parametrize("name", ["networks", "granted"])
def test_other_shapes_are_readable_too(name: str, tmp_path: Path) -> None:
    found = _look(_page(name, tmp_path), tmp_path, "--window-size=500,900")
    assert {fault: found[fault] for fault in _FAULTS} == {fault: [] for fault in _FAULTS}
