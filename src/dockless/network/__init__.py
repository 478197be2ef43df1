"""The fabric: bridges, addresses, isolation, and what the relay is told. It decides nothing about containers."""
