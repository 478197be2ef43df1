"""The images that a compose file names."""

from collections.abc import Iterator

from dockless.explain.doctor import yaml_text
from dockless.explain.doctor.composed import Composed
from dockless.explain.doctor.findings import Hit
from dockless.explain.doctor.known import database, ended, newest_minor, reference
from dockless.explain.doctor.table import Table

rules = Table("compose")


@rules.rule(
    "CF050",
    "info",
    "The image has no fixed version",
    costs="The next `pull` may bring another major version; a database then does not start on its old data.",
    wrong="""
services:
  web:
    image: nginx
""",
    right="""
services:
  web:
    image: nginx:1.30
""",
)
def unpinned(composed: Composed) -> Iterator[Hit]:
    """Without a tag `latest` is meant, which is whatever was pushed last. For a database, whose data belong to one
    major version, this is a warning."""
    for part in composed.parts:
        image = part.service.image
        if not image or part.service.build is not None or "$" in image:
            continue
        name = reference(image)
        local = any(other.service.build is not None and other.service.image == image for other in composed.parts)
        if name.digest or name.tag not in ("", "latest") or local:
            continue
        kept = database(image)
        yield part.hit(
            f"{image} is whatever is newest on the day of the pull",
            f"name a version: `{name.repository}:…`",
            at=part.find("image"),
            severity="warning" if kept is not None else "info",
        )


@rules.rule(
    "CF051",
    "warning",
    "The image gets no security fixes any more",
    costs="Known holes stay open.",
    wrong="""
services:
  db:
    image: postgres:15.1-bullseye
    env_file: db.env
    volumes: ['data:/var/lib/postgresql/data']
volumes:
  data:
""",
    right="""
services:
  db:
    image: postgres:17.12
    env_file: db.env
    volumes: ['data:/var/lib/postgresql/data']
volumes:
  data:
""",
)
def end_of_life(composed: Composed) -> Iterator[Hit]:
    """The release of the program or of the distribution has reached its end of life, or a PostgreSQL minor release
    is behind the newest one, by a dated table that comes with dockless. Minor releases of PostgreSQL take the same
    data, so that change can be made with `--unsafe`, if that tag is to be had; another major release or another
    Debian needs a dump or a reindex."""
    for part in composed.parts:
        if not part.service.image or part.service.build is not None:
            continue
        spot = part.find("image")
        for gone in ended(part.service.image, composed.today):
            yield part.hit(
                f"{gone.what} gets no security fixes since {gone.ended}",
                f"move to a supported release, such as {gone.instead} ({gone.source})",
                at=spot,
            )
        if (minor := newest_minor(part.service.image)) is not None:
            newer = f"{reference(part.service.image).repository}:{minor[1]}"
            dated = ended(part.service.image, composed.today)
            edit = yaml_text.rewritten(spot.text, spot.mark, newer) if spot is not None and not dated else None
            yield part.hit(
                f"{part.service.image} lacks the fixes of the minor releases up to {minor[0]}",
                f"write {newer}, or the major release alone"
                if not dated
                else f"take {minor[0]}, on a Debian that is supported",
                at=spot,
                edits=(edit,),
                safe=False,
            )
