"""The images of this machine: names and digests in state.db, configurations in the content store, trees in the layer
store. Docker's rules for tags and removal; what nothing refers to any more is collected.
"""

import builtins
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from sqlite3 import Connection

from dockless.images import config as image_config
from dockless.images import variants as indexed
from dockless.images.config import ImageConfig
from dockless.images.content import ContentStore, NoSuchBlob
from dockless.images.layers import LayerStore, NoSuchLayer
from dockless.images.variants import Variant
from dockless.places import Places
from dockless.registry.errors import ImageError
from dockless.registry.platform import Platform
from dockless.registry.reference import InvalidReference, Reference, digest_of, is_digest
from dockless.state import Database

_HEX = re.compile(r"[0-9a-f]{1,64}")
_FRACTION = re.compile(r"(\.\d{6})\d+")


class NoSuchImage(ImageError):
    """No image has that name or id."""


class ImageConflict(ImageError):
    """Docker's rules forbid it; the message is Docker's."""


@dataclass(frozen=True, slots=True)
class Image:
    """`names` and `digests` are familiar references (`postgres:15`, `postgres@sha256:…`) that stand for this image,
    on its platform at least.

    `size` is the sum of its layers in bytes; `created` is seconds since 1970, 0.0 where the configuration does not say.
    """

    id: str
    config: ImageConfig
    names: tuple[str, ...]
    digests: tuple[str, ...]
    size: int
    created: float

    @property
    def layers(self) -> tuple[str, ...]:
        """The diff ids, bottom first."""
        return self.config.rootfs.diff_ids

    @property
    def platform(self) -> Platform:
        return Platform(self.config.os or "linux", self.config.architecture, self.config.variant)


@dataclass(frozen=True, slots=True)
class Removed:
    """One line of Docker's answer to a removal: a reference, or an image id."""

    untagged: str | None = None
    deleted: str | None = None


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection took away; `size` in bytes of files' contents."""

    layers: int
    size: int


@dataclass(frozen=True, slots=True)
class KnownBlob:
    """A compressed layer that `repository` (canonical) is known to hold, or was; `size` in bytes."""

    repository: str
    digest: str
    size: int
    media_type: str


