"""A story as Markdown (GitHub's), for a page that is committed beside the files."""

import os
from collections.abc import Iterator

from dockless.explain.story.values import Chapter, Code, Entry, FileStory, Points, Steps, Story, Table


def render(story: Story, picture: str = "") -> str:
    """The page. `picture` is a Mermaid diagram of the stack, or nothing."""
    return "\n".join(_story(story, picture)).rstrip() + "\n"


def _story(story: Story, picture: str) -> Iterator[str]:
    if story.project:
        yield f"# {story.project}\n"
    for text in story.summary:
        yield f"{text}\n"
    if picture:
        yield f"```mermaid\n{picture.rstrip()}\n```\n"
    for file in story.files:
        yield from _file(file, story.folder)
    for chapter in story.chapters:
        yield from _chapter(chapter)
    if story.warnings:
        yield "## To mind\n"
        yield from (f"- {warning}" for warning in story.warnings)


def _file(file: FileStory, folder: str) -> Iterator[str]:
    name = os.path.relpath(file.file, folder) if os.path.isabs(file.file) else file.file
    yield f"## `{name}`\n"
    for text in file.lead:
        yield f"{text}\n"
    lines = file.text.split("\n")
    language = "yaml" if file.kind == "compose" else "dockerfile"
    for entry in file.entries:
        yield from _entry(entry, lines, language)


def _entry(entry: Entry, lines: list[str], language: str) -> Iterator[str]:
    source = "\n".join(line.rstrip() for line in lines[entry.line - 1 : entry.last])
    fence = "```"
    while fence in source:
        fence += "`"
    yield f"{fence}{language}\n{source}\n{fence}\n"
    for text in entry.says:
        number, dot, _ = text.partition(". ")
        yield f"   {text}" if dot and number.isdigit() else f"- {text}"
    if entry.values:
        yield ""
        yield "| variable | value | from |\n|---|---|---|"
        for value in entry.values:
            yield f"| {_code(value.name)} | {_code(value.text)} | {_cell(value.origin)} |"
        yield ""
    for text in entry.cautions:
        yield f"- ⚠ {text}"
    yield ""


def _code(text: str) -> str:
    text = text.replace("\n", " ").replace("|", "\\|")
    if not text:
        return ""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"## {chapter.title}\n"
    if chapter.lead:
        yield f"{chapter.lead}\n"
    for block in chapter.blocks:
        if isinstance(block, Table):
            yield f"| {' | '.join(map(_cell, block.headers))} |"
            yield f"|{'---|' * len(block.headers)}"
            yield from (f"| {' | '.join(map(_cell, row))} |" for row in block.rows)
        elif isinstance(block, Steps):
            yield f"**{block.title}**\n"
            yield from (f"{number}. {text}" for number, text in enumerate(block.steps, 1))
        elif isinstance(block, Points):
            yield from (f"- {text}" for text in block.points)
        elif isinstance(block, Code):
            yield f"```{block.language}\n{block.text.rstrip()}\n```"
        yield ""
