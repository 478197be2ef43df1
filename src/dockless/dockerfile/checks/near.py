"""What a mistyped name may have meant: the nearest of the known ones, where one is near enough."""

from collections.abc import Iterable

_FARTHEST = 2  # letters put in, left out or exchanged


def near(name: str, known: Iterable[str], form: str) -> str:
    """`form` with the nearest of `known`, or ""; of two equally near ones the first."""
    best, found = _FARTHEST + 1, ""
    for other in known:
        if abs(len(other) - len(name)) < best and (distance := _distance(name, other)) < best:
            best, found = distance, other
    return form.format(found) if found else ""


def _distance(one: str, other: str) -> int:
    """Levenshtein's: the least number of letters put in, left out or exchanged."""
    row = list(range(len(other) + 1))
    for index, letter in enumerate(one, 1):
        previous, row[0] = row[0], index
        for column, against in enumerate(other, 1):
            previous, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, previous + (letter != against)),
            )
    return row[-1]
