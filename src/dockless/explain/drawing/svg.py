"""A stack's graph as SVG: boxes in columns (ports, services, what is kept), in light and dark.

Colours are CSS variables, so that a page can give its own; alone, the picture follows `prefers-color-scheme`.
"""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import msgspec

from dockless.explain.drawing.graph import Edge, Graph, Line, Node, graph_of
from dockless.explain.drawing.layers import Box, Layout, Settings, Spot, columns_of, layout
from dockless.explain.story.stack import Stack

_NETWORK_COLOURS = (
    "#2f6feb",
    "#c2410c",
    "#0f7b6c",
    "#a21caf",
    "#a16207",
    "#be123c",
    "#4d7c0f",
    "#0369a1",
    "#6d28d9",
    "#57534e",
)
_LEGEND: tuple[tuple[tuple[Line, ...], str], ...] = (
    (("port",), "published port"),
    (("started",), "needs it started"),
    (("healthy",), "needs it healthy"),
    (("completed",), "needs it done"),
    (("mount",), "reads and writes"),
    (("reads",), "reads"),
)
_MARGIN, _HEAD = 24.0, 34.0
_WIDEST = 250.0


class _Drawn(msgspec.Struct, frozen=True):
    """A node's texts, cut to fit, and the size that they need."""

    node: Node
    title: str
    detail: str
    rows: tuple[tuple[tuple[str, float], ...], ...]
    width: float
    height: float


def draw(stack: Stack) -> str:
    """The picture of a stack's services, as an `<svg>` element."""
    return picture(graph_of(stack))


def picture(graph: Graph) -> str:
    """The picture of a graph."""
    many = len(graph.networks) > 1
    names = graph.networks if many else ()
    columns = _columns(graph)
    drawn = {node.id: _measured(node, names, 0) for node in graph.nodes}
    widest: dict[int, float] = {}
    for id_, each in drawn.items():
        widest[columns[id_]] = max(widest.get(columns[id_], 0), each.width)
    drawn = {node.id: _measured(node, names, widest[columns[node.id]]) for node in graph.nodes}
    boxes = {id_: Box(each.width, each.height, columns[id_]) for id_, each in drawn.items()}
    lines = [(edge.source, edge.target) for edge in graph.edges]
    found = layout(boxes, lines, Settings())
    return "".join(_svg(graph, drawn, columns, found))


def _columns(graph: Graph) -> dict[str, int]:
    """Ports left, services by what needs what, what is kept right."""
    services = [node.id for node in graph.nodes if node.kind == "service"]
    ports = [node.id for node in graph.nodes if node.kind == "port"]
    kept = [node.id for node in graph.nodes if node.kind not in ("service", "port")]
    most = max(4, round(len(services) ** 0.5 * 1.7))
    edges = [(edge.source, edge.target) for edge in graph.edges]
    placed = columns_of(services, edges, most)
    last = max(placed.values(), default=0)
    return {**dict.fromkeys(ports, -1), **placed, **dict.fromkeys(kept, last + 1)}


def _measured(node: Node, networks: Sequence[str], least: float) -> _Drawn:
    """`least` is the width of the widest box in its column, which all of the column get."""
    title = _cut(node.title, 24)
    detail = _cut(node.detail, 34)
    tags = [*node.tags, *(networks[at] for at in node.networks if networks)]
    widths = [
        (tag, _wide(_cut(tag, 26), 11) + 14 + (12 if networks and at >= len(node.tags) else 0))
        for at, tag in enumerate(tags)
    ]
    need = max(_wide(title, 15, bold=True), _wide(detail, 12)) + 34
    width = max(min(max(need, 172.0 if node.kind == "service" else 120.0), _WIDEST), least)
    rows: list[list[tuple[str, float]]] = []
    used = width
    for tag, wide in widths:
        if used + wide + 6 > width - 26:
            rows.append([])
            used = 0.0
        rows[-1].append((_cut(tag, 26), wide))
        used += wide + 6
        width = max(width, min(wide + 32, _WIDEST + 40))
    if node.kind in ("volume", "folder"):
        return _Drawn(node, title, detail, (), width, 66.0)
    height = 32 + (20 if detail else 4) + 24 * len(rows) + (2 if rows else 0)
    return _Drawn(node, title, detail, tuple(map(tuple, rows)), width, float(height))


