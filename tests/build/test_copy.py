"""COPY: which files, where to, whose and with what permissions, as Docker's builder does it."""

import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dockless.build.errors import BuildError

if TYPE_CHECKING:
    from tests.build.conftest import Bench


def test_a_file_goes_to_the_destination_or_into_it(bench: "Bench") -> None:
    bench.file("a", "A")
    image = bench.build("FROM tiny\nCOPY a /new/b\nCOPY a /new/\nCOPY a /tmp\nWORKDIR /w\nCOPY a .\nCOPY a sub/x\n")
    seen = bench.tree(image)
    assert seen.names("new") == ["a", "b"]
    assert seen.names("tmp") == ["a"]
    assert seen.names("w") == ["a", "sub", "sub/x"]


def test_a_folder_stands_for_its_contents(bench: "Bench") -> None:
    bench.file("dir/x", "1")
    bench.file("dir/sub/y", "2")
    seen = bench.tree(bench.build("FROM tiny\nCOPY dir /a\nCOPY dir /b/\nCOPY dir/sub dir/x /c/\nCOPY . /all\n"))
    assert seen.names("a") == seen.names("b") == ["sub", "sub/y", "x"]
    assert seen.names("c") == ["x", "y"]
    assert seen.names("all") == ["dir", "dir/sub", "dir/sub/y", "dir/x"]


def test_files_of_the_context_become_roots_and_keep_their_permissions_and_times(bench: "Bench") -> None:
    path = bench.file("run.sh", "#!/bin/sh\n", mode=0o4755)
    os.chown(path, 1234, 5678)
    path.chmod(0o4755)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    (bench.context / "dir").mkdir(mode=0o700)
    bench.file("dir/in", mode=0o600)
    seen = bench.tree(bench.build("FROM tiny\nCOPY . /x/\n"))
    assert seen.stat("x/run.sh") == "4755 0:0 regular file"
    assert seen.stat("x/run.sh", "%Y") == "1000000000"
    assert seen.stat("x/dir") == "700 0:0 directory"
    assert seen.stat("x/dir/in") == "600 0:0 regular empty file"
    assert seen.stat("x") == "755 0:0 directory"


@pytest.mark.parametrize(
    ("chown", "owner"),
    [("web", "1000:1001"), ("web:staff", "1000:50"), ("7", "7:7"), ("7:8", "7:8"), ("7:web", "7:1001")],
)
def test_chown_takes_names_of_the_image_and_numbers(bench: "Bench", chown: str, owner: str) -> None:
    bench.file("d/f")
    seen = bench.tree(bench.build(f"FROM tiny\nCOPY --chown={chown} d /made/below\n"))
    for path in ("made", "made/below", "made/below/f"):
        assert seen.stat(path, "%u:%g") == owner


def test_chmod_is_octal_or_symbolic(bench: "Bench") -> None:
    bench.file("d/f", mode=0o644)
    bench.file("d/s/x", mode=0o755)
    seen = bench.tree(bench.build("FROM tiny\nCOPY --chmod=640 d /a\nCOPY --chmod=u=rwX,go=X d /b\n"))
    assert [seen.stat(p, "%a") for p in ("a/f", "a/s", "a/s/x")] == ["640", "640", "640"]
    assert [seen.stat(p, "%a") for p in ("b/f", "b/s", "b/s/x")] == ["600", "711", "711"]


def test_metadata_of_folders_that_exist_below_stays(bench: "Bench") -> None:
    bench.file("f")
    seen = bench.tree(bench.build("FROM tiny\nCOPY f /tmp/x/y\n"))
    assert seen.stat("tmp") == "1777 0:0 directory"


