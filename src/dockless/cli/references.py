"""Image references as people write them: only what the command line needs to show and to ask for them."""


def split_tag(reference: str) -> tuple[str, str]:
    """Name and tag; a digest is no tag. `<none>:<none>` stays as it is."""
    name, at, _ = reference.partition("@")
    head, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        return head, tag
    return (name, "") if at else (reference, "")
