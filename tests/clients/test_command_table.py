"""docs/cli.md holds our command line against Docker's: here the page is held against both."""

import re
from pathlib import Path

import click
import pytest
from client_commands import Run

from dockless.cli.commands import BUILDER, CONTAINER, EITHER, GROUPS, IMAGE, NETWORK, SYSTEM, TOP, VOLUME
from dockless.cli.lazy import Entry

pytestmark = pytest.mark.peer

PAGE = (Path(__file__).parents[2] / "docs/cli.md").read_text()
TABLES = {
    "builder": BUILDER,
    "container": CONTAINER,
    "image": IMAGE,
    "network": NETWORK,
    "system": SYSTEM,
    "volume": VOLUME,
}
SECTIONS = ("## Common commands", "## Management commands", "## Commands")
# Of the same name as in `docker`, with a meaning of its own that the page explains.
OTHER_MEANING = {"config", "context"}


def rows(section: str) -> list[list[str]]:
    """The cells of the section's table."""
    text = PAGE.partition(f"{section}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| Docker | dockless")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def said() -> dict[str, str]:
    """Each verb or group of Docker's and what the page says of it."""
    found = {}
    for section in SECTIONS:
        for docker, ours, *_ in rows(section):
            for name in re.findall(r"`([a-z]+)", docker):
                if ours != "missing" or name not in found:
                    found[name] = "missing" if ours == "missing" else "have"
    return found


def entry(verb: str) -> Entry | None:
    return EITHER[verb][1] if verb in EITHER else TOP.get(verb)


def flags(command: click.Command) -> set[str]:
    return {option for each in command.params for option in (*each.opts, *each.secondary_opts) if option[:2] == "--"}


def theirs(cli: Run, *verb: str) -> set[str]:
    shown = cli(*verb, "--help").stdout
    return set(re.findall(r"^ +(?:-\w, )?(--[a-z0-9-]+)", shown, re.MULTILINE)) - {"--help"}


def listed(cli: Run, *group: str) -> list[str]:
    """The commands that `--help` lists; those of plugins have a star."""
    return re.findall(r"^  ([a-z]+) ", cli(*group, "--help").stdout, re.MULTILINE)


def left_out() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for verbs, names, _ in rows("## Flags that are not there")[1:]:
        for verb in re.findall(r"`([^`]+)`", verbs):
            found.setdefault(verb, set()).update(re.findall(r"`(--[a-z-]+)`", names))
    return found


def test_every_command_of_dockers_is_on_the_page_and_the_page_is_right(cli: Run) -> None:
    page = said()
    for verb in listed(cli):
        if verb in OTHER_MEANING:
            continue
        assert verb in page, f"docs/cli.md does not speak of `docker {verb}`"
        here = entry(verb) is not None or verb in GROUPS
        assert (page[verb] == "have") == here, f"docs/cli.md says that {verb} is {page[verb]}"


@pytest.mark.parametrize("group", TABLES)
def test_groups_have_all_verbs_of_dockers(cli: Run, group: str) -> None:
    missing = {f"{group} {verb}" for verb in listed(cli, group) if verb not in TABLES[group]}
    assert missing <= {"volume update"}


def test_flags_are_dockers_but_for_those_that_the_page_names(cli: Run) -> None:
    lacking: dict[str, set[str]] = {}
    for verb in listed(cli):
        found = entry(verb)
        if found is not None and verb not in OTHER_MEANING and (gone := theirs(cli, verb) - flags(found.load())):
            lacking[verb] = gone
    for group, table in TABLES.items():
        for verb in listed(cli, group):
            if entry(verb) is table.get(verb) or verb not in table or (group, verb) in SAME:
                continue
            if gone := theirs(cli, group, verb) - flags(table[verb].load()):
                lacking[f"{group} {verb}"] = gone
    assert lacking == left_out()


# The same command by another name, which the page names once.
SAME = {("builder", "build"), ("container", "ls"), ("image", "ls"), ("image", "rm")}
