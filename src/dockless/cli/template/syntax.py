"""A template's text → its tree (Go: `text/template/parse`).

The nodes keep where they stand and how they are written, since Go's errors say both.
"""

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NoReturn

from dockless.cli.template.errors import TemplateError

_TOKEN = re.compile(
    r"""(?P<space>[\ \t\r\n]+)
    |(?P<string>"(?:\\.|[^"\\\n])*")
    |(?P<raw>`[^`]*`)
    |(?P<char>'(?:\\[^\n]+?|[^'\\\n])')
    |(?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9][0-9_]*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?))
    |(?P<field>\.[A-Za-z_]\w*)
    |(?P<variable>\$\w*)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<mark>:=|=|\||\(|\)|,|\.)
    """,
    re.VERBOSE,
)
_ACTION = re.compile(r"\{\{(?:-(?=\s))?")
_COMMENT = re.compile(r"\{\{(?:-\s+)?/\*.*?\*/(?:\s+-)?\}\}", re.DOTALL)


@dataclass(frozen=True)
class Operand:
    """`position` is the offset in the template, `text` how the node is written."""

    position: int
    text: str


@dataclass(frozen=True)
class Dot(Operand):
    pass


@dataclass(frozen=True)
class Literal(Operand):
    value: object


@dataclass(frozen=True)
class Function(Operand):
    name: str


@dataclass(frozen=True)
class Chain(Operand):
    """Fields of the dot (`base` None), of a variable or of what is in parentheses."""

    base: "Variable | Pipe | None"
    names: tuple[str, ...]


@dataclass(frozen=True)
class Variable(Operand):
    name: str


@dataclass(frozen=True)
class Pipe(Operand):
    """Commands, each given the value of the one before; `declared` variables take the last one's."""

    commands: tuple[tuple[Operand, ...], ...]
    declared: tuple[str, ...] = ()
    assigns: bool = False


@dataclass(frozen=True)
class Action:
    pipe: Pipe


@dataclass(frozen=True)
class Branch:
    """`kind`: if, with, range."""

    kind: str
    pipe: Pipe
    body: "Body"
    otherwise: "Body"


@dataclass(frozen=True)
class Leave:
    """`break` or `continue`."""

    kind: str


@dataclass(frozen=True)
class Include:
    name: str
    pipe: Pipe | None


Node = str | Action | Branch | Leave | Include
Body = tuple[Node, ...]


@dataclass(frozen=True)
class Tree:
    body: Body
    defined: dict[str, Body]


def parse(text: str, functions: Collection[str]) -> Tree:
    """Raises `TemplateError`."""
    return _Parser(text, functions).tree()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int
    spaced: bool  # whether space stands before it


