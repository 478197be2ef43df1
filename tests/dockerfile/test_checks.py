"""The build checks by themselves. That each rule finds what BuildKit's finds is seen in tests/build/checks."""

import pytest

from dockless.dockerfile import parse
from dockless.dockerfile.checks import RULES, BadSettings, Base, Situation, check, read_settings
from dockless.dockerfile.checks.near import near


def found(text: str, situation: Situation | None = None, settings: str = "") -> list[tuple[str, int]]:
    findings = check(parse(text), situation or Situation(), read_settings(settings))
    return [(finding.rule, finding.position.line) for finding in findings]


def known(**variables: str) -> Situation:
    return Situation(base=lambda _reference, _platform: Base(variables=variables))


def test_a_variable_of_an_unknown_base_is_not_called_undefined() -> None:
    text = "FROM nobody/knows\nENV A=$FROM_THE_BASE\n"
    assert found(text) == []
    assert found(text, known(FROM_THE_BASE="1")) == []
    assert found(text, known()) == [("UndefinedVar", 2)]


def test_what_the_triggers_of_a_base_define_is_defined_and_they_are_not_blamed() -> None:
    base = Base(triggers=("ARG VERSION=1", "WORKDIR relative", "ENV TOKEN=$UNKNOWN"))
    text = "FROM base\nWORKDIR more\nENV A=$VERSION B=$TOKEN\n"
    assert found(text, Situation(base=lambda *_: base)) == []


def test_a_base_of_another_platform_is_said() -> None:
    situation = Situation(predefined={"TARGETPLATFORM": "linux/amd64"}, base=lambda *_: Base(platform="linux/arm64/v8"))
    (finding,) = check(parse("FROM busybox\n"), situation, read_settings(""))
    assert finding.rule == "InvalidBaseImagePlatform"
    assert finding.message == (
        'Base image busybox was pulled with platform "linux/arm64/v8", expected "linux/amd64" for current build'
    )
    assert found("FROM --platform=$OTHER busybox\n", Situation(base=lambda *_: Base(platform="linux/arm64"))) == [
        ("UndefinedArgInFrom", 1)
    ]


def test_only_the_stages_that_are_built_have_their_steps_judged() -> None:
    text = "FROM scratch AS One\nWORKDIR a\nFROM scratch\nWORKDIR b\n"
    assert found(text, Situation(stages=frozenset({1}))) == [("StageNameCasing", 1), ("WorkdirRelativePath", 4)]


def test_a_word_that_cannot_be_expanded_ends_the_judging_of_its_stage() -> None:
    assert found("FROM scratch\nENV A=${B:?must}\nWORKDIR a\n") == []
    assert found("ARG A=${B?}\nFROM scratch\nWORKDIR a\n") == []
    assert found("FROM ${A?}\nWORKDIR /a\n") == []


@pytest.mark.parametrize(
    ("settings", "rules"),
    [
        ("", ["StageNameCasing", "JSONArgsRecommended"]),
        ("skip=StageNameCasing", ["JSONArgsRecommended"]),
        ("skip=StageNameCasing,JSONArgsRecommended", []),
        ("error=true;skip=all", []),
        (
            "experimental=InvalidDefinitionDescription",
            ["InvalidDefinitionDescription", "StageNameCasing", "JSONArgsRecommended"],
        ),
        ("experimental=all;skip=StageNameCasing", ["InvalidDefinitionDescription", "JSONArgsRecommended"]),
    ],
)
def test_the_directive_says_which_rules_count(settings: str, rules: list[str]) -> None:
    text = "# about it\nARG A=scratch\nFROM scratch AS One\nCMD a\n"
    assert [rule for rule, _ in found(text, settings=settings)] == rules


@pytest.mark.parametrize(
    ("settings", "part"),
    [("bogus=1", '"bogus"'), ("error=maybe", '"maybe"'), ("skip=A;;error=true", '""'), ("all", '"all"')],
)
def test_a_directive_that_means_nothing_is_refused_with_its_part(settings: str, part: str) -> None:
    with pytest.raises(BadSettings, match=part):
        read_settings(settings)


def test_every_rule_has_the_address_of_its_page() -> None:
    assert RULES["JSONArgsRecommended"].url.endswith("/json-args-recommended/")
    assert RULES["SecretsUsedInArgOrEnv"].url.endswith("/secrets-used-in-arg-or-env/")
    assert all(rule.name == name for name, rule in RULES.items())


def test_the_nearest_name_is_meant_where_it_is_near_enough() -> None:
    assert near("PAHT", ["HOME", "PATH", "PATHS"], "{}?") == "PATH?"
    assert near("NOTHING_LIKE_IT", ["HOME", "PATH"], "{}?") == ""
