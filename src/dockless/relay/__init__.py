"""The data plane: published ports, the way out and the resolvers, in one epoll loop of its own.

The engine tells it what to carry (`control.py`); it decides nothing and outlives the engine. Imports little, because
its memory counts.
"""
