"""The rules of the build checks, by the names and with the descriptions that BuildKit gives them."""

import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from dockless.dockerfile.errors import Position

_PAGE = "https://docs.docker.com/go/dockerfile/rule/"


class Rule(msgspec.Struct, frozen=True):
    """`experimental`: it counts only where it is asked for (`# check=experimental=…`)."""

    name: str
    description: str
    experimental: bool = False

    @property
    def url(self) -> str:
        words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+", self.name)
        return f"{_PAGE}{'-'.join(words).lower()}/"


class Finding(msgspec.Struct, frozen=True):
    """One place where a rule is not kept; `rule` is its name."""

    rule: str
    message: str
    position: Position


_ROWS = (
    Rule("StageNameCasing", "Stage names should be lowercase"),
    Rule("FromAsCasing", "The 'as' keyword should match the case of the 'from' keyword"),
    Rule("NoEmptyContinuation", "Empty continuation lines will become errors in a future release"),
    Rule(
        "ConsistentInstructionCasing",
        "All commands within the Dockerfile should use the same casing (either upper or lower)",
    ),
    Rule("DuplicateStageName", "Stage names should be unique"),
    Rule("ReservedStageName", "Reserved words should not be used as stage names"),
    Rule(
        "JSONArgsRecommended",
        "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
    ),
    Rule(
        "MaintainerDeprecated",
        "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    ),
    Rule("UndefinedArgInFrom", "FROM command must use declared ARGs"),
    Rule(
        "WorkdirRelativePath",
        "Relative workdir without an absolute workdir declared within the build can have unexpected results if the"
        " base image changes",
    ),
    Rule("UndefinedVar", "Variables should be defined before their use"),
    Rule(
        "MultipleInstructionsDisallowed",
        "Multiple instructions of the same type should not be used in the same stage",
    ),
    Rule("LegacyKeyValueFormat", "Legacy key/value format with whitespace separator should not be used"),
    Rule(
        "RedundantTargetPlatform",
        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
    ),
    Rule("SecretsUsedInArgOrEnv", "Sensitive data should not be used in the ARG or ENV commands"),
    Rule(
        "InvalidDefaultArgInFrom",
        "Default value for global ARG results in an empty or invalid base image name",
    ),
    Rule("FromPlatformFlagConstDisallowed", "FROM --platform flag should not use a constant value"),
    Rule(
        "CopyIgnoredFile", "Attempting to Copy file that is excluded by .dockerignore", experimental=True
    ),
    Rule(
        "InvalidDefinitionDescription",
        "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is"
        " not intended to be a description comment, add an empty line or comment between the instruction and the"
        " comment.",
        experimental=True,
    ),
    Rule("InvalidBaseImagePlatform", "Base image platform does not match expected target platform"),
    Rule("ExposeProtoCasing", "Protocol in EXPOSE instruction should be lowercase"),
    Rule(
        "ExposeInvalidFormat",
        "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a"
        " future release",
    ),
)  # fmt: skip
RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in _ROWS})
