"""Secrets that a Dockerfile writes into the image."""

import re
from collections.abc import Iterator

from dockless.dockerfile.model import Arg, Env, Run
from dockless.explain.doctor.findings import Hit
from dockless.explain.doctor.recipe import Recipe
from dockless.explain.doctor.table import Table

rules = Table("dockerfile")
_SECRET = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|PASS|PWD|SECRET|TOKEN|API_?KEY|APIKEY|PRIVATE_?KEY|ACCESS_?KEY|SECRET_?KEY|CREDENTIALS?)"
    r"(?:_|$|\d)|(?:^|_)AUTH$"
)
_NOT_SECRET = re.compile(
    r"(?:FILE|PATH|DIR|URL|URI|HOST|TTL|EXPIR\w*|TIMEOUT|LIFETIME|LENGTH|ALGORITHM|METHOD|TYPE|ENABLED?|HEADER|NAME|ID|ISSUER|USER|MODE)$"
)


def is_secret_name(name: str) -> bool:
    """Whether a variable of that name holds a secret, by what people call them."""
    upper = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper().replace("-", "_").replace(".", "_")
    return (
        _SECRET.search(upper) is not None and not _NOT_SECRET.search(upper) and upper not in ("PWD", "OLDPWD", "AUTH")
    )


def is_literal(value: str | None) -> bool:
    """Whether a value is written out: not empty, not a variable, not a switch, not the path of a file."""
    if not value or "$" in value:
        return False
    return value.lower() not in ("true", "false", "yes", "no", "1", "0", "none", "null") and not value.startswith("/")


@rules.rule(
    "DF070",
    "error",
    "A secret in ENV",
    costs="Whoever can pull the image reads it with `inspect`, and every process in the container has it.",
    also=("SecretsUsedInArgOrEnv",),
    wrong="""
FROM python:3.13
ENV DB_PASSWORD=hunter2
USER nobody
""",
    right="""
FROM python:3.13
ENV DB_PASSWORD_FILE=/run/secrets/db_password
USER nobody
""",
)
def secret_in_env(recipe: Recipe) -> Iterator[Hit]:
    """ENV is a part of the image's configuration. Give a secret when the container is run: `env_file`,
    `environment: NAME: ${NAME:?}` or, better, `secrets`, which are files."""
    for _, env in recipe.all(Env):
        for name, value in env.pairs:
            if is_secret_name(name) and is_literal(value.strip("\"'")):
                yield recipe.hit(
                    env,
                    f"the value of {name} is in the image for everybody to read",
                    "set it when the container is run, and change it",
                )


@rules.rule(
    "DF071",
    "warning",
    "A secret as build argument",
    costs="The image's history shows its value to whoever can pull the image.",
    also=("SecretsUsedInArgOrEnv",),
    wrong="""
FROM node:24-slim
ARG NPM_TOKEN
RUN echo "//registry.example.com/:_authToken=$NPM_TOKEN" > .npmrc
USER node
""",
    right="""
FROM node:24-slim
RUN --mount=type=secret,id=npmrc,target=/app/.npmrc npm ci
USER node
""",
)
def secret_in_arg(recipe: Recipe) -> Iterator[Hit]:
    """The values of build arguments are stored beside the steps that use them. `RUN --mount=type=secret` gives a
    file that is there during one step and stored nowhere."""
    for _, arg in recipe.all(Arg):
        for name, _ in arg.pairs:
            if is_secret_name(name):
                yield recipe.hit(arg, f"the image's history shows the value of {name}", "use `RUN --mount=type=secret`")


@rules.rule(
    "DF072",
    "warning",
    "A secret is deleted in a later layer",
    costs="It is still in the layer that brought it, for everybody who pulls the image.",
    wrong={
        "Dockerfile": """
FROM alpine:3.22
COPY deploy.key /root/deploy.key
RUN rm /root/deploy.key
USER nobody
""",
        "deploy.key": "",
    },
    right="""
FROM alpine:3.22
RUN --mount=type=secret,id=deploy cat /run/secrets/deploy > /dev/null
USER nobody
""",
)
def deleted_later(recipe: Recipe) -> Iterator[Hit]:
    """A layer cannot take away what is in a layer below; `rm` only hides it."""
    from dockless.explain.doctor.rules.copying import is_secret

    for _, run, commands in recipe.runs:
        if not isinstance(run, Run):
            continue
        for command in commands:
            gone = [word for word in command.operands if command.name == "rm" and is_secret(word.text)]
            if gone and any(copy.position < run.position for copy, _, _ in recipe.copies):
                yield recipe.hit(
                    run,
                    f"{gone[0].text} is still in the layer that brought it",
                    "use `RUN --mount=type=secret`, and change the secret",
                    at=command,
                )
