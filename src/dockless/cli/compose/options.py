"""Options and arguments that several of Compose's commands share."""

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

services_argument: Decorator = click.argument("services", nargs=-1, metavar="[SERVICE...]")
timeout_option: Decorator = click.option(
    "-t", "--timeout", type=int, default=None, metavar="SECONDS", help="Specify a shutdown timeout in seconds"
)
index_option: Decorator = click.option(
    "--index", type=int, default=0, help="Index of the container if service has multiple replicas"
)
orphans_option: Decorator = click.option(
    "--remove-orphans/--no-remove-orphans",
    is_flag=True,
    default=None,
    help="Remove containers for services not defined in the Compose file",
)
no_wait_option: Decorator = click.option(
    "--no-wait-for-ports",
    is_flag=True,
    help="Start dependents at once, without waiting until their dependencies listen on a port",
)


stand_ins_option: Decorator = click.option(
    "--stand-ins/--no-stand-ins",
    "stand_ins",
    default=None,
    help="Whether a stand-in may be made for an image that cannot be pulled",
)


def parse_scale(values: tuple[str, ...]) -> dict[str, int]:
    """`SERVICE=NUM` of `--scale`. Raises `click.BadParameter`."""
    found = {}
    for value in values:
        name, equals, number = value.partition("=")
        if not equals or not number.isdigit():
            raise click.BadParameter(f'invalid scale specifier "{value}": write SERVICE=NUMBER')
        found[name] = int(number)
    return found
