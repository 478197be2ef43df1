"""Files that are no Dockerfile or no compose file: their reader says what is wrong, the rule only names it."""

from collections.abc import Iterator

from dockless.explain.doctor.composed import Composed
from dockless.explain.doctor.findings import Hit
from dockless.explain.doctor.recipe import Recipe
from dockless.explain.doctor.table import Rule, Table

_dockerfile = Table("dockerfile")
_compose = Table("compose")


@_dockerfile.rule(
    "DF000",
    "error",
    "The Dockerfile cannot be read",
    costs="No image can be built.",
    wrong="""
FROM alpine:3.22
COPY app.py
""",
    right="""
FROM alpine:3.22
RUN true
USER nobody
""",
)
def dockerfile(recipe: Recipe) -> Iterator[Hit]:
    """The parser found a mistake: an unknown instruction, a missing argument, an option that does not exist. As
    long as it is there, nothing else can be said about the file."""
    return iter(())


@_compose.rule(
    "CF000",
    "error",
    "The compose file cannot be loaded",
    costs="`up`, `config` and every other command of the project stop with this message.",
    wrong="""
services:
  web:
    image: nginx:1.30
    port: ['8080:80']
""",
    right="""
services:
  web:
    image: nginx:1.30
    ports: ['8080:80']
""",
)
def compose(composed: Composed) -> Iterator[Hit]:
    """The loader found a mistake: YAML that cannot be parsed, a key that does not exist, a value of the wrong type,
    a reference to something that is not declared. As long as it is there, nothing else can be said about the
    project."""
    return iter(())


class _Both:
    """The two rows, as one table."""

    rules: list[Rule] = [*_dockerfile.rules, *_compose.rules]


rules = _Both()