def test_links_in_the_image_are_followed_inside_it_and_links_of_the_context_are_kept(bench: "Bench") -> None:
    bench.file("f", "F")
    (bench.context / "l").symlink_to("f")
    (bench.context / "away").symlink_to("/nowhere")
    (bench.context / "d").mkdir()
    (bench.context / "d" / "inner").symlink_to("../f")
    image = bench.build(
        "FROM tiny\nRUN ln -s ../../../../../etc /up\nCOPY f /link/one\nCOPY f /up/two\nCOPY l /three\nCOPY . /all/\n"
    )
    seen = bench.tree(image)
    assert seen.text("etc/one") == seen.text("etc/two") == "F"
    assert not Path("/etc/two").exists()
    assert seen.stat("three", "%F") == "regular file"
    assert seen.run("readlink all/l all/away all/d/inner") == "f\n/nowhere\n../f\n"


def test_a_link_that_leads_out_of_the_context_ends_inside_it(bench: "Bench") -> None:
    bench.file("etc/passwd", "mine")
    (bench.context / "l").symlink_to("/etc/passwd")
    (bench.context / "up").symlink_to("../../../../etc")
    seen = bench.tree(bench.build("FROM tiny\nCOPY l /a\nCOPY up/passwd /b\nCOPY ../../etc/passwd /c\n"))
    assert [seen.text(name) for name in "abc"] == ["mine"] * 3


def test_wildcards_are_gos(bench: "Bench") -> None:
    for name in ("home.txt", "homer.md", "x/a.py", "y/b.py", "arr[0].txt"):
        bench.file(name)
    image = bench.build(
        "FROM tiny\nCOPY hom* /a/\nCOPY home.?xt /b/\nCOPY */*.py /c/\nCOPY arr[[]0].txt /d/\nCOPY [xy]/*.py /e/\n"
        "COPY nothing* /f/\n"
    )
    seen = bench.tree(image)
    assert [seen.names(name) for name in "abcde"] == [
        ["home.txt", "homer.md"],
        ["home.txt"],
        ["a.py", "b.py"],
        ["arr[0].txt"],
        ["a.py", "b.py"],
    ]
    assert bench.warnings() == ["nothing*: matches no file"]


def test_exclude_and_parents(bench: "Bench") -> None:
    for name in ("src/a/x.py", "src/a/x.md", "src/b/y.py", "top.md"):
        bench.file(name)
    image = bench.build(
        "FROM tiny\nCOPY --exclude=**/*.md src /a\nCOPY --parents src/a/x.py src/b /b/\n"
        "COPY --parents src/./**/*.py /c/\nCOPY --exclude=*.md t* src /d/\n"
    )
    seen = bench.tree(image)
    assert seen.names("a") == ["a", "a/x.py", "b", "b/y.py"]
    assert seen.names("b") == ["src", "src/a", "src/a/x.py", "src/b", "src/b/y.py"]
    assert seen.names("c") == ["a", "a/x.py", "b", "b/y.py"]
    assert "top.md" not in seen.names("d")


def test_dockerignore_leaves_out_and_takes_back(bench: "Bench") -> None:
    for name in ("keep", "skip/a", "skip/b", "x.log", "d/x.log", ".dockerignore"):
        bench.file(name)
    bench.file(".dockerignore", "skip\n!skip/b\n**/*.log\n.dockerignore\n")
    seen = bench.tree(bench.build("FROM tiny\nCOPY . /x\n"))
    assert seen.names("x") == ["d", "keep", "skip", "skip/b"]
    with pytest.raises(BuildError, match=r'"/x\.log": not found'):
        bench.build("FROM tiny\nCOPY x.log /x\n")


def test_heredocs_become_files(bench: "Bench") -> None:
    image = bench.build(
        "FROM tiny\nENV NAME=world\nCOPY <<one <<-'two' /d/\nhello $NAME \"q\" \\$NAME\none\n\t$NAME\n\ttwo\n"
        "COPY --chmod=755 --chown=web <<EOF /e\n#!/bin/sh\nEOF\n"
    )
    seen = bench.tree(image)
    assert seen.text("d/one") == 'hello world "q" $NAME\n'
    assert seen.text("d/two") == "$NAME\n"
    assert seen.stat("d/one") == "644 0:0 regular file"
    assert seen.stat("e") == "755 1000:1001 regular file"


