"""Saving and loading: one file for Docker's readers and for those of OCI layouts."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from imagekit import build_image, open_store
from tarkit import END, hard_link, member, symlink

from dockless.images import export, manifests
from dockless.images.content import digest_of
from dockless.images.errors import ImageError
from dockless.images.export import BadArchive
from dockless.images.store import ImageStore, NoSuchImage


def saved(store: ImageStore, *names: str) -> bytes:
    return b"".join(export.save(store, names))


def without(archive: bytes, name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as source, tarfile.open(fileobj=out, mode="w") as target:
        for info in source:
            if info.name != name:
                target.addfile(info, source.extractfile(info))
    return out.getvalue()


@pytest.mark.parametrize("absent", ["nothing", "manifest.json", "index.json"])
def test_what_is_saved_is_loaded_whichever_index_the_reader_takes(
    store: ImageStore, tmp_path: Path, absent: str
) -> None:
    one = build_image(store, {"a": b"1" * 5000}, {"b": b"2"}, names=("one:1", "ghcr.io/x/one:2"))
    two = build_image(store, {"c": b"3"}, names=("two",))
    archive = without(saved(store, "one:1", "ghcr.io/x/one:2", "two"), absent)
    other = open_store(tmp_path / "other")
    loaded = export.load(other, [archive])
    assert [(entry.image.id, entry.names) for entry in loaded] == [
        (one.id, ("one:1", "ghcr.io/x/one:2")), (two.id, ("two:latest",)),
    ]  # fmt: skip
    assert (other.chain(loaded[0].image)[1] / "a").read_bytes() == b"1" * 5000
    assert saved(other, "one:1", "ghcr.io/x/one:2", "two") == saved(store, "one:1", "ghcr.io/x/one:2", "two")


def test_an_image_saved_by_id_has_no_name(store: ImageStore, tmp_path: Path) -> None:
    image = build_image(store, {"a": b"1"}, names=("one",))
    assert [entry.names for entry in export.load(open_store(tmp_path / "other"), [saved(store, image.id)])] == [()]


def test_a_name_without_a_tag_saves_all_its_tags(store: ImageStore, tmp_path: Path) -> None:
    build_image(store, {"a": b"1"}, names=("app:1", "app:one", "other:1"))
    build_image(store, {"a": b"2"}, names=("app:2",))
    loaded = export.load(open_store(tmp_path / "other"), [saved(store, "app")])
    assert sorted(name for entry in loaded for name in entry.names) == ["app:1", "app:2", "app:one"]


def test_what_is_not_here_cannot_be_saved(store: ImageStore) -> None:
    with pytest.raises(NoSuchImage, match="No such image: nothing"):
        export.save(store, ["nothing"])


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["gzip", "plain"])
def test_the_form_of_older_dockers_is_read(store: ImageStore, tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """Layers as `<id>/layer.tar`, links for those that come twice, the list of images last."""
    image = build_image(store, {"a": b"1"}, {"b": b"2"})
    raw = store.content.read(image.id)
    one, two = (b"".join(store.layers.pack(diff_id)) for diff_id in image.layers)
    listing = [{"Config": "c.json", "RepoTags": ["old:1"], "Layers": ["1/layer.tar", "2/layer.tar"]}]
    archive = (
        member(b"real/layer.tar", one) + symlink(b"1/layer.tar", b"../real/layer.tar")
        + member(b"x/layer.tar", pack(two)) + hard_link(b"2/layer.tar", b"./x/layer.tar")
        + member(b"./c.json", raw) + member(b"manifest.json", msgspec.json.encode(listing)) + END
    )  # fmt: skip
    loaded = export.load(open_store(tmp_path / "other"), io.BytesIO(pack(archive)))
    assert [(entry.image.id, entry.names) for entry in loaded] == [(image.id, ("old:1",))]


def layout(*entries: dict[str, object]) -> bytes:
    return member(b"index.json", msgspec.json.encode({"schemaVersion": 2, "manifests": list(entries)}))


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        (END, "holds no images"),
        (b"rubbish" * 100, "damaged"),
        (member(b"manifest.json", b"{") + END, r"manifest\.json"),
        (member(b"manifest.json", b'[{"Config":"../../etc/passwd","Layers":[]}]') + END, "does not hold it"),
        (member(b"manifest.json", b'[{"Config":"l","Layers":[]}]') + symlink(b"l", b"/etc/passwd") + END, "not hold"),
        (member(b"manifest.json", b'[{"Config":"l","Layers":[]}]') + symlink(b"l", b"l") + END, "does not hold it"),
        (member(b"manifest.json", b'[{"Config":"c","Layers":["x"]}]') + member(b"c", b"{}") + END, "1 layers, but 0"),
        (member(b"manifest.json", b"x" * (9 << 20)) + END, "more than"),
        (layout({"mediaType": manifests.OCI_MANIFEST, "size": 1, "digest": "sha256:" + "0" * 64}) + END, "not hold"),
        (
            layout({"mediaType": manifests.OCI_MANIFEST, "size": 1, "digest": "sha256:" + "0" * 64})
            + member(b"blobs/sha256/" + b"0" * 64, b"{}")
            + END,
            "is not what its name says",
        ),
        (layout({"mediaType": manifests.OCI_MANIFEST, "size": 1, "digest": "sha256:../../x"}) + END, "malformed"),
        (gzip.compress(member(b"a") + END)[:-12], "damaged"),
    ],
)
def test_a_bad_archive_is_refused_with_one_sentence(store: ImageStore, archive: bytes, why: str) -> None:
    with pytest.raises(ImageError, match=why):
        export.load(store, [archive])
    assert store.list() == []


def test_a_layer_that_is_not_what_the_configuration_says_is_refused(store: ImageStore, tmp_path: Path) -> None:
    build_image(store, {"a": b"hello"}, names=("one",))
    other = open_store(tmp_path / "other")
    with pytest.raises(ImageError, match="layer verification failed"):
        export.load(other, [saved(store, "one").replace(b"hello", b"HELLO")])
    assert other.list() == []
    assert issubclass(BadArchive, ImageError)
    assert digest_of(b"").startswith("sha256:e3b0c44")
