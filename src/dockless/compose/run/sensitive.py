"""What looks like a secret in a text that is to be given away. Pure."""

import re
from collections.abc import Iterator

_KINDS = (
    ("AWS Client ID", re.compile(r"\b(?:A3T[A-Z0-9]|AKIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA|ASIA)[A-Z0-9]{16}\b")),
    ("Github authentication", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})")),
    ("JSON Web Token", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+")),
    ("Private Key", re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")),
    ("URL with password", re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s:/@$\"']+:[^\s:/@$\"']+@[^\s\"']+")),
)
_SHOWN = 12


def found_in(text: str) -> Iterator[tuple[str, str]]:
    """The kind of each, and how it begins: it is not shown whole, since a terminal is no place for it either."""
    for kind, pattern in _KINDS:
        for match in pattern.finditer(text):
            yield kind, f"{match[0][:_SHOWN]}…"
