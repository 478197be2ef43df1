"""The two files together: what the compose file says of the build, and what the Dockerfile knows of it."""

from collections.abc import Iterator

from dockless.dockerfile.model import Arg
from dockless.explain.doctor.composed import Composed
from dockless.explain.doctor.findings import Hit
from dockless.explain.doctor.reading import dockerfile_of
from dockless.explain.doctor.rules.secrets import is_secret_name
from dockless.explain.doctor.table import Table

rules = Table("compose")
_PREDEFINED = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "FTP_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "BUILDKIT_",
    "SOURCE_DATE_EPOCH",
    "TARGET",
    "BUILDPLATFORM",
)
_SMALL = "FROM alpine:3.22\nUSER nobody\n"


@rules.rule(
    "ST020",
    "warning",
    "A build argument that the Dockerfile does not know",
    costs="It is ignored: what it should change stays as it is.",
    wrong={
        "compose.yaml": """
services:
  web:
    build:
      context: .
      args:
        VERSON: '1'
""",
        "Dockerfile": """
FROM alpine:3.22
ARG VERSION=2
USER nobody
""",
    },
    right={
        "compose.yaml": """
services:
  web:
    build:
      context: .
      args:
        VERSION: '1'
""",
        "Dockerfile": """
FROM alpine:3.22
ARG VERSION=2
USER nobody
""",
    },
)
def unknown_argument(composed: Composed) -> Iterator[Hit]:
    """Only what the Dockerfile declares with ARG is taken."""
    for part in composed.parts:
        if part.recipe is None or part.service.build is None:
            continue
        known = {name for arg in part.recipe.parsed.arguments for name, _ in arg.pairs}
        known |= {name for _, arg in part.recipe.all(Arg) for name, _ in arg.pairs}
        for name in part.service.build.args:
            if name not in known and not name.upper().startswith(_PREDEFINED):
                spot = part.find("build", "args", name) or part.find("build", "args")
                yield part.hit(f"the Dockerfile declares no `ARG {name}`", "declare it, or correct the name", at=spot)


@rules.rule(
    "ST021",
    "error",
    "A build target that is no stage",
    costs="The build fails.",
    wrong={
        "compose.yaml": """
services:
  web:
    build:
      context: .
      target: prod
""",
        "Dockerfile": """
FROM alpine:3.22 AS production
USER nobody
""",
    },
    right={
        "compose.yaml": """
services:
  web:
    build:
      context: .
      target: production
""",
        "Dockerfile": """
FROM alpine:3.22 AS production
USER nobody
""",
    },
)
def unknown_target(composed: Composed) -> Iterator[Hit]:
    """`target` names a stage of the Dockerfile: `FROM … AS name`."""
    for part in composed.parts:
        build = part.service.build
        if (
            part.recipe is None
            or build is None
            or not build.target
            or part.recipe.parsed.stage(build.target) is not None
        ):
            continue
        names = ", ".join(stage.name for stage in part.recipe.parsed.stages if stage.name)
        yield part.hit(
            f"the Dockerfile has no stage {build.target}",
            f"its stages are {names}" if names else "none of its stages has a name",
            at=part.find("build", "target"),
        )


@rules.rule(
    "ST022",
    "error",
    "There is no Dockerfile where one is named",
    costs="The build fails.",
    wrong={
        "compose.yaml": """
services:
  web:
    build: .
"""
    },
    right={
        "compose.yaml": """
services:
  web:
    build: .
""",
        "Dockerfile": _SMALL,
    },
)
def no_dockerfile(composed: Composed) -> Iterator[Hit]:
    """A build looks for `Dockerfile` in its context, or for what `dockerfile` names."""
    for part in composed.parts:
        build = part.service.build
        if build is None or not build.context.startswith("/"):
            continue
        path = dockerfile_of(build)
        if build.context in composed.missing:
            yield part.hit(
                f"the folder {composed.shown(build.context)} does not exist",
                "correct the path",
                at=part.find("build", "context") or part.find("build"),
            )
        elif path and path in composed.missing:
            yield part.hit(
                f"{composed.shown(path)} does not exist",
                "write one, or name it with `dockerfile`",
                at=part.find("build", "dockerfile") or part.find("build"),
            )


@rules.rule(
    "ST023",
    "warning",
    "A secret as build argument",
    costs="The image's history shows its value to whoever can pull the image.",
    wrong={
        "compose.yaml": """
services:
  web:
    build:
      context: .
      args:
        NPM_TOKEN: ${NPM_TOKEN:-}
""",
        "Dockerfile": """
FROM alpine:3.22
ARG NPM_TOKEN
USER nobody
""",
    },
    right={
        "compose.yaml": """
services:
  web:
    build:
      context: .
      secrets: [npm]
secrets:
  npm:
    environment: NPM_TOKEN
""",
        "Dockerfile": _SMALL,
    },
)
def secret_argument(composed: Composed) -> Iterator[Hit]:
    """`build.secrets` hands a secret to one RUN (`--mount=type=secret`), and nothing of it is stored."""
    for part in composed.parts:
        for name in part.service.build.args if part.service.build is not None else ():
            if is_secret_name(name):
                spot = part.find("build", "args", name) or part.find("build", "args")
                yield part.hit(f"the image's history shows the value of {name}", "use `build.secrets`", at=spot)