def test_from_a_stage_owners_stay_and_deleted_files_are_not_seen(bench: "Bench") -> None:
    image = bench.build(
        "FROM tiny AS one\nRUN mkdir /d && echo 1 > /d/a && echo 2 > /d/b && chown web:staff /d/a\nRUN rm /d/b\n"
        "FROM tiny\nCOPY --from=one /d /d\nCOPY --from=0 --chown=0:0 d/a /e\nCOPY --from=tiny /etc/group /g\n"
    )
    seen = bench.tree(image)
    assert seen.names("d") == ["a"]
    assert seen.stat("d/a", "%u:%g") == "1000:50"
    assert seen.stat("e", "%u:%g") == "0:0"
    assert seen.text("g").startswith("root:x:0:")


def test_hard_links_are_kept_and_attributes_of_an_image_but_not_those_of_this_machine(bench: "Bench") -> None:
    first = bench.file("a", "x" * 5000)
    (bench.context / "b").hardlink_to(first)
    os.setxattr(first, "user.note", b"hi")
    with tarfile.open(bench.context / "noted.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("noted")
        member.pax_headers = {"SCHILY.xattr.user.note": "hi"}
        archive.addfile(member)
    seen = bench.tree(
        bench.build("FROM tiny AS one\nADD noted.tar /\nFROM tiny\nCOPY a b /x/\nCOPY --from=one /noted /x/\n")
    )
    assert seen.stat("x/a", "%h") == "2"
    names = "python3 -c \"import os; print(os.listxattr('x/b'), os.getxattr('x/noted', 'user.note').decode())\""
    assert seen.run(names) == "[] hi\n"


def test_a_folder_gets_the_time_of_the_one_it_is_copied_from(bench: "Bench") -> None:
    bench.file("d/f")
    os.utime(bench.context / "d", (1_000_000_000, 1_000_000_000))
    seen = bench.tree(bench.build("FROM tiny\nCOPY d /new/d\nCOPY d /home\n"))
    assert [seen.stat(path, "%Y") for path in ("new/d", "home")] == ["1000000000"] * 2


def test_a_mode_in_octal_counts_for_the_folders_on_the_way(bench: "Bench") -> None:
    bench.file("f")
    seen = bench.tree(bench.build("FROM tiny\nCOPY --chmod=710 f /a/b/\nCOPY --chmod=go-rwx f /c/d/\n"))
    assert [seen.stat(path, "%a") for path in ("a", "a/b", "a/b/f", "c", "c/d", "c/d/f")] == [
        "710", "710", "710", "755", "755", "600",
    ]  # fmt: skip


def test_excluded_files_stay_out_where_a_wildcard_names_them(bench: "Bench") -> None:
    """Reference, "COPY --exclude": `COPY --exclude=*.txt hom* /mydir/`."""
    for name in ("home.txt", "home.md"):
        bench.file(name)
    assert bench.tree(bench.build("FROM tiny\nCOPY --exclude=*.txt hom* /d/\n")).names("d") == ["home.md"]


def test_what_cannot_be_copied_is_said_with_its_line(bench: "Bench") -> None:
    bench.file("a")
    bench.file("b")
    bench.file("d/f")
    for line, message in (
        ("COPY missing /x", '"/missing": not found'),
        ("COPY a b /file", "must be a directory and end with a /"),
        ("COPY d /etc/passwd", "cannot copy to non-directory: /etc/passwd"),
        ("COPY a /etc/passwd/x", "cannot copy to non-directory: /etc/passwd"),
        ("COPY --chown=nobody-here a /x", "unable to find user nobody-here"),
        ("COPY --chmod=999 a /x", "invalid chmod parameter"),
        ("COPY --from=missing /a /x", "pull access denied for missing"),
        ("COPY http://localhost/x /x", "source can't be a URL"),
    ):
        with pytest.raises(BuildError) as caught:
            bench.build(f"FROM tiny\n\n{line}\n")
        assert message in caught.value.message
        assert caught.value.where == "Dockerfile:3"
        assert line in str(caught.value)