class ImageStore:
    """Safe for many threads and processes at once."""

    SCHEMA: tuple[str, ...] = (
        # `manifest`: the digest of the manifest it was pulled with, which a push repeats where it can.
        """CREATE TABLE IF NOT EXISTS images (
            id TEXT PRIMARY KEY, size INTEGER NOT NULL, manifest TEXT) STRICT, WITHOUT ROWID""",
        """CREATE TABLE IF NOT EXISTS image_names (
            name TEXT PRIMARY KEY, image TEXT NOT NULL REFERENCES images ON DELETE CASCADE) STRICT, WITHOUT ROWID""",
        "CREATE INDEX IF NOT EXISTS image_names_of ON image_names (image)",
        # What a commit was made from, which its configuration does not say.
        """CREATE TABLE IF NOT EXISTS image_parents (
            image TEXT PRIMARY KEY REFERENCES images ON DELETE CASCADE, parent TEXT NOT NULL) STRICT, WITHOUT ROWID""",
        # Where a layer's compressed form is known to be, so that a push need not send it again.
        """CREATE TABLE IF NOT EXISTS layer_blobs (
            diff_id TEXT NOT NULL, repository TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL,
            media_type TEXT NOT NULL, PRIMARY KEY (diff_id, repository)) STRICT, WITHOUT ROWID""",
        *indexed.SCHEMA,
    )

    def __init__(self, places: Places, database: Database) -> None:
        self._database = database
        self.layers = LayerStore(places)
        self.content = ContentStore(places)
        self._configs: dict[str, ImageConfig] = {}

    def resolve(self, name_or_id: str) -> Image | None:
        """By name, by digest, by id with or without `sha256:`, or by the beginning of an id, in Docker's order."""
        found = self._find(name_or_id)
        image = None if found is None else self._load(found)
        # After a power cut a layer may have been given up; an image without it is as good as not there.
        return image if image and all(self.layers.path(diff_id).is_dir() for diff_id in image.layers) else None

    def variants(self, name_or_id: str) -> builtins.list[tuple[Platform, Image]]:
        """The images that a name stands for, with their platforms: several where it is an index, none that is missing.

        An image that is named by its id stands for itself.
        """
        image = self.resolve(name_or_id)
        if image is None:
            return []
        named = _name_among(name_or_id, [Reference.parse(text) for text in (*image.names, *image.digests)])
        known = [] if named is None else indexed.of_name(self._database.connection, _key(named))
        found = [(one.platform, each) for one in known if (each := self.resolve(one.image)) is not None]
        return found or [(image.platform, image)]

    def for_platform(self, name_or_id: str, platform: Platform) -> Image | None:
        """What the name stands for on that platform; an image of no known architecture is for every one."""
        found = self.variants(name_or_id)
        chosen = indexed.choose([Variant(offered, image.id) for offered, image in found], platform)
        if chosen is not None:
            return next(image for _, image in found if image.id == chosen.image)
        return found[0][1] if len(found) == 1 and not found[0][1].config.architecture else None

    def list(self) -> builtins.list[Image]:
        """All images, the newest first; without those that only an index names."""
        hidden = indexed.only_within(self._database.connection)
        rows = self._database.connection.execute("SELECT id FROM images").fetchall()
        images = [image for row in rows if row["id"] not in hidden and (image := self._load(row["id"])) is not None]
        return sorted(images, key=lambda image: (-image.created, image.id))

    def create(self, config: ImageConfig, *, names: Iterable[str | Reference] = ()) -> Image:
        """An image of layers that are here. Raises `NoSuchLayer`, `InvalidReference`."""
        return self.add(image_config.encode(config), names=names)

    def add(self, raw_config: bytes, *, names: Iterable[str | Reference] = (), manifest: bytes | None = None) -> Image:
        """An image whose configuration comes as bytes; the image's id is their digest.

        A name with a digest stands for the image as a registry holds it; `manifest` is what the image was pulled with.
        Raises `BadConfig`, `NoSuchLayer`, `InvalidReference`.
        """
        config = image_config.decode(raw_config)
        references = [name if isinstance(name, Reference) else Reference.parse(name) for name in names]
        image_id = digest_of(raw_config)
        with self.layers.scratch.store_lock(exclusive=False):
            size = sum(self.layers.size(diff_id) for diff_id in config.rootfs.diff_ids)
            self.content.write(raw_config)
            if manifest is not None:
                self.content.write(manifest)
            with self._database.transaction() as connection:
                connection.execute(
                    """INSERT INTO images VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE
                    SET size = excluded.size, manifest = coalesce(excluded.manifest, manifest)""",
                    (image_id, size, None if manifest is None else digest_of(manifest)),
                )
                for reference in references:
                    _set_name(connection, reference, image_id)
        return self._loaded(image_id)

    def note_parent(self, image_id: str, parent: str) -> None:
        """The image was made from the image `parent`."""
        self._database.connection.execute("INSERT OR REPLACE INTO image_parents VALUES (?, ?)", (image_id, parent))

    def parents(self) -> dict[str, str]:
        """Image id → the id of what it was made from, as far as both are here and it is known."""
        rows = self._database.connection.execute(
            "SELECT image, parent FROM image_parents WHERE parent IN (SELECT id FROM images)"
        ).fetchall()
        return {row["image"]: row["parent"] for row in rows}

    def tag(self, image_id: str, reference: str | Reference, *, like: str = "") -> None:
        """The name is this image's from now on, and no other's; where `like`, a name of the image, stands for several
        platforms, so does the new one. Raises `NoSuchImage`, `InvalidReference`."""
        name = reference if isinstance(reference, Reference) else Reference.parse(reference)
        if name.digest is not None:
            raise InvalidReference("refusing to create a tag with a digest reference")
        with self._database.transaction() as connection:
            if connection.execute("SELECT 1 FROM images WHERE id = ?", (image_id,)).fetchone() is None:
                raise NoSuchImage(f"No such image: {image_id}")
            known = _name_among(like, _names(connection, image_id)) if like else None
            several = [] if known is None else indexed.of_name(connection, _key(known))
            _set_name(connection, name, image_id)
            indexed.put(connection, _key(name), several)

    def join(self, names: Iterable[str | Reference], variants: Sequence[Variant]) -> None:
        """Each name stands for all of these images, which are here; the one for this machine (else the first) answers.

        Raises `InvalidReference`.
        """
        references = [name if isinstance(name, Reference) else Reference.parse(name) for name in names]
        with self._database.transaction() as connection:
            for reference in references:
                _set_name(connection, reference, indexed.answering(variants, Platform.host()).image)
                indexed.put(connection, _key(reference), variants)

    def join_pulled(self, image: Image, digest: Reference, tag: Reference | None) -> Image:
        """Names what was pulled, and answers it with its names.

        `digest` is what the tag stands for at its registry: images for other platforms that came from the same index
        stay beside it.
        """
        with self._database.transaction() as connection:
            known = indexed.of_name(connection, _key(digest))
            row = connection.execute("SELECT image FROM image_names WHERE name = ?", (_key(digest),)).fetchone()
            if not known and row is not None and (before := self._load(row["image"])) is not None:
                known = [Variant(before.platform, before.id)]
            variants = indexed.merged(known, Variant(image.platform, image.id))
            for reference in (digest, tag):
                if reference is not None:
                    _set_name(connection, reference, indexed.answering(variants[::-1], Platform.host()).image)
                    indexed.put(connection, _key(reference), variants)
        return self._loaded(image.id)

    def note_digest(self, image_id: str, reference: Reference) -> None:
        """A registry holds the image under this digest (after a push)."""
        with self._database.transaction() as connection:
            _set_name(connection, reference, image_id)

    def untag(self, reference: str | Reference) -> bool:
        """Takes the name away and leaves the image; False where nothing had it."""
        name = reference if isinstance(reference, Reference) else Reference.parse(reference)
        with self._database.transaction() as connection:
            indexed.put(connection, _key(name), ())
            return connection.execute("DELETE FROM image_names WHERE name = ?", (_key(name),)).rowcount > 0

    def remove(self, name_or_id: str, *, force: bool = False) -> builtins.list[Removed]:
        """Docker's rules, as far as they are about names: whether a container uses the image, the caller has asked.

        By name: the name goes, and the image when no name is left. By id: the image with its names, which without
        `force` must be of one repository. Layers go with the next `collect`. Raises `NoSuchImage`, `ImageConflict`.
        """
        with self._database.transaction() as connection:
            image_id = self._find(name_or_id)
            if image_id is None:
                raise NoSuchImage(f"No such image: {name_or_id}")
            names = _names(connection, image_id)
            named = _name_among(name_or_id, names)
            if not names and not force and (held := indexed.names_of(connection, image_id)):
                short = image_id.removeprefix("sha256:")[:12]
                why = f"(must be forced) - image is one of those that {Reference.parse(min(held)).familiar} stands for"
                raise ImageConflict(f"conflict: unable to delete {short} {why}")
            going = names if named is None else _going_with(named, names)
            if named is None and not force and not _is_single_reference(names):
                short = image_id.removeprefix("sha256:")[:12]
                why = "(must be forced) - image is referenced in multiple repositories"
                raise ImageConflict(f"conflict: unable to delete {short} {why}")
            beside = {one.image for name in going for one in indexed.of_name(connection, _key(name))} - {image_id}
            for name in going:
                connection.execute("DELETE FROM image_names WHERE name = ?", (_key(name),))
                indexed.put(connection, _key(name), ())
            removed = [Removed(untagged=name.familiar) for name in going]
            if len(going) == len(names):
                connection.execute("DELETE FROM images WHERE id = ?", (image_id,))
                removed.append(Removed(deleted=image_id))
            for other in sorted(beside - indexed.only_within(connection)):
                if not _names(connection, other):
                    connection.execute("DELETE FROM images WHERE id = ?", (other,))
                    removed.append(Removed(deleted=other))
            return removed

    def chain(self, image: Image) -> builtins.list[Path]:
        """The lower directories, topmost first; none for an image made of nothing. Raises `NoSuchLayer`.

        Each is named once: overlayfs refuses repetitions, and a lower one shows nothing that the upper one does not.
        """
        missing = [diff_id for diff_id in image.layers if not self.layers.has(diff_id)]
        if missing:
            raise NoSuchLayer(
                f"a layer of image {image.id} is missing: {missing[0]}; remove the image and get it again"
            )
        return [self.layers.path(diff_id) for diff_id in dict.fromkeys(reversed(image.layers))]

    def collect(self, keep: Iterable[str] = ()) -> Collected:
        """Removes the layers and blobs that nothing refers to: no image, no command of a living process (see
        `LayerStore.use`), and nothing in `keep`: ids of images and diff ids, of containers and of the build cache."""
        self.layers.scratch.remove_stale()
        with self.layers.scratch.store_lock(exclusive=True):
            kept = set(keep) | {f"sha256:{name}" for name in self.layers.scratch.held_by_anyone()}
            for row in self._database.connection.execute("SELECT id, manifest FROM images").fetchall():
                kept |= {row["id"], row["manifest"] or row["id"]}
            for image_id in list(kept):
                config = self._config(image_id)
                if config is not None:
                    kept.update(config.rootfs.diff_ids)
            going = [diff_id for diff_id in self.layers.names() if diff_id not in kept]
            size = sum(self.layers.size(diff_id) for diff_id in going)
            finish = self.layers.remove([*going, *self.layers.orphans()])
            size += sum(self.content.remove(digest) for digest in self.content.names() if digest not in kept)
            self._database.connection.executemany(
                "DELETE FROM layer_blobs WHERE diff_id = ?", [(diff_id,) for diff_id in going]
            )
        finish()
        return Collected(len(going), size)

    # What a registry holds (push.py).

    def manifest(self, image_id: str) -> bytes | None:
        """The manifest that the image was pulled with, byte for byte."""
        row = self._database.connection.execute("SELECT manifest FROM images WHERE id = ?", (image_id,)).fetchone()
        if row is None or row["manifest"] is None or not self.content.has(row["manifest"]):
            return None
        return self.content.read(row["manifest"])

    def note_blob(self, diff_id: str, repository: str, digest: str, size: int, media_type: str) -> None:
        """`repository` (canonical) is known to hold the layer as this blob."""
        self._database.connection.execute(
            "INSERT OR REPLACE INTO layer_blobs VALUES (?, ?, ?, ?, ?)", (diff_id, repository, digest, size, media_type)
        )

    def known_blobs(self, diff_id: str) -> builtins.list[KnownBlob]:
        """Where the layer's compressed form is known to be, or was."""
        rows = self._database.connection.execute("SELECT * FROM layer_blobs WHERE diff_id = ?", (diff_id,)).fetchall()
        return [KnownBlob(row["repository"], row["digest"], row["size"], row["media_type"]) for row in rows]

    def _find(self, text: str) -> str | None:
        connection = self._database.connection
        bare = text.removeprefix("sha256:")
        if len(bare) == 64 and is_digest(f"sha256:{bare}"):
            row = connection.execute("SELECT id FROM images WHERE id = ?", (f"sha256:{bare}",)).fetchone()
            return None if row is None else str(row["id"])
        try:
            reference = Reference.parse(text)
        except InvalidReference:
            reference = None
        if reference is not None:
            row = connection.execute("SELECT image FROM image_names WHERE name = ?", (_key(reference),)).fetchone()
            if row is not None:
                return str(row["image"])
        if not _HEX.fullmatch(bare):
            return None
        rows = connection.execute(
            "SELECT id FROM images WHERE id >= ? AND id < ? LIMIT 2", (f"sha256:{bare}", f"sha256:{bare}g")
        ).fetchall()
        return str(rows[0]["id"]) if len(rows) == 1 else None

    def _loaded(self, image_id: str) -> Image:
        image = self._load(image_id)
        if image is None:
            raise NoSuchImage(f"No such image: {image_id}")
        return image

    def _load(self, image_id: str) -> Image | None:
        """None where its configuration is lost: such an image is as good as not there."""
        config = self._config(image_id)
        row = self._database.connection.execute("SELECT size FROM images WHERE id = ?", (image_id,)).fetchone()
        if config is None or row is None:
            return None
        references = _names(self._database.connection, image_id, within=True)
        return Image(
            image_id,
            config,
            tuple(reference.familiar for reference in references if reference.digest is None),
            tuple(reference.familiar for reference in references if reference.digest is not None),
            row["size"],
            _seconds(config.created),
        )

    def _config(self, image_id: str) -> ImageConfig | None:
        """Kept in memory: it never changes."""
        if image_id not in self._configs:
            try:
                self._configs[image_id] = image_config.decode(self.content.read(image_id))
            except (NoSuchBlob, image_config.BadConfig):
                return None
        return self._configs[image_id]


