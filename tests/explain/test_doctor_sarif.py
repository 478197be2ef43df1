"""`doctor --format sarif`: the log keeps to the schema, and a program that makes its fixes gets what `--fix` writes."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from doctoring import examined
from test_doctor_rules import files

from dockless.explain.doctor.examine import rules
from dockless.explain.doctor.mending import apply
from dockless.explain.doctor.sarif import sarif
from dockless.explain.doctor.table import Rule

MENDING = [rule for rule in rules() if rule.mends]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_the_log_keeps_to_the_schema(rule: Rule, tmp_path: Path) -> None:
    log = json.loads(sarif(examined(tmp_path, files(rule, rule.wrong)), "1.2.3"))
    jsonschema.validate(log, SARIF)
    (run,) = log["runs"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("rule", MENDING, ids=lambda rule: rule.id)
def test_a_program_that_makes_the_fixes_gets_what_the_doctor_writes(rule: Rule, ending: str, tmp_path: Path) -> None:
    for name, text in files(rule, rule.wrong).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.replace("\n", ending).encode())
    report = examined(tmp_path)
    results = json.loads(sarif(report, "1.2.3"))["runs"][0]["results"]
    pairs = [pair for pair in zip(report.findings, results, strict=True) if pair[0].rule == rule.id]
    assert any("fixes" in result for _, result in pairs)
    for finding, result in pairs:
        wanted: dict[str, Any] = {}
        for edit in finding.edits:
            wanted.setdefault(edit.path, []).append(edit)
        for change in result["fixes"][0]["artifactChanges"] if wanted else ():
            path = tmp_path / unquote(change["artifactLocation"]["uri"])
            before = path.read_bytes().decode() if path.exists() else ""
            assert replaced(before, change["replacements"]) == apply(before, wanted.pop(str(path)))
        assert not wanted


def replaced(text: str, replacements: list[Any]) -> str:
    """By the specification: from the last to the first, columns count characters from 1."""
    starts = [0, *(at + 1 for at, letter in enumerate(text) if letter == "\n")]
    for each in reversed(replacements):
        region = each["deletedRegion"]
        start = starts[region["startLine"] - 1] + region["startColumn"] - 1
        end = starts[region["endLine"] - 1] + region["endColumn"] - 1
        text = text[:start] + each.get("insertedContent", {}).get("text", "") + text[end:]
    return text


SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "version": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "additionalProperties": False,
                                            "required": ["id"],
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": {"$ref": "#/definitions/message"},
                                                "fullDescription": {"$ref": "#/definitions/message"},
                                                "help": {"$ref": "#/definitions/message"},
                                                "defaultConfiguration": {
                                                    "properties": {"level": {"$ref": "#/definitions/level"}}
                                                },
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["message"],
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": -1},
                                "level": {"$ref": "#/definitions/level"},
                                "message": {"$ref": "#/definitions/message"},
                                "fixes": {
                                    "type": "array",
                                    "uniqueItems": True,
                                    "items": {"$ref": "#/definitions/fix"},
                                },
                                "locations": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "properties": {
                                            "physicalLocation": {
                                                "type": "object",
                                                "required": ["artifactLocation"],
                                                "properties": {
                                                    "artifactLocation": {
                                                        "properties": {
                                                            "uri": {"type": "string", "format": "uri-reference"}
                                                        }
                                                    },
                                                    "region": {"$ref": "#/definitions/region"},
                                                },
                                            }
                                        },
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
    "definitions": {
        "fix": {
            "type": "object",
            "additionalProperties": False,
            "required": ["artifactChanges"],
            "properties": {
                "description": {"$ref": "#/definitions/message"},
                "artifactChanges": {
                    "type": "array",
                    "minItems": 1,
                    "uniqueItems": True,
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["artifactLocation", "replacements"],
                        "properties": {
                            "artifactLocation": {"properties": {"uri": {"type": "string", "format": "uri-reference"}}},
                            "replacements": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "object",
                                    "additionalProperties": False,
                                    "required": ["deletedRegion"],
                                    "properties": {
                                        "deletedRegion": {"$ref": "#/definitions/region"},
                                        "insertedContent": {
                                            "type": "object",
                                            "additionalProperties": False,
                                            "properties": {"text": {"type": "string"}},
                                        },
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
        "region": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                name: {"type": "integer", "minimum": 1} for name in ("startLine", "startColumn", "endLine", "endColumn")
            },
        },
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}},
    },
}
"""Of the schema of SARIF 2.1.0 (OASIS) what concerns what we write."""
