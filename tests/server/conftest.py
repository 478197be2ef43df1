"""The server's tests: real requests to a server with the fake engine behind it."""

from served import served

__all__ = ["served"]
