"""The API's client: finds or starts an engine, asks it, and streams its answers.

Synchronous, one thread for each thing that goes on; `connect.connect` gives an `api.Client`, which any number of
threads share. What it imports is kept small, since each command pays for it.
"""
