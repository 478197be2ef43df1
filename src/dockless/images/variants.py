"""Names that stand for images of several platforms, as rows in state.db: what an image index is at a registry.

One image answers to a name (the table image_names): the one for this machine, where there is one. Where a name stands
for several, each of them is a row here, that one included; those that only an index names are in no list of images, and
go with the last name that has them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from sqlite3 import Connection

from dockless.registry.platform import Platform

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS image_variants (
        name TEXT NOT NULL, position INTEGER NOT NULL, platform TEXT NOT NULL,
        image TEXT NOT NULL REFERENCES images ON DELETE CASCADE, PRIMARY KEY (name, position)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS image_variants_of ON image_variants (image)",
)


@dataclass(frozen=True, slots=True)
class Variant:
    """The image (its id) that a name stands for on one platform."""

    platform: Platform
    image: str


def of_name(connection: Connection, name: str) -> list[Variant]:
    """In the index's order; none where the name stands for one image alone."""
    rows = connection.execute("SELECT * FROM image_variants WHERE name = ? ORDER BY position", (name,)).fetchall()
    return [Variant(Platform.parse(row["platform"]), row["image"]) for row in rows]


def put(connection: Connection, name: str, variants: Sequence[Variant]) -> None:
    """What the name stands for from now on; one image alone needs no rows."""
    connection.execute("DELETE FROM image_variants WHERE name = ?", (name,))
    if len(variants) > 1:
        connection.executemany(
            "INSERT INTO image_variants VALUES (?, ?, ?, ?)",
            [(name, place, str(one.platform.normal()), one.image) for place, one in enumerate(variants)],
        )


def names_of(connection: Connection, image: str) -> set[str]:
    """The names whose index has the image."""
    rows = connection.execute("SELECT name FROM image_variants WHERE image = ?", (image,)).fetchall()
    return {row["name"] for row in rows}


def only_within(connection: Connection) -> set[str]:
    """The ids of images that have no name but in an index."""
    rows = connection.execute(
        "SELECT DISTINCT image FROM image_variants WHERE image NOT IN (SELECT image FROM image_names)"
    )
    return {row["image"] for row in rows}


def answering(variants: Sequence[Variant], host: Platform) -> Variant:
    """The one for this machine, else the first."""
    return choose(variants, host) or variants[0]


def choose(variants: Iterable[Variant], platform: Platform) -> Variant | None:
    """The one that fits the platform best."""
    offered = list(variants)
    for wanted in platform.fallbacks():
        for one in offered:
            if wanted.accepts(one.platform):
                return one
    return None


def merged(known: Sequence[Variant], new: Variant) -> list[Variant]:
    """With another one's place taken by the new one, where both are for the same platform."""
    return [*(one for one in known if one.image != new.image and not one.platform.accepts(new.platform)), new]


def no_platform(name: str, wanted: Platform, offered: Iterable[Platform]) -> str:
    """In Docker's words."""
    there = ", ".join(str(one) for one in offered)
    said = f"image with reference {name} was found but does not provide the specified platform ({wanted})"
    return f"{said}: it is for {there}"
