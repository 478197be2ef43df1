"""The one error of this room: why a stand-in cannot be made, in a sentence that says what to do."""


class StandInError(Exception):
    """A stand-in cannot be made on this machine; the message is for the user."""
