"""A stack's graph as a Mermaid flowchart, which GitHub and others draw inside of Markdown."""

import re

from dockless.explain.drawing.graph import graph_of
from dockless.explain.story.stack import Stack

_SHAPES = {
    "port": ("([", "])"),
    "service": ("[", "]"),
    "volume": ("[(", ")]"),
    "folder": ("[/", "/]"),
    "secret": ("{{", "}}"),
}
_LINES = {
    "port": "-->",
    "started": "-. started .->",
    "healthy": "-- healthy -->",
    "completed": "-. done .->",
    "mount": "---",
    "reads": "-.-",
}


def mermaid(stack: Stack) -> str:
    """The flowchart; empty where there is no service."""
    graph = graph_of(stack)
    if not graph.nodes:
        return ""
    names = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node in graph.nodes:
        left, right = _SHAPES[node.kind]
        detail = f"<br>{_text(node.detail)}" if node.detail else ""
        lines.append(f'    {names[node.id]}{left}"{_text(node.title)}{detail}"{right}')
    lines += [f"    {names[edge.source]} {_LINES[edge.kind]} {names[edge.target]}" for edge in graph.edges]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    return re.sub(r'["<>&#]', lambda match: f"#{ord(match.group())};", text)
