"""What is wrong with a template, in the words of Go's own package."""


class TemplateError(ValueError):
    """A template that cannot be read, or that asks for what is not there."""
