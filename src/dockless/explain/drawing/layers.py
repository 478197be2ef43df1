"""Where boxes and lines of a directed graph go: in columns, from left to right, so that nothing overlaps.

The method is Sugiyama's: columns with a bounded number of boxes, boxes that lines pass get out of their way (a line
through a column takes a place of its own there), few crossings by sorting each column after its neighbours, and
heights that keep lines straight as far as order and distances allow. Units are pixels; y grows downwards.
"""

import itertools
from collections.abc import Mapping, Sequence

import msgspec

_SWEEPS = 12
_PASSING = 14.0
"""The height that a line takes in a column that it passes."""


class Box(msgspec.Struct, frozen=True):
    """What is to be placed: its size, and the column that it must be in (or -1)."""

    width: float
    height: float
    column: int = -1


class Spot(msgspec.Struct, frozen=True):
    """Where a box is: its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float


class Layout(msgspec.Struct, frozen=True):
    """`spots` by box; `routes`: for each line the points that it goes through; `columns` as (x, width)."""

    spots: Mapping[str, Spot]
    routes: tuple[tuple[tuple[float, float], ...], ...]
    columns: tuple[tuple[float, float], ...]
    width: float
    height: float


class Settings(msgspec.Struct, frozen=True):
    """`most` boxes to a column, `gap` between boxes of a column, `lane` between columns."""

    most: int = 8
    gap: float = 22.0
    lane: float = 84.0


def columns_of(names: Sequence[str], edges: Sequence[tuple[str, str]], most: int) -> dict[str, int]:
    """A column for each name, counted from 0: left of all that it has lines to, at most `most` names in one."""
    before: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        if source in before and target in before and source != target:
            before[target].append(source)
    depth = dict.fromkeys(names, 0)
    placed: dict[str, int] = {}
    counts: dict[int, int] = {}
    left = list(names)
    while left:
        ready = [name for name in left if all(other in placed for other in before[name])]
        for name in ready or left[:1]:
            column = max((placed[other] + 1 for other in before[name] if other in placed), default=depth[name])
            while counts.get(column, 0) >= most:
                column += 1
            placed[name] = column
            counts[column] = counts.get(column, 0) + 1
            left.remove(name)
    _pulled(placed, counts, edges, most)
    return placed


def _pulled(placed: dict[str, int], counts: dict[int, int], edges: Sequence[tuple[str, str]], most: int) -> None:
    """Moves names that nothing leads to as near to what they lead to as there is room: lines get short."""
    after: dict[str, list[str]] = {}
    before = set()
    for source, target in edges:
        if source in placed and target in placed:
            after.setdefault(source, []).append(target)
            before.add(target)
    for name in sorted(placed, key=lambda each: -placed[each]):
        if name in before or name not in after:
            continue
        for column in range(min(placed[other] for other in after[name]) - 1, placed[name], -1):
            if counts.get(column, 0) < most:
                counts[placed[name]] -= 1
                counts[column] = counts.get(column, 0) + 1
                placed[name] = column
                break


def layout(boxes: Mapping[str, Box], edges: Sequence[tuple[str, str]], settings: Settings) -> Layout:
    """Places all boxes, whose columns are given, and routes all lines; these go to a column further right."""
    grid = _Grid(boxes, edges, settings)
    grid.order()
    grid.level()
    return grid.layout()


class _Grid:
    """The columns with their boxes and the places that lines take in passing (named by line and column)."""

    def __init__(self, boxes: Mapping[str, Box], edges: Sequence[tuple[str, str]], settings: Settings) -> None:
        self._boxes, self._edges, self._settings = boxes, edges, settings
        used = sorted({box.column for box in boxes.values()})
        self._at = {name: used.index(box.column) for name, box in boxes.items()}
        self._columns: list[list[str]] = [[] for _ in used]
        for name in boxes:
            self._columns[self._at[name]].append(name)
        self._chains = [self._chain(number, source, target) for number, (source, target) in enumerate(edges)]
        self._before: dict[str, list[str]] = {}
        self._after: dict[str, list[str]] = {}
        for chain in self._chains:
            for source, target in itertools.pairwise(chain):
                self._after.setdefault(source, []).append(target)
                self._before.setdefault(target, []).append(source)
        self._middle: dict[str, float] = {}

    def _chain(self, number: int, source: str, target: str) -> list[str]:
        passed = []
        for column in range(self._at[source] + 1, self._at[target]):
            name = f"\0{number}/{column}"
            self._columns[column].append(name)
            passed.append(name)
        return [source, *passed, target]

    def _height(self, name: str) -> float:
        return self._boxes[name].height if name in self._boxes else _PASSING

    def _between(self, upper: str, lower: str) -> float:
        """The distance between two neighbours: lines that pass side by side need less."""
        both = upper not in self._boxes and lower not in self._boxes
        return 0.0 if both else self._settings.gap * (1.0 if upper in self._boxes and lower in self._boxes else 0.6)

    def order(self) -> None:
        """Sorts each column after its neighbours' middles, to and fro; the order with the fewest crossings stays."""
        best = [list(column) for column in self._columns]
        fewest = self._crossings()
        for sweep in range(_SWEEPS):
            forward = sweep % 2 == 0
            indices = range(1, len(self._columns)) if forward else range(len(self._columns) - 2, -1, -1)
            for at in indices:
                neighbours = self._before if forward else self._after
                places = {name: n for n, name in enumerate(self._columns[at - 1 if forward else at + 1])}
                own = {name: n for n, name in enumerate(self._columns[at])}
                self._columns[at].sort(key=lambda name: (self._mean(neighbours, places, name, own[name]), own[name]))
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(column) for column in self._columns], crossings
        self._columns = best

    @staticmethod
    def _mean(neighbours: Mapping[str, list[str]], places: Mapping[str, int], name: str, own: int) -> float:
        found = [places[other] for other in neighbours.get(name, ()) if other in places]
        return sum(found) / len(found) if found else float(own)

    def _crossings(self) -> int:
        count = 0
        for at in range(len(self._columns) - 1):
            left = {name: n for n, name in enumerate(self._columns[at])}
            right = {name: n for n, name in enumerate(self._columns[at + 1])}
            lines = sorted((left[a], right[b]) for a in self._columns[at] for b in self._after.get(a, ()) if b in right)
            count += sum(a[0] < b[0] and a[1] > b[1] for n, a in enumerate(lines) for b in lines[n + 1 :])
        return count

    def level(self) -> None:
        """Heights: each box as near to its neighbours' as order and distances allow."""
        for column in self._columns:
            y = 0.0
            for name in column:
                self._middle[name] = y + self._height(name) / 2
                y += self._height(name) + self._settings.gap
        tallest = max(self._extent(column) for column in self._columns)
        for column in self._columns:
            shift = (tallest - self._extent(column)) / 2
            for name in column:
                self._middle[name] += shift
        for sweep in range(_SWEEPS):
            indices = range(len(self._columns))
            for at in indices if sweep % 2 == 0 else reversed(indices):
                self._relax(self._columns[at])
        top = min(self._middle[name] - self._height(name) / 2 for column in self._columns for name in column)
        for name in self._middle:
            self._middle[name] -= top

    def _extent(self, column: Sequence[str]) -> float:
        return sum(self._height(name) for name in column) + self._settings.gap * (len(column) - 1)

    def _relax(self, column: Sequence[str]) -> None:
        wanted, weights, offsets = [], [], []
        offset = 0.0
        for at, name in enumerate(column):
            around = [*self._before.get(name, ()), *self._after.get(name, ())]
            middle = sum(self._middle[other] for other in around) / len(around) if around else self._middle[name]
            if at:
                offset += (self._height(column[at - 1]) + self._height(name)) / 2 + self._between(column[at - 1], name)
            offsets.append(offset)
            wanted.append(middle - offset)
            weights.append(4.0 if name not in self._boxes else float(max(len(around), 1)))
        for name, base, shift in zip(column, _rising(wanted, weights), offsets, strict=True):
            self._middle[name] = base + shift

    def layout(self) -> Layout:
        settings = self._settings
        widths = [
            max((self._boxes[n].width for n in column if n in self._boxes), default=0.0) for column in self._columns
        ]
        starts, x = [], 0.0
        for width in widths:
            starts.append(x)
            x += width + settings.lane
        spots = {
            name: Spot(
                starts[self._at[name]] + (widths[self._at[name]] - box.width) / 2,
                self._middle[name] - box.height / 2,
                box.width,
                box.height,
            )
            for name, box in self._boxes.items()
        }
        routes = tuple(self._route(number, spots, starts, widths) for number in range(len(self._chains)))
        height = max(spot.y + spot.height for spot in spots.values())
        return Layout(spots, routes, tuple(zip(starts, widths, strict=True)), x - settings.lane, height)

    def _route(
        self, number: int, spots: Mapping[str, Spot], starts: Sequence[float], widths: Sequence[float]
    ) -> tuple[tuple[float, float], ...]:
        chain = self._chains[number]
        source, target = spots[chain[0]], spots[chain[-1]]
        points = [(source.x + source.width, self._side(chain[0], number, self._after_lines(chain[0]), source))]
        for name in chain[1:-1]:
            column = int(name.rpartition("/")[2])
            points += [
                (starts[column] - 14, self._middle[name]),
                (starts[column] + widths[column] + 14, self._middle[name]),
            ]
        points.append((target.x, self._side(chain[-1], number, self._before_lines(chain[-1]), target)))
        return tuple(points)

    def _after_lines(self, name: str) -> list[tuple[float, int]]:
        return sorted((self._middle[chain[1]], number) for number, chain in enumerate(self._chains) if chain[0] == name)

    def _before_lines(self, name: str) -> list[tuple[float, int]]:
        return sorted(
            (self._middle[chain[-2]], number) for number, chain in enumerate(self._chains) if chain[-1] == name
        )

    def _side(self, name: str, number: int, lines: list[tuple[float, int]], spot: Spot) -> float:
        """Lines at one side of a box stand apart, in the order of their other ends."""
        place = [other for _, other in lines].index(number)
        step = min(14.0, (spot.height - 16) / max(len(lines), 1))
        return self._middle[name] + (place - (len(lines) - 1) / 2) * step


def _rising(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The rising sequence nearest to the wanted values (weighted squares): neighbours that clash are pooled."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(wanted, weights, strict=True):
        pools.append((value, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, wa, na), (b, wb, nb) = pools[-2], pools[-1]
            pools[-2:] = [((a * wa + b * wb) / (wa + wb), wa + wb, na + nb)]
    return [value for value, _, count in pools for _ in range(count)]
