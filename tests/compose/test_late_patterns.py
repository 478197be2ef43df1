"""A library's regular expressions are compiled when they are used."""

import re
import subprocess
import sys

from dockless.compose.load.late_patterns import late_patterns


def test_a_late_pattern_is_used_as_any_other() -> None:
    with late_patterns():
        late = re.compile("(a+)b", re.IGNORECASE)
    assert re.compile("x") is re.compile("x")
    assert late.search("xAAb")[1] == "AA"
    assert late.match("xab") is None
    assert late.pattern == "(a+)b"


def test_yaml_reads_as_ever_with_its_parser_in_python() -> None:
    code = (
        "import dockless.compose.load.reading, yaml\n"
        "print(yaml.load('a: [1, 0x1f, 2001-01-01, yes, 1.5, ~]', yaml.SafeLoader))\n"
        "try: yaml.load('a: \\x01', yaml.SafeLoader)\n"
        "except yaml.reader.ReaderError: print('refused')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120).stdout
    assert found.splitlines() == ["{'a': [1, 31, datetime.date(2001, 1, 1), True, 1.5, None]}", "refused"]
