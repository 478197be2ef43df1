"""`docker images --tree`: each image with the platforms that it holds, as lines."""

from collections.abc import Mapping, Sequence
from typing import Any

from dockless.cli.output import human_size, short_id

_HEADS = ("IMAGE", "ID", "DISK USAGE", "CONTENT SIZE", "EXTRA")
_NUMBERS = (2, 3)  # columns that stand at the right
_IN_USE = "U"


def tree(images: Sequence[Mapping[str, Any]]) -> str:
    """A table of the engine's own JSON (`GET /images/json?manifests=1`), the newest image first.

    An engine that keeps no manifests says nothing of platforms: then an image has no branches, and no content beside
    what it takes unpacked.
    """
    images = sorted(images, key=lambda image: -int(image.get("Created") or 0))
    spaced = any(_kept(image) for image in images)
    rows: list[Sequence[str]] = [_HEADS]
    for image in images:
        if spaced and len(rows) > 1:
            rows.append(("",) * len(_HEADS))
        rows += _block(image)
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    return "\n".join("   ".join(_cells(row, widths)).rstrip() for row in rows)


def names_of(image: Mapping[str, Any]) -> list[str]:
    return [name for name in image.get("RepoTags") or () if name != "<none>:<none>"]


def _cells(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def _block(image: Mapping[str, Any]) -> list[Sequence[str]]:
    """An image's lines: its names, what it takes beside the last of them, and its platforms."""
    names = names_of(image) or ["<untagged>"]
    kept = _kept(image)
    content = sum(int(each.get("Size", {}).get("Content") or 0) for each in kept)
    used = int(image.get("Containers") or 0) > 0 or any(_containers(each) for each in kept)
    rows: list[Sequence[str]] = [(name, "", "", "", "") for name in names[:-1]]
    rows.append(
        (names[-1], short_id(image["Id"]), human_size(image["Size"]), human_size(content), _IN_USE if used else "")
    )
    for position, each in enumerate(kept):
        size = each.get("Size", {})
        rows.append(
            (
                f"{'└─' if position == len(kept) - 1 else '├─'} {_platform(each)}",
                short_id(each["ID"]),
                human_size(int(size.get("Total") or 0)),
                human_size(int(size.get("Content") or 0)),
                _IN_USE if _containers(each) else "",
            )
        )
    return rows


def _kept(image: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in image.get("Manifests") or () if each.get("Kind") == "image" and each.get("Available")]


def _containers(manifest: Mapping[str, Any]) -> Sequence[str]:
    return (manifest.get("ImageData") or {}).get("Containers") or ()


def _platform(manifest: Mapping[str, Any]) -> str:
    found = (manifest.get("ImageData") or {}).get("Platform") or {}
    return "/".join(part for key in ("os", "architecture", "variant") if (part := str(found.get(key) or "")))
