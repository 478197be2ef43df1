"""The root of what goes wrong with images and registries; each module defines its own kinds beside what raises them."""


class ImageError(Exception):
    """`str()` of it is the sentence for the user."""
