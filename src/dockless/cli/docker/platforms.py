"""`--platform` of commands about images: which one is meant of several that a name stands for."""

from dockless.cli.failure import Failure


def platform_of(text: str) -> dict[str, str]:
    """`os/architecture[/variant]` as the API has it, nothing where nothing is said. Raises `Failure`."""
    if not text:
        return {}
    parts = text.split("/")
    if not 2 <= len(parts) <= 3 or not all(parts):
        raise Failure(f'invalid platform "{text}": write OS/ARCHITECTURE, such as linux/arm64')
    return dict(zip(("os", "architecture", "variant"), parts, strict=False))
