"""A story in the reader's medium: a terminal, Markdown, one HTML page, or JSON for programs."""
