"""Word expansion, case by case as the reference and Docker's builder have it."""

import pytest

from dockless.dockerfile.words import WordError, expand, expand_words, split_words

VARIABLES = {
    "NAME": "value",
    "EMPTY": "",
    "PATH": "/usr/local/bin:/bin",
    "FILE": "archive.tar.gz",
    "SPACED": "a b  c",
    "STAR": "a*b",
}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("plain", "plain"),
        ("$NAME", "value"),
        ("${NAME}", "value"),
        ("$NAME-x", "value-x"),
        ("${NAME}x", "valuex"),
        ("$NAMEx", ""),
        (r"\$NAME", "$NAME"),
        (r"\\$NAME", r"\value"),
        ("'$NAME'", "$NAME"),
        ('"$NAME"', "value"),
        (r'"\$NAME"', "$NAME"),
        (r'"a\b"', r"a\b"),
        (r'"say \"x\""', 'say "x"'),
        ("it''s", "its"),
        (r"a\ b", "a b"),
        ("$", "$"),
        ("a$", "a$"),
        ("$ x", "$ x"),
        ("${MISSING}", ""),
        ("${MISSING:-default}", "default"),
        ("${MISSING-default}", "default"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY-default}", ""),
        ("${NAME:-default}", "value"),
        ("${NAME:+other}", "other"),
        ("${EMPTY:+other}", ""),
        ("${EMPTY+other}", "other"),
        ("${MISSING+other}", ""),
        ("${NAME:?no}", "value"),
        ("${EMPTY?no}", ""),
        ("${MISSING:-$NAME}", "value"),
        ("${MISSING:-${EMPTY:-deep}}", "deep"),
        ("${MISSING:-'}'}", "}"),
        ("${FILE#*.}", "tar.gz"),
        ("${FILE##*.}", "gz"),
        ("${FILE%.*}", "archive.tar"),
        ("${FILE%%.*}", "archive"),
        ("${FILE#zip}", "archive.tar.gz"),
        ("${FILE%.g?}", "archive.tar"),
        (r"${STAR#a\*}", "b"),
        ("${FILE/ar/AR}", "ARchive.tar.gz"),
        ("${FILE//ar/AR}", "ARchive.tAR.gz"),
        ("${PATH//:/ }", "/usr/local/bin /bin"),
        (r"${PATH/\/usr/}", "/local/bin:/bin"),
        ("${FILE/a*./x}", "xgz"),
        ("$1", ""),
        ("$12x", "x"),
        ("é$NAMEé", "é"),
    ],
)
def test_a_word_expands_as_in_docker(word: str, expected: str) -> None:
    assert expand(word, VARIABLES) == expected


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("${NAME", "missing '}'"),
        ("${", "missing '}'"),
        ("${}", "bad substitution"),
        ("${:-x}", "bad substitution"),
        ("${NAME:x}", "unsupported modifier (:x)"),
        ("${NAME!x}", "unsupported modifier (!)"),
        ("'open", "matching single-quote"),
        ('"open', "matching double-quote"),
        ("${MISSING?}", "MISSING: is not allowed to be unset"),
        ("${EMPTY:?}", "EMPTY: is not allowed to be empty"),
        ("${MISSING?say why}", "MISSING: say why"),
        ("${FILE/x}", "missing '/'"),
    ],
)
def test_a_wrong_word_is_refused_with_its_reason(word: str, message: str) -> None:
    with pytest.raises(WordError) as caught:
        expand(word, VARIABLES)
    assert message in str(caught.value)


def test_the_escape_character_may_be_a_backtick() -> None:
    assert expand(r"C:\dir`$NAME", VARIABLES, escape="`") == r"C:\dir$NAME"


def test_without_quote_processing_quotes_stay() -> None:
    assert expand("'$NAME' \"$NAME\"", VARIABLES, quotes=False) == "'value' \"value\""


def test_names_without_value_are_collected() -> None:
    unset: set[str] = set()
    expand("$A ${B:-x} $NAME", VARIABLES, unset=unset)
    assert unset == {"A", "B"}


def test_words_split_only_at_unquoted_blanks() -> None:
    assert expand_words("$SPACED '$NAME x' \"$SPACED\"", VARIABLES) == ["a", "b", "c", "$NAME x", "a b  c"]


def test_env_words_keep_quotes_for_the_expansion() -> None:
    assert split_words(r"""a="x y" b='q' c=d\ e f=""", "\\") == ['a="x y"', "b='q'", r"c=d\ e", "f="]


def test_many_stars_cost_no_more_than_one() -> None:
    """Found by the fuzzer: each star tried every length of every other."""
    value = {"V": "a/b.c" * 40}
    stars = "*" * 120
    assert expand(f"${{V%%$1{stars}z}}", value) == value["V"]
    assert expand(f"${{V##{stars}}}", value) == ""
    assert expand(f"${{V//{'*a' * 30}*z/x}}", value) == value["V"]
