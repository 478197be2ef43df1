"""Base images that everybody uses, made from what this machine reaches where no registry can be reached."""

from dockless.standins.errors import StandInError
from dockless.standins.standins import LABEL, LABEL_DIFFERS, StandIns

__all__ = ["LABEL", "LABEL_DIFFERS", "StandInError", "StandIns"]
