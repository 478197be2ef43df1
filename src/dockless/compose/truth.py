"""Yes or no, in Docker Compose's own variables."""

_YES = frozenset({"1", "t", "true", "y"})


def means_yes(text: str | None) -> bool:
    """Whether a variable turns something on; whatever else it holds turns it off."""
    return (text or "").strip().lower() in _YES
