"""Loading: compose files become a `Project`. `load` and `LoadOptions` are the room's door."""

from dockless.compose.load.loader import load, load_tree
from dockless.compose.load.options import LoadOptions

__all__ = ["LoadOptions", "load", "load_tree"]
