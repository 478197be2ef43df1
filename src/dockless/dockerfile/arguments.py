"""The values of the global arguments: those of the ARGs before the first FROM, over the predefined ones."""

from collections.abc import Mapping

from dockless.dockerfile.errors import DockerfileError
from dockless.dockerfile.model import Dockerfile
from dockless.dockerfile.words import WordError, expand


def global_variables(dockerfile: Dockerfile, given: Mapping[str, str], predefined: Mapping[str, str]) -> dict[str, str]:
    """Each ARG may use those before it; `given` wins over a default. Raises `DockerfileError`."""
    variables = dict(predefined)
    for argument in dockerfile.arguments:
        for name, default in argument.pairs:
            value = given.get(name)
            if value is None and default is not None:
                try:
                    value = expand(default, variables, escape=dockerfile.escape)
                except WordError as error:
                    raise DockerfileError(
                        str(error), name=dockerfile.name, position=argument.position, text=dockerfile.text
                    ) from error
            if value is not None:
                variables[name] = value
    return variables
