"""Stand-ins that an earlier dockless made by another recipe: they are set aside, so that the next use makes them anew.

Each name is recorded with the recipe by which its image was made. The first engine of another version takes the names
of outdated images away; whoever wants such an image finds it missing, and gets it as it is got for the first time,
with all that is said then. Where it cannot be made again (no mirror is reached), the one that was set aside is taken
back. Light: an engine of the same version reads one row.
"""

from dockless.images.store import Image, ImageStore
from dockless.registry.reference import Reference
from dockless.state import Database


def set_outdated_aside(database: Database, images: ImageStore, version: str) -> list[str]:
    """Takes the outdated ones' names away, once for each `version` of dockless; the names."""
    known = database.connection.execute("SELECT version FROM standin_version").fetchone()
    if known is not None and known["version"] == version:
        return []
    gone = [(name, image) for name, image, edition in _named(database, images) if edition != _edition(name)]
    with database.transaction() as connection:
        for name, image in gone:
            connection.execute("INSERT OR REPLACE INTO standin_aside (name, image_id) VALUES (?, ?)", (name, image.id))
        connection.execute("DELETE FROM standin_version")
        connection.execute("INSERT INTO standin_version (version) VALUES (?)", (version,))
    for name, _ in gone:
        images.untag(name)
    return [name for name, _ in gone]


def note(database: Database, name: str, image: Image, edition: str) -> None:
    """The image was made for the name by the recipe of that edition."""
    with database.transaction() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO standin_names (name, image_id, edition) VALUES (?, ?, ?)", (name, image.id, edition)
        )
        connection.execute("DELETE FROM standin_aside WHERE name = ?", (name,))


def take_back(database: Database, images: ImageStore, name: str) -> Image | None:
    """The image that was set aside, under its name again; None where there is none."""
    row = database.connection.execute("SELECT image_id FROM standin_aside WHERE name = ?", (name,)).fetchone()
    image = images.resolve(row["image_id"]) if row else None
    if image is not None:
        images.tag(image.id, Reference.parse(name))
    return image


def _named(database: Database, images: ImageStore) -> list[tuple[str, Image, str]]:
    """The names that stand-ins have, with the edition of the recipe; "" where none was recorded.

    A name that a recipe does not know was given by somebody, and is his.
    """
    made = {row["image_id"] for row in database.connection.execute("SELECT image_id FROM standin_images")}
    rows = database.connection.execute("SELECT name, image_id, edition FROM standin_names").fetchall()
    editions = {(row["name"], row["image_id"]): row["edition"] for row in rows}
    found = [(name, image) for image in images.list() if image.id in made for name in image.names]
    return [(name, image, editions.get((name, image.id), "")) for name, image in found if _edition(name)]


def _edition(name: str) -> str:
    from dockless.standins import recipe

    wanted = recipe.find(name)
    return recipe.edition(wanted.recipe.image) if wanted else ""
