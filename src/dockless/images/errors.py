"""The root of what goes wrong with images; each module of this room defines its own kinds beside what raises them."""


class ImageError(Exception):
    """`str()` of it is the sentence for the user."""
