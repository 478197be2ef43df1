"""Interpolation: variables in every string of a document; and strings become numbers where the model has numbers."""

from collections.abc import Callable, Mapping
from typing import Any

from dockless.compose.errors import Problem
from dockless.compose.load.patterns import Node, table
from dockless.compose.load.template import TemplateError, Variable, substitute, variables
from dockless.compose.load.tree import Files, Path, Trouble, dotted
from dockless.compose.load.units import number

Cast = Callable[[str], Any]

_YAML_1_1 = {"y": "true", "yes": "true", "on": "true", "n": "false", "no": "false", "off": "false"}


class Interpolation:
    """Interpolates documents with one environment; `warn` is told what the user should know."""

    def __init__(self, environment: Mapping[str, str], files: Files, warn: Callable[[str], None]) -> None:
        self._lookup = environment.get
        self._files = files
        self._warn = warn
        self._problems: list[Problem] = []

    def document(self, tree: dict[str, Any]) -> None:
        """Changes the tree in place; raises ComposeError with all its faults."""
        self._problems = []
        self._entries(tree, tree, (), _CASTS)
        self._files.fail(self._problems)

    def text(self, text: str) -> str:
        """One text on its own; raises TemplateError."""
        return substitute(text, self._lookup, self._unset)

    def _unset(self, name: str) -> None:
        self._warn(f'The "{name}" variable is not set. Defaulting to a blank string.')

    def _entries(self, root: Any, holder: Any, path: Path, casts: Node[Cast] | None) -> None:
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, value in pairs:
            kind = type(value)
            if kind is str:
                node = casts.next(key) if casts is not None else None
                if "$" in value or (node is not None and node.here is not None):
                    holder[key] = self._string(root, value, (*path, key), node)
            elif isinstance(value, (dict, list)):
                self._entries(root, value, (*path, key), casts.next(key) if casts is not None else None)

    def _string(self, root: Any, value: str, path: Path, node: Node[Cast] | None) -> Any:
        try:
            text = substitute(value, self._lookup, self._unset)
        except TemplateError as wrong:
            trouble = Trouble(f"error while interpolating {dotted(path)}: {wrong}")
            self._problems.append(self._files.problem_in(root, path, trouble))
            return value
        if node is None or node.here is None:
            return text
        if node.here is _boolean and text.lower() in _YAML_1_1:
            right = _YAML_1_1[text.lower()]
            self._warn(f'"{text}" for boolean is not supported by YAML 1.2, please use `{right}`')
        try:
            return node.here(text)
        except ValueError:
            kind = _KINDS[node.here]
            trouble = Trouble(f"error while interpolating {dotted(path)}: {text!r} is not {kind}")
            self._problems.append(self._files.problem_in(root, path, trouble))
            return value


def mentioned(tree: Any) -> dict[str, Variable]:
    """The variables that a document refers to, by name."""
    found: dict[str, Variable] = {}
    _mentioned(tree, found)
    return found


def _mentioned(value: Any, found: dict[str, Variable]) -> None:
    if isinstance(value, str):
        found.update((variable.name, variable) for variable in variables(value))
    elif isinstance(value, dict):
        for entry in value.values():
            _mentioned(entry, found)
    elif isinstance(value, list):
        for entry in value:
            _mentioned(entry, found)


def _integer(text: str) -> int:
    if not text.removeprefix("-").removeprefix("+").isascii() or not text.lstrip("+-").isdigit():
        raise ValueError(text)
    return int(text)


def _boolean(text: str) -> bool:
    lowered = _YAML_1_1.get(text.lower(), text.lower())
    if lowered not in ("true", "false"):
        raise ValueError(text)
    return lowered == "true"


_KINDS: Mapping[Cast, str] = {_integer: "an integer", number: "a number", _boolean: "a boolean"}

_CASTS: Node[Cast] = table(
    {
        "services.*.cpu_count": _integer,
        "services.*.cpu_percent": number,
        "services.*.cpu_period": _integer,
        "services.*.cpu_quota": _integer,
        "services.*.cpu_rt_period": _integer,
        "services.*.cpu_rt_runtime": _integer,
        "services.*.cpus": number,
        "services.*.cpu_shares": _integer,
        "services.*.init": _boolean,
        "services.*.deploy.replicas": _integer,
        "services.*.deploy.update_config.parallelism": _integer,
        "services.*.deploy.update_config.max_failure_ratio": number,
        "services.*.deploy.rollback_config.parallelism": _integer,
        "services.*.deploy.rollback_config.max_failure_ratio": number,
        "services.*.deploy.restart_policy.max_attempts": _integer,
        "services.*.deploy.placement.max_replicas_per_node": _integer,
        "services.*.healthcheck.retries": _integer,
        "services.*.healthcheck.disable": _boolean,
        "services.*.oom_kill_disable": _boolean,
        "services.*.oom_score_adj": _integer,
        "services.*.pids_limit": _integer,
        "services.*.ports.*.target": _integer,
        "services.*.privileged": _boolean,
        "services.*.read_only": _boolean,
        "services.*.scale": _integer,
        "services.*.stdin_open": _boolean,
        "services.*.tty": _boolean,
        "services.*.ulimits.*": _integer,
        "services.*.ulimits.*.hard": _integer,
        "services.*.ulimits.*.soft": _integer,
        "services.*.volumes.*.read_only": _boolean,
        "services.*.volumes.*.volume.nocopy": _boolean,
        "networks.*.external": _boolean,
        "networks.*.internal": _boolean,
        "networks.*.attachable": _boolean,
        "networks.*.enable_ipv4": _boolean,
        "networks.*.enable_ipv6": _boolean,
        "volumes.*.external": _boolean,
        "secrets.*.external": _boolean,
        "configs.*.external": _boolean,
    }
)
