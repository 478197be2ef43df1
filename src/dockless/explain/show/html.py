"""A story as one HTML page: nothing is loaded from outside, and there is no script.

Source lines stand left, what they do right; narrow windows put them below each other. Light and dark follow the
reader's system.
"""

import os
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

from dockless.explain.show.spans import spans
from dockless.explain.story.values import Chapter, Code, Entry, FileStory, Points, Steps, Story, Table

_BROAD = 1150
"""Pixels from which on a picture may be wider than the text."""
_KEY = re.compile(r"^(\s*(?:- )?)([\w.$-]+)(:)(.*)$")
_INSTRUCTION = re.compile(r"^(\s*)([A-Za-z]+)(\s.*)$")


def render(story: Story, picture: str = "") -> str:
    """The page. `picture` is an `<svg>` element, or nothing."""
    return "".join(_page(story, picture))


def _page(story: Story, picture: str) -> Iterator[str]:
    title = escape(story.project or "Dockerfile")
    yield (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}: what '
        "this stack does</title>\n"
    )
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
    yield f"<style>{_style()}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    yield from (f'<p class="lead">{_text(text)}</p>\n' for text in story.summary)
    yield from _navigation(story)
    if picture:
        found = re.search(r' width="(\d+)"', picture)
        width = int(found[1]) if found else 0
        broad = " broad" if width > _BROAD else ""
        yield f'<div class="picture{broad}" style="--width:{width}px">{picture}</div>\n'
    for number, file in enumerate(story.files):
        yield from _file(file, number, story.folder)
    for chapter in story.chapters:
        yield from _chapter(chapter)
    if story.warnings:
        yield '<h2 id="warnings">To mind</h2>\n'
        yield from (f'<p class="mind">{_text(warning)}</p>\n' for warning in story.warnings)
    yield (
        "<footer>Written by <code>dockless explain</code>. Nothing was run for "
        "it.</footer>\n</main>\n</body>\n</html>\n"
    )


def _style() -> str:
    return (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


def _navigation(story: Story) -> Iterator[str]:
    links = [(f"#file-{n}", _name(file, story.folder)) for n, file in enumerate(story.files)]
    links += [(f"#{chapter.key}", chapter.title) for chapter in story.chapters]
    if len(links) > 1:
        yield "<nav>" + "".join(f'<a href="{target}">{escape(text)}</a>' for target, text in links) + "</nav>\n"


def _name(file: FileStory, folder: str) -> str:
    name = os.path.relpath(file.file, folder) if os.path.isabs(file.file) else file.file
    return file.file if name.startswith("../..") else name


def _text(text: str) -> str:
    tags = {"plain": "", "code": "code", "strong": "strong"}
    return "".join(
        f"<{tag}>{escape(piece)}</{tag}>" if (tag := tags[kind]) else escape(piece) for kind, piece in spans(text)
    )


def _file(file: FileStory, number: int, folder: str) -> Iterator[str]:
    yield f'<section id="file-{number}">\n<h2>{escape(_name(file, folder))}</h2>\n'
    yield from (f'<p class="lead">{_text(text)}</p>\n' for text in file.lead)
    lines = file.text.split("\n")
    for entry in file.entries:
        yield f'<div class="entry">\n<pre class="source">{_source(entry, lines, file.kind)}</pre>\n<div class="said">\n'
        yield from _said(entry)
        yield "</div>\n</div>\n"
    yield "</section>\n"


def _source(entry: Entry, lines: list[str], kind: str) -> str:
    shown = []
    for number in range(entry.line, min(entry.last, len(lines)) + 1):
        text = lines[number - 1].rstrip()
        shown.append(
            f'<span class="l"><span class="n">{number}</span>{_highlighted(text, kind, number == entry.line)}</span>'
        )
    return "".join(shown)


def _highlighted(text: str, kind: str, first: bool) -> str:
    if text.lstrip().startswith("#"):
        return f'<span class="c">{escape(text)}</span>'
    match = _KEY.match(text) if kind == "compose" else _INSTRUCTION.match(text) if first else None
    if match is None:
        return escape(text)
    if kind == "compose":
        before, key, colon, rest = match.groups()
        return f'{escape(before)}<span class="k">{escape(key)}</span>{colon}<span class="s">{escape(rest)}</span>'
    before, key, rest = match.groups()
    return f'{escape(before)}<span class="k">{escape(key)}</span>{escape(rest)}'


def _said(entry: Entry) -> Iterator[str]:
    numbered: list[str] = []
    for text in entry.says:
        number, dot, rest = text.partition(". ")
        if dot and number.isdigit():
            numbered.append(rest)
            continue
        yield from _ordered(numbered)
        yield f"<p>{_text(text)}</p>\n"
    yield from _ordered(numbered)
    if entry.values:
        yield '<div class="wide"><table class="values">'
        for value in entry.values:
            yield (
                f"<tr><td><code>{escape(value.name)}</code></td><td>{escape(value.text)}</td><td "
                f'class="o">{escape(value.origin)}</td></tr>'
            )
        yield "</table></div>\n"
    yield from (f'<p class="mind">{_text(text)}</p>\n' for text in entry.cautions)


def _ordered(items: list[str]) -> Iterator[str]:
    if items:
        yield "<ol>" + "".join(f"<li>{_text(item)}</li>" for item in items) + "</ol>\n"
        items.clear()


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f'<section id="{chapter.key}">\n<h2>{escape(chapter.title)}</h2>\n'
    if chapter.lead:
        yield f'<p class="lead">{_text(chapter.lead)}</p>\n'
    for block in chapter.blocks:
        if isinstance(block, Table):
            heads = "".join(f"<th>{_text(header)}</th>" for header in block.headers)
            rows = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in block.rows)
            yield f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>\n'
        elif isinstance(block, Steps):
            steps = "".join(f"<li>{_text(step)}</li>" for step in block.steps)
            yield f"<h3>{_text(block.title)}</h3>\n<ol>{steps}</ol>\n"
        elif isinstance(block, Points):
            yield f"<ul>{''.join(f'<li>{_text(point)}</li>' for point in block.points)}</ul>\n"
        elif isinstance(block, Code):
            yield f'<pre class="script">{escape(block.text)}</pre>\n'
    yield "</section>\n"


def _cell(text: str) -> str:
    return f'<td class="{text}">{text}</td>' if text in ("stays", "gone") else f"<td>{_text(text)}</td>"
