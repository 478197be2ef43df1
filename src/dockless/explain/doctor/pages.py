"""Each rule's page, and the index of them, as Markdown: what it finds, what that costs, wrong and right.

`python -m dockless.explain.doctor.pages docs/rules` writes the pages of the documentation anew.
"""

import sys
from pathlib import Path

from dockless.explain.doctor.examine import rules
from dockless.explain.doctor.findings import Severity
from dockless.explain.doctor.table import Example, Rule

_MEANING: dict[Severity, str] = {
    "error": "it does not work, or it gives a secret away",
    "warning": "it works today and will hurt",
    "info": "it could be better",
}
_CHANGES: dict[str, str] = {
    "safe": "`dockless doctor --fix` makes it, where the text is simple enough to be changed without a doubt.",
    "unsafe": "`dockless doctor --fix --unsafe` makes it; look whether everything still works.",
    "": "It is yours to make; the finding says what to do.",
}
_GROUPS = (
    ("DF", "Dockerfile"),
    ("CF", "Compose file"),
    ("ST", "The two together"),
)
_LANGUAGES = {"Dockerfile": "dockerfile", ".yaml": "yaml", ".yml": "yaml", ".json": "json"}


def page(rule: Rule) -> str:
    """The whole page of a rule."""
    parts = [
        f"# {rule.id}: {rule.title}",
        f"**{rule.severity}** ({_MEANING[rule.severity]})",
        rule.about,
        f"**What it costs.** {rule.costs}",
        f"**The change.** {_CHANGES[rule.mends]}",
        "## Wrong",
        *_blocks(rule.wrong),
        "## Right",
        *_blocks(rule.right),
        "## Ignoring it",
        _ignoring(rule),
    ]
    if rule.also:
        parts.append(f"Other tools call it {', '.join(rule.also)}.")
    return "\n\n".join(parts) + "\n"


def index() -> str:
    """The list of all rules."""
    lines = ["# Rules", "", f"What `dockless doctor` looks for: {len(rules())} rules.", ""]
    for prefix, title in _GROUPS:
        lines += [f"## {title}", "", "| rule | | what |", "| --- | --- | --- |"]
        lines += [
            f"| [{rule.id}]({rule.id}.md) | {rule.severity} | {rule.title} |"
            for rule in rules()
            if rule.id.startswith(prefix)
        ]
        lines.append("")
    return "\n".join(lines)


def pages() -> dict[str, str]:
    """Every file of the folder, by name."""
    return {"README.md": index(), **{f"{rule.id}.md": page(rule) for rule in rules()}}


def _blocks(example: Example) -> list[str]:
    shown = {name: text for name, text in example.items() if text}
    found = []
    for name, text in shown.items():
        language = next((value for key, value in _LANGUAGES.items() if name.endswith(key)), "text")
        title = f"`{name}`\n\n" if len(example) > 1 else ""
        found.append(f"{title}```{language}\n{text}```")
    empty = [f"`{name}`" for name, text in example.items() if not text]
    if empty:
        found.append(f"Beside it: {', '.join(empty)}.")
    return found


def _ignoring(rule: Rule) -> str:
    where = "before the instruction" if rule.subject == "dockerfile" else "before the entry, or at the end of its line"
    also = rule.also[0] if rule.also and rule.also[0].startswith("DL") else ""
    hadolint = f" (`# hadolint ignore={also}` does, too)" if also else ""
    return f"`# dockless ignore={rule.id}` {where}{hadolint}, or `dockless doctor --ignore {rule.id}`."


def write(folder: Path) -> None:
    """Makes the folder's pages what they should be; one of a rule that is gone goes."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        if old.name not in pages():
            old.unlink()
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
