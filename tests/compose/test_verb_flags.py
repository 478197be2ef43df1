"""Every verb of Docker Compose 2.40.3, with every flag in its help, is one of ours."""

import re
import shutil
import subprocess

import click
import pytest
import record_cases

from dockless.cli.app import compose

REFUSED = frozenset({"bridge"})
"""Verbs that say that they are not supported, whatever follows."""


def _help(*verb: str) -> str:
    command = [record_cases.program("docker-compose"), *verb, "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _flags(text: str) -> set[str]:
    heads = re.findall(r"^ {2,}((?:-\w, )?--[\w-]+)", text, re.MULTILINE)
    return {flag for head in heads for flag in head.split(", ")}


def _ours(command: click.Command) -> set[str]:
    return {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="needs the program docker-compose (2.40.3)")
def test_every_verb_and_flag_is_known() -> None:
    assert isinstance(compose, click.Group)
    context = click.Context(compose)
    said = _help()
    verbs = re.findall(r"^  (\w+)\s{2,}", said[said.index("Commands:") :], re.MULTILINE)
    assert len(verbs) > 30
    missing = {"": _flags(said) - _ours(compose) - {"--verbose", "--version", "-v"}}
    for verb in set(verbs) - REFUSED:
        command = compose.get_command(context, verb)
        assert command is not None, verb
        missing[verb] = _flags(_help(verb)) - _ours(command) - {"--dry-run"}
    assert {verb: flags for verb, flags in missing.items() if flags} == {}
    assert all(compose.get_command(context, verb) for verb in REFUSED)
