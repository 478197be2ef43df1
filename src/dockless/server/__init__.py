"""The engine process's outer side: HTTP over a Unix socket, turned into calls of the engine's methods.

Nothing is decided here. `seam` says what an engine must offer, `http` speaks the protocol, the modules named after
the kinds of things hold the routes, `process` is the life of the process.
"""
