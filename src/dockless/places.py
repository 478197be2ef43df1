"""Where dockless keeps its state and its sockets.

Both halves use it: the client finds the engine's socket here, the engine its state. Nothing is created here;
whoever writes a file makes its folder.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec


class Places(msgspec.Struct, frozen=True):
    """The state folder (survives a reboot) and the runtime folder (sockets, locks and pids; may vanish)."""

    root: Path
    runtime: Path

    @classmethod
    def of(cls, environ: Mapping[str, str], uid: int) -> "Places":
        """`DOCKLESS_ROOT` moves both: each root has an engine of its own, whose sockets are named by the root's hash.

        The runtime folder stays short because a Unix socket's path is limited to 107 bytes.
        """
        base = Path("/run/dockless") if uid == 0 else _user_runtime(environ, uid)
        if named := environ.get("DOCKLESS_ROOT"):
            import hashlib  # only here: every command pays for what this module imports

            root = Path(named).absolute()
            return cls(root, base / hashlib.sha256(os.fsencode(root)).hexdigest()[:12])
        if uid == 0:
            return cls(Path("/var/lib/dockless"), base / "default")
        data = environ.get("XDG_DATA_HOME") or str(Path(environ.get("HOME", "/")) / ".local/share")
        return cls(Path(data) / "dockless", base / "default")

    @property
    def engine_socket(self) -> Path:
        return self.runtime / "engine.sock"

    @property
    def engine_lock(self) -> Path:
        """Held (flock) by the engine as long as it lives, and by a client while it starts one."""
        return self.runtime / "engine.lock"

    @property
    def launcher_socket(self) -> Path:
        return self.runtime / "launcher.sock"

    @property
    def relay_socket(self) -> Path:
        return self.runtime / "relay.sock"

    @property
    def engine_log(self) -> Path:
        """Tracebacks of our own faults; the path that error messages name."""
        return self.root / "engine.log"

    @property
    def database(self) -> Path:
        return self.root / "state.db"

    @property
    def blobs(self) -> Path:
        return self.root / "blobs" / "sha256"

    @property
    def layers(self) -> Path:
        return self.root / "layers"

    @property
    def containers(self) -> Path:
        return self.root / "containers"

    @property
    def volumes(self) -> Path:
        return self.root / "volumes"

    @property
    def empty(self) -> Path:
        """A folder with nothing in it: the lower directory of a root that has no layers (overlayfs wants one)."""
        return self.root / "empty"

    @property
    def mount_points(self) -> Path:
        """The lowest layer of every container's root: where an image lacks what is always mounted, it is found here."""
        return self.root / "mount-points"

    @property
    def scratch(self) -> Path:
        """Half-made things, on the state's file system so that they can be renamed into place; emptied at start."""
        return self.root / "scratch"


def _user_runtime(environ: Mapping[str, str], uid: int) -> Path:
    if named := environ.get("XDG_RUNTIME_DIR"):
        return Path(named) / "dockless"
    return Path(f"/tmp/dockless-{uid}")
