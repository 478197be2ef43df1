"""The messages of the Docker Engine API v1.47 as types; the only thing that both halves of the program share.

Each module holds one subject. A type is frozen, its attributes are snake_case, and its names on the wire are exactly
the API's. Nothing here opens a socket or a file.
"""

API_VERSION = "1.47"
MIN_API_VERSION = "1.24"
