"""A template filled in (Go: `text/template`, exec.go)."""

from collections.abc import Callable, Iterator, Mapping
from typing import NoReturn

from dockless.cli.template.errors import TemplateError
from dockless.cli.template.functions import FUNCTIONS, LAZY
from dockless.cli.template.syntax import (
    Action,
    Body,
    Branch,
    Chain,
    Dot,
    Function,
    Include,
    Leave,
    Literal,
    Node,
    Operand,
    Pipe,
    Variable,
    parse,
)
from dockless.cli.template.values import Null, shown, truth, type_name

Functions = Mapping[str, Callable[..., object]]
Absent = Callable[[Mapping[str, object], str], object]
"""What a field is worth that a map has not (or has as null): a value, or KeyError where there is no such field."""


def _no_such(_: Mapping[str, object], name: str) -> object:
    raise KeyError(name)


class Template:
    """A template that was read. Raises `TemplateError`."""

    def __init__(self, text: str, functions: Functions = FUNCTIONS) -> None:
        self._text = text
        self._functions = functions
        self._tree = parse(text, functions.keys())

    def render(self, data: object, absent: Absent = _no_such) -> str:
        """Raises `TemplateError` in Go's words: where, what, why."""
        run = _Run(self._text, self._functions, self._tree.defined, absent)
        run.body(self._tree.body, data, {"$": data})
        return "".join(run.written)


