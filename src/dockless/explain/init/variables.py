"""Which environment variables an application reads, found in its source without running it."""

import ast
import re
from collections.abc import Iterator

from dockless.explain.init.application import Variable
from dockless.explain.init.folder import Folder

_NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")
_NODE = re.compile(
    r"process\.env(?:\.([A-Z][A-Z0-9_]*)|\[['\"]([A-Z][A-Z0-9_]*)['\"]\])(?:\s*(?:\|\||\?\?)\s*(?:['\"]([^'\"]*)['\"]|(\d+)))?"
)
# Names by which libraries (environs, django-environ, decouple) and people call what reads a variable.
_READERS = frozenset(["getenv", "env", "config", "required", "env_required", "get_env", "require_env"])
_NOT_THE_APPLICATIONS = frozenset(
    ["HOME", "PATH", "USER", "PWD", "SHELL", "LANG", "TERM", "DJANGO_SETTINGS_MODULE", "NODE_ENV", "CI"]
)


def variables(folder: Folder) -> tuple[Variable, ...]:
    """In the order in which the files name them, each once; a default counts wherever one is given."""
    found: dict[str, Variable] = {}
    for name in folder.ending(".py", ".js", ".mjs", ".cjs", ".ts"):
        if re.search(r"(^|/)(tests?|spec|conftest|__tests__)([/_.]|$)|\.(test|spec)\.", name):
            continue
        reader = _in_python if name.endswith(".py") else _in_node
        for variable in reader(folder.text(name)):
            known = found.get(variable.name)
            if variable.name not in _NOT_THE_APPLICATIONS and (known is None or known.default is None):
                found[variable.name] = variable
    return tuple(found.values())


def _in_node(text: str) -> Iterator[Variable]:
    for match in _NODE.finditer(text):
        yield Variable(match[1] or match[2], match[3] if match[3] is not None else match[4])


def _in_python(text: str) -> Iterator[Variable]:
    if "env" not in text:
        return
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return  # for another Python, or broken: the application's own start will say so
    readers = _READERS | {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and re.search(r"environ|getenv", ast.unparse(node))
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _dotted(node.value).endswith("environ"):
            yield from _named(node.slice, None)
        elif isinstance(node, ast.Call) and node.args and _reads(_dotted(node.func), readers):
            yield from _named(node.args[0], _default(node))


def _reads(called: str, readers: frozenset[str]) -> bool:
    """`os.environ.get`, `os.getenv`, `env`, `env.str`, `config`, and the module's own functions that do so."""
    return (
        called.endswith(("environ.get", "environ.setdefault"))
        or called.rpartition(".")[2] in readers
        or called.startswith("env.")
    )


def _named(node: ast.expr, default: str | None) -> Iterator[Variable]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.fullmatch(node.value):
        yield Variable(node.value, default)


def _default(call: ast.Call) -> str | None:
    given = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "default")]
    for node in given:
        if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | bool):
            return str(node.value)
    optional = _dotted(call.func).endswith(("environ.get", "getenv"))
    return "" if given or optional else None


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""
