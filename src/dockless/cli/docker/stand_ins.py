"""`dockless image stand-ins`: which images can be made here where no registry can be reached."""

import click

from dockless.cli.failure import Failure
from dockless.cli.output import print_rows
from dockless.cli.session import Session, pass_session
from dockless.wire.errors import NotFound

_COLUMNS = {"IMAGE": "Image", "SOFTWARE": "Software", "VERSIONS": "Versions", "DIFFERS": "Differs"}


@click.command("stand-ins", short_help="List the images that can be made without a registry")
@click.option("--format", "format_", default="table", help="table, json, or a Go template over the fields")
@click.option("--json", "json_", is_flag=True, help="One JSON object on each line, like --format json")
@pass_session
def stand_ins(session: Session, /, format_: str, json_: bool) -> None:
    """List the official images that are made from this machine's packages where no registry can be reached.

    A stand-in is never silent and never replaces an image that could be pulled. VERSIONS are those that there are,
    DIFFERS is what differs from the official image.
    """
    try:
        found = session.client.images.stand_ins()
    except NotFound as error:
        raise Failure("stand-ins are dockless's own engine's; the engine that DOCKER_HOST names has none") from error
    rows = [
        {
            "Image": one.image,
            "Software": one.software,
            "Versions": ", ".join(one.versions) or "none",
            "Differs": "; ".join(one.differs) or one.refused,
        }
        for one in found
    ]
    print_rows(rows, _COLUMNS, "json" if json_ else format_)
