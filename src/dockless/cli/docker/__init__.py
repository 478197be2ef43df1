"""`docker`'s commands."""