def _wide(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a text is at most in a usual sans-serif font."""
    narrow = sum(character in " .,:;/|'ilIjtf()[]-" for character in text)
    wide = sum(character in "mwMW@%" or ord(character) > 0x2E7F for character in text)
    return size * (0.62 * (len(text) - narrow - wide) + 0.42 * narrow + 1.0 * wide) * (1.06 if bold else 1.0)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _svg(graph: Graph, drawn: dict[str, _Drawn], columns: dict[str, int], found: Layout) -> Iterator[str]:
    legend = list(_legend(graph))
    inner = max(found.width, sum(width for _, width, _ in legend) + 20)
    shift = _MARGIN + (inner - found.width) / 2
    top = _MARGIN + _HEAD
    width, height = inner + 2 * _MARGIN, top + found.height + 30 + (34 if legend else 0)
    yield (
        f'<svg class="stack" xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" aria-label="The stack {escape(graph.title, quote=True)}">'
    )
    yield f"<style>{_style()}</style>"
    yield f'<g transform="translate({shift:.1f} {top:.1f})">'
    yield from _frame(graph, found)
    for edge, route in zip(graph.edges, found.routes, strict=True):
        yield _line(edge, route)
    for id_, spot in found.spots.items():
        yield _box(drawn[id_], spot)
    yield "</g>"
    yield from _legend_row(legend, _MARGIN, height - 22)
    yield "</svg>"


def _style() -> str:
    return (Path(__file__).parent / "stack.css").read_text(encoding="utf-8")


def _frame(graph: Graph, found: Layout) -> Iterator[str]:
    """The ground that the services stand on, and the columns' headings."""
    by_kind: dict[str, list[Spot]] = {"port": [], "service": [], "kept": []}
    for node in graph.nodes:
        kind = node.kind if node.kind in by_kind else "kept"
        by_kind[kind].append(found.spots[node.id])
    services = by_kind["service"]
    if services:
        x, right = min(s.x for s in services) - 18, max(s.x + s.width for s in services) + 18
        yield (
            f'<rect class="frame" x="{x:.1f}" y="-16" width="{right - x:.1f}" '
            f'height="{found.height + 32:.1f}" rx="14"/>'
        )
        text = f"network {graph.networks[0]}" if len(graph.networks) == 1 else "services"
        yield _text("head", x + 6, -26, text)
    if by_kind["port"]:
        yield _text("head", min(s.x for s in by_kind["port"]), -26, "from outside")
    if by_kind["kept"]:
        yield _text("head", min(s.x for s in by_kind["kept"]), -26, "on this machine")


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _line(edge: Edge, route: Sequence[tuple[float, float]]) -> str:
    (x, y), *rest = route
    path = [f"M{x:.1f} {y:.1f}"]
    for number, (to_x, to_y) in enumerate(rest):
        last = number == len(rest) - 1
        end = to_x - 7 if last else to_x
        if abs(to_y - y) < 0.5:
            path.append(f"L{end:.1f} {to_y:.1f}")
        else:
            bend = max((end - x) / 2, 12)
            path.append(f"C{x + bend:.1f} {y:.1f} {end - bend:.1f} {to_y:.1f} {end:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    tip = f"M{x:.1f} {y:.1f}l-8 -4v8z"
    hint = f"<title>{escape(edge.hint)}</title>" if edge.hint else ""
    return (
        f'<g class="edge">{hint}<path class="line l-{edge.kind}" d="{"".join(path)}"/><path '
        f'class="t-{edge.kind}" d="{tip}"/></g>'
    )


def _box(each: _Drawn, spot: Spot) -> str:
    node = each.node
    parts = [f'<g class="node {node.kind}" transform="translate({spot.x:.1f} {spot.y:.1f})">']
    if node.hint:
        parts.append(f"<title>{escape(node.hint)}</title>")
    parts.append(_shape(node.kind, spot))
    top = {"volume": 12, "folder": 7}.get(node.kind, 0)
    parts.append(_text("name", 16, 23 + top, each.title))
    if each.detail:
        parts.append(_text("detail", 16, 41 + top, each.detail))
    y = 26.0 + (22 if each.detail else 8) + 4
    number = 0
    for row in each.rows:
        x = 16.0
        for tag, wide in row:
            network = number - len(node.tags)
            parts.append(f'<rect class="tagbox" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="18" rx="9"/>')
            offset = 7.0
            if network >= 0:
                colour = _NETWORK_COLOURS[node.networks[network] % len(_NETWORK_COLOURS)]
                parts.append(f'<circle cx="{x + 11:.1f}" cy="{y + 9:.1f}" r="4" fill="{colour}"/>')
                offset = 19.0
            parts.append(_text("tag", x + offset, y + 13, tag))
            x += wide + 6
            number += 1
        y += 24
    parts.append("</g>")
    return "".join(parts)


def _shape(kind: str, spot: Spot) -> str:
    w, h = spot.width, spot.height
    if kind == "service":
        return (
            f'<rect class="card" width="{w:.1f}" height="{h:.1f}" rx="9"/><path class="bar" d="M0 9a9 '
            f'9 0 0 1 5 -8.1v{h - 1.8:.1f}a9 9 0 0 1 -5 -8.1z"/>'
        )
    if kind == "port":
        return f'<rect class="card" width="{w:.1f}" height="{h:.1f}" rx="{min(h / 2, 22):.1f}"/>'
    if kind == "volume":
        return (
            f'<path class="card" d="M0 8a{w / 2:.1f} 8 0 0 1 {w:.1f} 0v{h - 16:.1f}a{w / 2:.1f} 8 0 0 1 -{w:.1f} 0z"/>'
            f'<path class="card" fill-opacity="0" d="M0 8a{w / 2:.1f} 8 0 0 0 {w:.1f} 0"/>'
        )
    if kind == "folder":
        return (
            f'<path class="card" d="M0 5a5 5 0 0 1 5 -5h34l7 6h{w - 51:.1f}a5 5 0 0 1 5 '
            f'5v{h - 16:.1f}a5 5 0 0 1 -5 5h-{w - 10:.1f}a5 5 0 0 1 -5 -5z"/>'
        )
    return f'<path class="card" d="M0 0h{w - 12:.1f}l12 12v{h - 12:.1f}h-{w:.1f}z"/>'


def _legend(graph: Graph) -> Iterator[tuple[str, float, Line]]:
    kinds = {edge.kind for edge in graph.edges}
    for lines, text in _LEGEND:
        if kinds & set(lines):
            yield text, _wide(text, 12) + 58, lines[0]


def _legend_row(legend: Sequence[tuple[str, float, Line]], x: float, y: float) -> Iterator[str]:
    for text, width, kind in legend:
        yield (
            f'<path class="line l-{kind}" d="M{x:.1f} {y - 4:.1f}h26"/><path class="t-{kind}" '
            f'd="M{x + 32:.1f} {y - 4:.1f}l-8 -4v8z"/>'
        )
        yield _text("legend", x + 38, y, text)
        x += width