class _Left(Exception):
    """`break` or `continue`."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class _Scope(dict[str, object]):
    """Variables; an assignment goes to where the variable was declared."""

    def __init__(self, outer: "_Scope | None" = None) -> None:
        super().__init__()
        self.outer = outer

    def find(self, name: str) -> "_Scope":
        scope: _Scope = self
        while name not in scope and scope.outer is not None:
            scope = scope.outer
        return scope


class _Run:
    def __init__(self, text: str, functions: Functions, defined: Mapping[str, Body], absent: Absent) -> None:
        self.written: list[str] = []
        self._text = text
        self._functions = functions
        self._defined = defined
        self._absent = absent
        self._scope = _Scope()

    def body(self, nodes: Body, dot: object, variables: Mapping[str, object] | None = None) -> None:
        outer, self._scope = self._scope, _Scope(self._scope)
        self._scope.update(variables or {})
        try:
            for node in nodes:
                self._node(node, dot)
        finally:
            self._scope = outer

    def _node(self, node: Node, dot: object) -> None:
        match node:
            case str():
                self.written.append(node)
            case Action(pipe):
                value = self._pipe(pipe, dot)
                if not pipe.declared:
                    self.written.append(shown(value))
            case Branch("range", pipe):
                self._loop(node, pipe, dot)
            case Branch(kind, pipe, body, otherwise):
                outer, self._scope = self._scope, _Scope(self._scope)
                try:
                    value = self._pipe(pipe, dot)
                    chosen = value if kind == "with" and truth(value) else dot
                    self.body(body if truth(value) else otherwise, chosen)
                finally:
                    self._scope = outer
            case Leave(kind):
                raise _Left(kind)
            case Include(name, pipe):
                self._include(name, pipe, dot)

    def _include(self, name: str, pipe: Pipe | None, dot: object) -> None:
        if name not in self._defined:
            raise TemplateError(f'template: :1: template "{name}" not defined')
        value = self._pipe(pipe, dot) if pipe is not None else None
        outer, self._scope = self._scope, _Scope()
        try:
            self.body(self._defined[name], value, {"$": value})
        finally:
            self._scope = outer

    def _loop(self, node: Branch, pipe: Pipe, dot: object) -> None:
        bare = Pipe(pipe.position, pipe.text, pipe.commands)
        items = list(self._items(self._pipe(bare, dot), pipe))
        for key, item in items:
            values = (item,) if len(pipe.declared) == 1 else (key, item)
            given = dict(zip(pipe.declared, values, strict=False))
            try:
                self.body(node.body, item, given)
            except _Left as left:
                if left.kind == "break":
                    break
        if not items:
            self.body(node.otherwise, dot)

    def _items(self, value: object, pipe: Pipe) -> Iterator[tuple[object, object]]:
        match value:
            case Null(text="[]" | "map[]"):
                return
            case Mapping():
                yield from ((key, value[key]) for key in sorted(value))
            case list() | tuple():
                yield from enumerate(value)
            case int() if not isinstance(value, bool):
                yield from ((number, number) for number in range(value))
            case _:
                self._fail(pipe, f"range can't iterate over {shown(value, top=False)}")

    def _fail(self, node: Operand, message: str) -> NoReturn:
        line = self._text.count("\n", 0, node.position) + 1
        column = node.position - (self._text.rfind("\n", 0, node.position) + 1)
        text = node.text if len(node.text) <= 20 else node.text[:20] + "..."
        raise TemplateError(f'template: :{line}:{column}: executing "" at <{text}>: {message}')

    # Values

    def _pipe(self, pipe: Pipe, dot: object) -> object:
        value: object = None
        for number, command in enumerate(pipe.commands):
            value = self._command(command, dot, (value,) if number else ())
        for name in pipe.declared:
            (self._scope.find(name) if pipe.assigns else self._scope)[name] = value
        return value

    def _command(self, command: tuple[Operand, ...], dot: object, last: tuple[object, ...]) -> object:
        first, *rest = command
        if isinstance(first, Function):
            return self._call(first, rest, dot, last)
        return self._operand(first, dot, command_with=(tuple(rest), last))

    def _call(self, function: Function, operands: list[Operand], dot: object, last: tuple[object, ...]) -> object:
        if function.name in LAZY:
            return self._lazy(function, operands, dot, last)
        arguments = (*(self._operand(operand, dot) for operand in operands), *last)
        try:
            return self._functions[function.name](*arguments)
        except TemplateError as error:
            self._fail(function, f"error calling {function.name}: {error}")
        except TypeError:
            self._fail(function, f"wrong number or type of args for {function.name}: got {len(arguments)}")

    def _lazy(self, function: Function, operands: list[Operand], dot: object, last: tuple[object, ...]) -> object:
        if not operands and not last:
            self._fail(function, f"wrong number of args for {function.name}: want at least 1 got 0")
        value: object = None
        for operand in operands:
            value = self._operand(operand, dot)
            if truth(value) == (function.name == "or"):
                return value
        return last[0] if last else value

    def _operand(
        self,
        operand: Operand,
        dot: object,
        command_with: tuple[tuple[Operand, ...], tuple[object, ...]] = ((), ()),
    ) -> object:
        """`command_with`: what else its command has, for a field that is a method."""
        operands, last = command_with
        match operand:
            case Chain(_, _, base, names):
                value = dot if base is None else self._operand(base, dot)
                for position, name in enumerate(names):
                    given = command_with if position == len(names) - 1 else ((), ())
                    value = self._field(operand, value, name, dot, given)
                return value
            case Function():
                return self._call(operand, list(operands), dot, last)
        if operands or last:
            self._fail(operand, f"can't give argument to non-function {operand.text}")
        match operand:
            case Dot():
                return dot
            case Literal(_, _, value):
                return value
            case Variable(_, _, name):
                return self._scope.find(name)[name]
            case Pipe():
                return self._pipe(operand, dot)
        raise AssertionError(operand)

    def _field(
        self,
        node: Operand,
        value: object,
        name: str,
        dot: object,
        command_with: tuple[tuple[Operand, ...], tuple[object, ...]],
    ) -> object:
        operands, last = command_with
        if not isinstance(value, Mapping):
            if value is None or isinstance(value, Null):
                self._fail(node, f"nil pointer evaluating {name}")
            self._fail(node, f"can't evaluate field {name} in type {type_name(value)}")
        found = value.get(name)
        if found is None:
            try:
                found = self._absent(value, name)
            except KeyError:
                if name not in value:
                    self._fail(node, f'map has no entry for key "{name}"')
        if callable(found):
            try:
                return found(*(self._operand(each, dot) for each in operands), *last)
            except TypeError:
                self._fail(node, f"wrong number of args for {name}")
        if operands or last:
            self._fail(node, f"{name} is not a method but has arguments")
        return found