class _Parser:
    def __init__(self, text: str, functions: Collection[str]) -> None:
        self._text = text
        self._functions = functions
        self._position = 0
        self._tokens: list[_Token] = []
        self._defined: dict[str, Body] = {}
        self._variables: list[str] = ["$"]
        self._loops = 0

    def tree(self) -> Tree:
        body, end = self._body()
        if end:
            self._fail(f"unexpected {{{{{end}}}}}")
        return Tree(body, self._defined)

    def _fail(self, message: str) -> NoReturn:
        line = self._text.count("\n", 0, self._position) + 1
        raise TemplateError(f"template: :{line}: {message}")

    # Text and actions

    def _body(self) -> tuple[Body, str]:
        """Nodes up to `end` or `else`, which is named; its tokens are read next. "" for the end of the text."""
        nodes: list[Node] = []
        before = len(self._variables)
        while (token := self._next_action(nodes)) is not None:
            word = token.text if token.kind == "word" else ""
            if word in ("end", "else"):
                self._take()
                del self._variables[before:]
                return tuple(nodes), word
            if (node := self._statement(word)) is not None:
                nodes.append(node)
        del self._variables[before:]
        return tuple(nodes), ""

    def _next_action(self, nodes: list[Node]) -> _Token | None:
        """Puts the text before the next action into `nodes` and reads the action's tokens."""
        while True:
            start = self._text.find("{{", self._position)
            if start < 0:
                if self._position < len(self._text):
                    nodes.append(self._text[self._position :])
                self._position = len(self._text)
                return None
            text = self._text[self._position : start]
            if re.match(r"\{\{-\s", self._text[start : start + 4]):
                text = text.rstrip()
            if text:
                nodes.append(text)
            self._position = start
            if (comment := _COMMENT.match(self._text, start)) is None:
                break
            self._position = comment.end()
            self._trim(comment.group())
        self._tokens = self._action_tokens(start)
        if not self._tokens:
            self._fail("missing value for command")
        return self._tokens[0]

    def _trim(self, action: str) -> None:
        if re.search(r"\s-\}\}\Z", action):
            self._position += len(self._text[self._position :]) - len(self._text[self._position :].lstrip())

    def _action_tokens(self, start: int) -> list[_Token]:
        opening = _ACTION.match(self._text, start)
        assert opening is not None
        at, spaced, tokens = opening.end(), False, []
        while not (closing := re.compile(r"(?:\s-)?\}\}").match(self._text, at)):
            found = _TOKEN.match(self._text, at)
            if found is None:
                rest = self._text[at : at + 1]
                self._fail("unclosed action" if not rest else f"unexpected {rest!r} in command".replace("'", '"'))
            kind = found.lastgroup or ""
            if kind == "space":
                closing = re.compile(r"-\}\}").match(self._text, found.end())
                if closing:
                    break
            else:
                tokens.append(_Token(kind, found.group(), at, spaced))
            spaced = kind == "space"
            at = found.end()
        self._position = closing.end()
        self._trim(self._text[start : self._position])
        return tokens

    def _statement(self, word: str) -> Node | None:
        match word:
            case "if" | "with" | "range":
                self._take()
                return self._branch(word)
            case "break" | "continue":
                if not self._loops:
                    self._fail(f"{{{{{word}}}}} outside {{{{range}}}}")
                return Leave(word)
            case "template":
                self._take()
                name = self._name("template clause")
                return Include(name, self._pipe() if self._tokens else None)
            case "define" | "block":
                self._take()
                name = self._name(f"{word} clause")
                pipe = self._pipe() if word == "block" else None
                body, end = self._body()
                if end != "end":
                    self._fail("unexpected EOF" if not end else f"unexpected {{{{{end}}}}} in {word} clause")
                self._defined[name] = body
                return Include(name, pipe) if word == "block" else None
        return Action(self._pipe())

    def _branch(self, kind: str) -> Branch:
        before = len(self._variables)
        pipe = self._pipe(loop=kind == "range")
        self._loops += kind == "range"
        body, end = self._body()
        self._loops -= kind == "range"
        otherwise: Body = ()
        if end == "else":
            if self._tokens and self._tokens[0].text in ("if", "with") and kind == self._tokens[0].text:
                self._take()
                otherwise, end = (self._branch(kind),), "end"
            else:
                otherwise, end = self._body()
        if end != "end":
            self._fail("unexpected EOF" if not end else f"unexpected {{{{{end}}}}}")
        del self._variables[before:]
        return Branch(kind, pipe, body, otherwise)

    # Inside an action

    def _take(self) -> _Token:
        return self._tokens.pop(0)

    def _name(self, where: str) -> str:
        if not self._tokens or self._tokens[0].kind not in ("string", "raw"):
            self._fail(f"unexpected token in {where}")
        return str(_unquoted(self._take()))

    def _pipe(self, *, inside: bool = False, loop: bool = False) -> Pipe:
        start = self._tokens[0].position if self._tokens else self._position
        declared, assigns = self._declaration(loop=loop)
        commands: list[tuple[Operand, ...]] = []
        end = start
        while True:
            command: list[Operand] = []
            while self._tokens and self._tokens[0].text not in ("|", ")"):
                operand = self._operand()
                command.append(operand)
                end = operand.position + len(operand.text)
            if not command:
                self._fail("missing value for command" if not declared else "missing value for assignment")
            if commands and isinstance(command[0], Literal | Dot):
                self._fail(f"non executable command in pipeline stage {len(commands) + 1}")
            commands.append(tuple(command))
            if not self._tokens or self._tokens[0].text == ")":
                break
            self._take()
        if self._tokens and not inside:
            self._fail(f'unexpected "{self._tokens[0].text}" in command')
        if not assigns:
            self._variables += declared
        return Pipe(start, self._text[start:end], tuple(commands), declared, assigns)

    def _declaration(self, *, loop: bool) -> tuple[tuple[str, ...], bool]:
        """`$a :=`, `$a =`, and for a loop `$a, $b :=`."""
        kinds = [token.text if token.kind == "mark" else token.kind for token in self._tokens[:4]]
        for shape, names in ((["variable"], 1), (["variable", ",", "variable"], 2)):
            if names == 2 and not loop:
                continue
            if kinds[: len(shape)] == shape and kinds[len(shape) : len(shape) + 1] in ([":="], ["="]):
                taken = [self._take() for _ in range(len(shape) + 1)]
                declared = tuple(token.text for token in taken if token.kind == "variable")
                return declared, taken[-1].text == "="
        return (), False

    def _operand(self) -> Operand:
        token = self._take()
        start = token.position
        match token.kind:
            case "string" | "raw" | "char":
                return Literal(start, token.text, _unquoted(token))
            case "number":
                return Literal(start, token.text, _number(token.text))
            case "variable":
                if token.text not in self._variables:
                    self._fail(f'undefined variable "{token.text}"')
                return self._chain(Variable(start, token.text, token.text), start)
            case "field":
                self._tokens.insert(0, _Token("field", token.text, start, False))
                return self._chain(None, start)
            case "word":
                return self._word(token)
        if token.text == ".":
            return Dot(start, ".")
        if token.text != "(":
            self._fail(f'unexpected "{token.text}" in operand')
        pipe = self._pipe(inside=True)
        if not self._tokens:
            self._fail("unclosed left paren")
        end = self._take().position + 1
        return self._chain(Pipe(start, self._text[start:end], pipe.commands, pipe.declared, pipe.assigns), start)

    def _word(self, token: _Token) -> Operand:
        constants: dict[str, object] = {"true": True, "false": False, "nil": None}
        if token.text in constants:
            return Literal(token.position, token.text, constants[token.text])
        if token.text not in self._functions:
            self._fail(f'function "{token.text}" not defined')
        return Function(token.position, token.text, token.text)

    def _chain(self, base: Variable | Pipe | None, start: int) -> Operand:
        names: list[str] = []
        end = start + (len(base.text) if base is not None else 0)
        while self._tokens and self._tokens[0].kind == "field" and not self._tokens[0].spaced:
            token = self._take()
            names.append(token.text[1:])
            end = token.position + len(token.text)
        if base is not None and not names:
            return base
        return Chain(start, self._text[start:end], base, tuple(names))


def _unquoted(token: _Token) -> object:
    if token.kind == "raw":
        return token.text[1:-1]
    try:
        value = ast.literal_eval(token.text)
    except (SyntaxError, ValueError) as error:
        raise TemplateError(f"template: :1: {token.text}: invalid syntax") from error
    return ord(value) if token.kind == "char" else value


def _number(text: str) -> object:
    plain = text.replace("_", "")
    if re.fullmatch(r"[+-]?0[xXbBoO].*", plain):
        return int(plain, 0)
    return float(plain) if re.search(r"[.eE]", plain) else int(plain)
