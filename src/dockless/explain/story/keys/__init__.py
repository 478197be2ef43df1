"""What the keys of a compose file do: a table from key path to a function that says more than the key's meaning.

The rows stand beside the functions, in modules by subject; importing this package fills the table.
"""

from dockless.explain.story.here import tell
from dockless.explain.story.keys import limits, process, storage, top, wiring

__all__ = ["limits", "process", "storage", "tell", "top", "wiring"]
