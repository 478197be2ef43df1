"""`.dockerignore`: the rules of Docker's pattern matcher, on its own kinds of cases."""

import json
from pathlib import Path

import pytest

from dockless.dockerfile.ignore import Ignore, IgnoreError, component_pattern, has_wildcard, read_patterns


@pytest.mark.parametrize(
    ("pattern", "path", "ignored"),
    [
        ("**", "file", True),
        ("**", "dir/file", True),
        ("**/", "dir/file", True),
        ("**/file", "file", True),
        ("**/file", "dir/dir/file", True),
        ("**/file", "dir/dir/file.txt", False),
        ("**/file*", "dir/dir/file.txt", True),
        ("**/*.txt", "dir/dir/file.txt", True),
        ("**/**/*.txt", "dir/dir/file.txt", True),
        ("a**/*.txt", "a/dir/file.txt", True),
        ("a/*.txt", "a/dir/file.txt", False),
        ("a[b-d]e", "ace", True),
        ("a[b-d]e", "ae", False),
        ("a[^b-d]e", "aze", True),
        ("abc.def", "abcZdef", False),
        ("**/foo/bar", "dir/dir2/foo/bar", True),
        ("abc/**", "abc", False),
        ("abc/**", "abc/def/ghi", True),
        ("**/.foo", "bar.foo", False),
        ("a(b)c/def", "a(b)c/def", True),
        (r"[\-\]a-c]", "-", True),
        (r"[\-\]a-c]", "]", True),
        (r"[a&&b]", "&", True),
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        ("foo", "foo/bar/baz", True),
        ("foo", "foobar", False),
        ("/abc", "abc", True),
        ("./a//b/../c/", "a/c", True),
        ("*", "anything", True),
        ("*/*", "top", False),
        ("dir/*", "dir/a/b", True),
        ("**foo", "x/barfoo", True),
        ("?.py", "a.py", True),
        ("?.py", "/.py", False),
        ("été", "été", True),
    ],
)
def test_a_pattern_matches_as_in_docker(pattern: str, path: str, ignored: bool) -> None:
    assert Ignore(read_patterns(pattern)).ignored(path) is ignored


def test_a_later_exception_takes_back_and_a_still_later_pattern_takes_again() -> None:
    ignore = Ignore.parse("*.md\n!README*.md\nREADME-secret.md\n")
    assert [ignore.ignored(name) for name in ("a.md", "README.md", "README-secret.md")] == [True, False, True]


def test_an_exception_below_an_ignored_folder_counts() -> None:
    ignore = Ignore.parse("vendor\n!vendor/keep/**\n")
    assert ignore.ignored("vendor")
    assert ignore.ignored("vendor/other/x")
    assert not ignore.ignored("vendor/keep/x")
    assert not ignore.prunes("vendor")


def test_a_folder_without_exceptions_below_is_not_read() -> None:
    ignore = Ignore.parse("a\nb\n!b/c\n")
    assert ignore.prunes("a")
    assert not ignore.prunes("b")


def test_comments_blanks_and_a_byte_order_mark_are_no_patterns() -> None:
    assert read_patterns("\ufeffa\n# b\n\n  c  \n!  d\n#e\n") == ["a", "c", "!d"]


@pytest.mark.parametrize("pattern", ["[", "a[]", "!", "a\\", "[^]", "[a", "[--a]", "[a-]", "[z-a]"])
def test_a_broken_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(IgnoreError):
        Ignore([pattern])


def test_components_of_copy_are_go_patterns() -> None:
    assert has_wildcard("a*") and has_wildcard("[ab]") and not has_wildcard(r"a\*")
    assert component_pattern("hom?.t*t").fullmatch("home.tt")
    assert not component_pattern("*").fullmatch("a/b")
    assert component_pattern("**").fullmatch("ab")


CASES = json.loads(Path(__file__).with_name("ignored.json").read_text())
TREE = (
    "a", "b.txt", "c/a", "c/b.txt", "c/d/a", "c/d/e.md", "f/g/h/i.txt", "f/g/j", "x1", "x2/y", "README.md",
    "docs/README.md", "docs/x.md", ".hid", ".git/config", "a b", "c/.hid", "f/a",
)  # fmt: skip


@pytest.mark.parametrize(("text", "kept"), CASES)
def test_what_is_left_of_a_tree_is_what_buildkit_leaves(text: str, kept: list[str]) -> None:
    """Patterns put together by chance, each with the files that BuildKit 0.25 copied of that tree."""
    ignore = Ignore.parse(text)
    assert [path for path in TREE if not ignore.ignored(path)] == [path for path in TREE if path in kept]