def _key(reference: Reference) -> str:
    """A tag beside a digest says nothing: the digest decides."""
    if reference.digest is not None:
        return f"{reference.canonical_repository}@{reference.digest}"
    return reference.canonical


def _set_name(connection: Connection, reference: Reference, image_id: str) -> None:
    connection.execute("INSERT OR REPLACE INTO image_names VALUES (?, ?)", (_key(reference), image_id))
    indexed.put(connection, _key(reference), ())


def _names(connection: Connection, image_id: str, *, within: bool = False) -> list[Reference]:
    """The names to which the image answers; `within`: also those that stand for it on its platform alone."""
    rows = connection.execute("SELECT name FROM image_names WHERE image = ?", (image_id,)).fetchall()
    found = {row["name"] for row in rows} | (indexed.names_of(connection, image_id) if within else set())
    return [Reference.parse(name) for name in sorted(found)]


def _name_among(text: str, names: list[Reference]) -> Reference | None:
    """The name that was said; None where the image was found by its id (`db` can be both: then it is the name)."""
    try:
        said = Reference.parse(text)
    except InvalidReference:
        return None
    return said if _key(said) in [_key(name) for name in names] else None


def _going_with(named: Reference, names: list[Reference]) -> list[Reference]:
    """With the last tag of a repository its digests go, too: they would keep an image that nobody can name."""
    going = [name for name in names if _key(name) == _key(named)]
    same = [name for name in names if name.canonical_repository == named.canonical_repository and name not in going]
    if named.digest is None and all(name.digest is not None for name in same):
        going += same
    return going


def _is_single_reference(names: list[Reference]) -> bool:
    """At most one tag, and all of one repository."""
    tags = sum(name.digest is None for name in names)
    return tags <= 1 and len({name.canonical_repository for name in names}) <= 1


def _seconds(created: str | None) -> float:
    if not created:
        return 0.0
    try:
        return datetime.fromisoformat(_FRACTION.sub(r"\1", created)).timestamp()
    except (ValueError, OverflowError):
        return 0.0
