"""Signals by the names and numbers in which the API gives them."""

import signal

from dockless.wire.errors import BadParameter


def parse_signal(name: str) -> signal.Signals:
    """`SIGTERM`, `TERM` or `15`; real-time signals as `RTMIN+3`. Raises BadParameter."""
    text = name.strip().upper().removeprefix("SIG")
    try:
        if text.isdecimal():
            return signal.Signals(int(text))
        if text.startswith("RTMIN+"):
            return signal.Signals(int(signal.SIGRTMIN) + int(text[6:]))
        return signal.Signals[f"SIG{text}"]
    except (ValueError, KeyError):
        raise BadParameter(f"invalid signal: {name}") from None
