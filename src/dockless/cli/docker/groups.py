"""The groups `builder`, `container`, `image`, `network`, `system` and `volume`."""

from dockless.cli.app import group
from dockless.cli.commands import BUILDER, CONTAINER, IMAGE, NETWORK, SYSTEM, VOLUME

builder = group("builder", "Manage builds.", BUILDER)
container = group("container", "Manage containers.", CONTAINER)
image = group("image", "Manage images.", IMAGE)
network = group("network", "Manage networks.", NETWORK)
system = group("system", "Manage the engine.", SYSTEM)
volume = group("volume", "Manage volumes.", VOLUME)
