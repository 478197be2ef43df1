"""The duplex stream of an attached client, as the engine sees it.

The server makes one from a hijacked connection; attach and exec read the client's input from it and write output to
it, without knowing HTTP.
"""

from typing import Protocol


class Hijacked(Protocol):
    """Bytes from and to a client. A client may close its sending side early and go on receiving."""

    def accept(self) -> None:
        """Tells the client that the stream is open; until then an error can still be answered as one."""
        ...

    async def read(self) -> bytes:
        """The next bytes the client sent; b"" when it will send no more (or is gone)."""
        ...

    async def write(self, data: bytes) -> None:
        """Sends, and waits while the client does not keep up; raises ConnectionError when it is gone."""
        ...

    def write_eof(self) -> None:
        """Nothing more will be sent to the client."""
        ...

    def close(self) -> None: ...
