"""The client's tests talk to the server with its fake engine."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "server"))

from served import served

__all__ = ["served"]
