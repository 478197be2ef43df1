"""The groups `container`, `image`, `network` and `volume`."""

from dockless.cli.app import group
from dockless.cli.commands import CONTAINER, IMAGE, NETWORK, VOLUME

container = group("container", "Manage containers.", CONTAINER)
image = group("image", "Manage images.", IMAGE)
network = group("network", "Manage networks.", NETWORK)
volume = group("volume", "Manage volumes.", VOLUME)
