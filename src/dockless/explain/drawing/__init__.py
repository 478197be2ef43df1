"""A stack as a picture: `graph` says what is in it, `layers` where it goes, `svg` and `mermaid` how it is written."""
