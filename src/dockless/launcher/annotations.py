"""What a spec says in its annotations, because the OCI standard has no word for it.

Apart, so that the launcher need not import the spec's types.
"""

INIT_ANNOTATION = "dev.dockless.init"
"""`"true"`: pid 1 is a small init that reaps and forwards signals, and the process is its child."""
