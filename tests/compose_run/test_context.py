"""The build context that is sent: what is in it, and what is left out."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from dockless.compose.run.context import BuildContext, ContextError, open_context


def sent(context: BuildContext) -> dict[str, bytes | None]:
    """Each name in the archive with its content, None for what is no file."""
    data = b"".join(context.stream())
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {}
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            found[member.name] = file.read() if file else None
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "context"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "Dockerfile").write_text("FROM x\n")
    (root / "a.txt").write_text("a")
    (root / "sub" / "b.log").write_text("b")
    (root / "sub" / "deep" / "keep.log").write_text("k")
    return root


def test_the_whole_folder_is_sent(folder: Path) -> None:
    os.symlink("a.txt", folder / "link")
    os.link(folder / "a.txt", folder / "zz-same")
    found = sent(open_context(folder))
    assert (
        found
        == {
            "Dockerfile": b"FROM x\n",
            "a.txt": b"a",
            "link": None,
            "sub": None,
            "sub/b.log": b"b",
            "sub/deep": None,
            "sub/deep/keep.log": b"k",
            "zz-same": None,
        }
        or found["zz-same"] == b"a"
    )


def test_what_dockerignore_names_is_left_out_but_not_the_dockerfile(folder: Path) -> None:
    (folder / ".dockerignore").write_text("**/*.log\n!sub/deep/keep.log\nDockerfile\n.dockerignore\n")
    assert set(sent(open_context(folder))) == {
        ".dockerignore",
        "Dockerfile",
        "a.txt",
        "sub",
        "sub/deep",
        "sub/deep/keep.log",
    }


def test_an_ignore_file_of_the_dockerfiles_own_goes_first(folder: Path) -> None:
    (folder / ".dockerignore").write_text("a.txt\n")
    (folder / "Dockerfile.dockerignore").write_text("sub\n")
    assert set(sent(open_context(folder))) == {".dockerignore", "Dockerfile", "Dockerfile.dockerignore", "a.txt"}


def test_a_dockerfile_elsewhere_or_inline_is_sent_and_not_copied(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "Other").write_text("FROM y\n")
    for context in (open_context(folder, str(tmp_path / "Other")), open_context(folder, inline="FROM y\n")):
        found = sent(context)
        assert found[context.dockerfile] == b"FROM y\n"
        assert context.dockerfile in (found[".dockerignore"] or b"").decode().splitlines()


def test_a_missing_context_or_dockerfile_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContextError, match="nowhere"):
        open_context(tmp_path / "nowhere")
    with pytest.raises(ContextError, match="Dockerfile"):
        open_context(tmp_path)
