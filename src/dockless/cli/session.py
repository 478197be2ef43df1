"""The session (`settings.py`) as click's commands get it."""

import click

from dockless.cli.failure import Failure
from dockless.cli.settings import COMPOSE_FILES, Session, warn

__all__ = ["COMPOSE_FILES", "Session", "pass_session", "session_of", "warn"]


def session_of(context: click.Context) -> Session:
    found = context.find_object(Session)
    if found is None:
        raise Failure("this command needs the dockless program around it")
    return found


pass_session = click.make_pass_decorator(Session)
