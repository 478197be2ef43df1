"""`type=local,dest=out`: how the options of a build, and the keys of a compose file, name places and their settings."""

import csv


def fields(text: str) -> dict[str, str]:
    """As a table; a field without a value is an empty one. Raises `ValueError`."""
    try:
        (row,) = csv.reader([text], strict=True)
    except (csv.Error, ValueError) as error:
        raise ValueError(f"{text}: not a list of key=value ({error})") from error
    found = {}
    for field in row:
        key, _, value = field.partition("=")
        found[key.strip().lower()] = value
    return found
