"""Docker Compose's commands."""
