"""What every container has mounted, and the layer that lends the places for it to images that lack them.

The layer lies below all others, so that it shows only where an image has nothing of that name (and hides nothing).
Without it each start would make these places in the container's own layer.
"""

from pathlib import Path

FOLDERS = ("dev", "proc", "sys")
FILES = ("etc/hostname", "etc/hosts", "etc/resolv.conf")


def make_layer(folder: Path) -> None:
    """Makes it, or what of it is missing. Raises OSError."""
    for name in (*FOLDERS, "etc"):
        (folder / name).mkdir(mode=0o755, parents=True, exist_ok=True)
    for name in FILES:
        (folder / name).touch(mode=0o644)
