"""Files that somebody broke in the middle of an edit: the doctor says something or nothing, and never falls over."""

import random
import sys
from pathlib import Path

import pytest
from doctoring import TODAY, mended, write

from dockless.compose.errors import NoConfigurationError
from dockless.compose.load.options import LoadOptions
from dockless.explain.doctor.examine import examine, reader_of, rules
from dockless.explain.doctor.mending import mend

CASES = Path(__file__).parents[1] / "compose"
ENDINGS = (" \\", " # x", " |", " &&", "'", '"', " []", ": {}", ":", " <<EOF", "\r")


def broken(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(lines))
        line = lines[at]
        cut = chance.randrange(len(line) + 1)
        other = lines[chance.randrange(len(lines))]
        letter = chance.choice("$'\"\\#:-[]{}|&> é\t")
        lines[at : at + 1] = chance.choice(
            ([other, line], [line[:cut]], [line + chance.choice(ENDINGS)], [line[:cut] + letter + line[cut:]], [other])
        )
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(4))
def test_a_file_broken_at_random_is_examined_and_mended_to_the_end(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    for number in range(40):
        folder = tmp_path / str(number)
        example = chance.choice(rules()).wrong
        write(folder, {name: broken(text, chance) if text else "" for name, text in example.items()})
        mended(folder, {}, unsafe=True)
        assert mended(folder, {}, unsafe=True).texts == {}


def test_every_project_that_the_loader_is_tested_with_can_be_examined(tmp_path: Path) -> None:
    sys.path.insert(0, str(CASES))
    import case_files

    for path in sorted(case_files.CASES.glob("*.case")):
        case = case_files.read(path)
        folder = tmp_path / path.stem / "project"
        folder.mkdir(parents=True)
        case.lay_out(folder)
        named = tuple(value for option, value in zip(case.args, case.args[1:], strict=False) if option == "-f")
        options = LoadOptions(
            cwd=folder,
            environ={"HOME": "/root", **case.environ},
            files=named,
            standard_input=lambda: "services: {a: {image: x}}",
        )
        read = reader_of([options], str(folder), TODAY)
        try:
            examine(read({}))
        except NoConfigurationError:
            continue  # the case is about where files are looked for
        assert [found.rule for found in mend(read).report.findings if found.mendable == "safe"] == [], path.stem
