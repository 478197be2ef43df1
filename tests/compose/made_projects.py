"""Projects made at random from the specification's schema: every key, short and long syntax, valid values and odd ones.

A project is a `Case` whose files are YAML text; the same seed makes the same project. What stands in a place comes from
`POOLS` (by the last parts of its path), else from the schema's types. Most values that a loader refuses by themselves
are drawn again, since a project is refused for its first fault and tells nothing of the rest.
"""

import random
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from case_files import Case
from made_values import ENV_LINES, NAMES, ODD, PLAIN_RESOURCES, POOLS, RESOURCES, TEXTS, VARIABLES, Raw

from dockless.compose.load.check import schema

_ODD_SHARE = 0.012
_EMPTY_SHARE = 0.01


Fits = Callable[[str], bool]
"""Whether a compose file loads; the folder has the files that every made project has."""


def make(seed: int, fits: Fits) -> Case:
    """The project that belongs to a seed."""
    return _Maker(random.Random(seed), fits).case(f"made-{seed}")


def companions() -> dict[str, str]:
    """Files that stand beside a compose file when `fits` is asked."""
    return dict.fromkeys(("one.env", "sub/one.env", "two.env", "labels.txt", "sub/labels.txt", "compose.yaml"), "A=1\n")


class _Maker:
    def __init__(self, rng: random.Random, fits: Fits) -> None:
        self.rng, self.fits = rng, fits
        self.odd = _ODD_SHARE if rng.random() < 0.6 else 0.0
        self.dollars = rng.random() < 0.4

    def fitting(self, section: str, name: str, key: str, spec: Mapping[str, Any]) -> Any:
        """A value that loads where it alone stands; now and then one that does not."""
        path = (section, name, key) if key else (section, name)
        for _ in range(4):
            value = self.value(spec, path)
            entry = {"image": "x", key: value} if key else value
            tree: dict[str, Any] = {"services": {"a": {"image": "x"}, "b": {"image": "x"}}, **PLAIN_RESOURCES}
            tree[section] = {**tree[section], name: entry}
            if (
                self.fits("".join(f"{part}: {_flow(held)}\n" for part, held in tree.items()))
                or self.rng.random() < 0.02
            ):
                return value
        return "x" if key == "image" else {"file": "./f.txt"} if section in ("configs", "secrets") else None

    def case(self, name: str) -> Case:
        files: dict[str, str] = {}
        args: list[str] = []
        shape = self.rng.random()
        focus = self._focus()
        files["compose.yaml"] = self.text(self.project(focus, whole=True))
        if shape < 0.35:
            files["over.yaml"] = self.text(self.tagged(self.project(focus, whole=False)))
            args += ["-f", "compose.yaml", "-f", "over.yaml"]
        elif shape < 0.45:
            files["compose.override.yaml"] = self.text(self.tagged(self.project(focus, whole=False)))
        elif shape < 0.55:
            files["sub/part.yaml"] = self.text(self.project(focus, whole=True, names=("d", "e")))
            files["compose.yaml"] = self.text({"include": self.include()}) + files["compose.yaml"]
        elif shape < 0.7:
            files["sub/base.yaml"] = self.text(self.project(focus, whole=True))
            tree = self.project(focus, whole=False)
            for service in tree["services"].values():
                if isinstance(service, dict):
                    service["extends"] = {"file": "sub/base.yaml", "service": self.pick("ab")}
            files["compose.yaml"] = self.text(tree)
        elif shape < 0.75:
            tree = self.project(focus, whole=True)
            if isinstance(tree["services"].get("b"), dict):
                tree["services"]["b"]["extends"] = self.pick(["a", {"service": "a"}])
            files["compose.yaml"] = self.text(tree)
        if self.rng.random() < 0.3:
            args += ["--profile", self.pick(["p", "q", "*"])]
        if self.rng.random() < 0.1:
            args += ["--project-directory", "sub"]
        for extra in ("sub/.env", "sub/lib/x"):
            if self.rng.random() < 0.1:
                files[extra] = self.env_file()
        files["one.env"], files["sub/one.env"], files["two.env"] = self.env_file(), self.env_file(), self.env_file()
        files["labels.txt"] = files["sub/labels.txt"] = "l1=one\nl2=two words\n# no\n"
        if self.rng.random() < 0.4:
            files[".env"] = self.env_file()
        if self.rng.random() < 0.05:
            args += ["--env-file", "one.env", "--env-file", "two.env"]
        environ = {"SET": "set", "EMPTY": "", "NUM": "7"} if self.rng.random() < 0.7 else {}
        return Case(name, tuple(args), environ, files)

    def pick(self, options: Any) -> Any:
        return self.rng.choice(options)

    def _focus(self) -> list[str]:
        """A few keys for all files of a project, so that merging has something to merge."""
        keys = [key for key in schema()["definitions"]["service"]["properties"] if key != "extends"]
        return self.rng.sample(keys, self.rng.randint(2, 7))

    def project(self, focus: list[str], *, whole: bool, names: tuple[str, ...] = ("a", "b")) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        if self.rng.random() < 0.1:
            tree["name"] = self.pick(["proj", "my-app", Raw('"1a"'), "${SET:-x}", "Up"])
        if self.rng.random() < 0.05:
            tree["version"] = Raw('"3.8"')
        services: dict[str, Any] = {}
        for name in names:
            if not whole and self.rng.random() < 0.3:
                continue
            service: dict[str, Any] = {}
            if whole or self.rng.random() < 0.2:
                service["image"] = self.fitting("services", name, "image", {"type": "string"})
            properties = schema()["definitions"]["service"]["properties"]
            for key in focus:
                if self.rng.random() < 0.75:
                    value = self.fitting("services", name, key, properties[key])
                    if value is not None:
                        service[key] = value
            if self.rng.random() < 0.03:
                service["x-own"] = self.anything()
            services[name] = self.rng.random() < 0.01 or service
        if not services:
            services[names[0]] = {"image": "only"}
        tree["services"] = services
        if whole:
            for kind, resources in RESOURCES.items():
                definition = schema()["definitions"][kind.removesuffix("s")]
                tree[kind] = {
                    name: self.fitting(kind, name, "", definition)
                    if kind in ("configs", "secrets", "models") or self.rng.random() < 0.5
                    else None
                    for name in resources
                }
        elif self.rng.random() < 0.3:
            kind = self.pick(list(RESOURCES))
            tree[kind] = {
                RESOURCES[kind][0]: self.fitting(
                    kind, RESOURCES[kind][0], "", schema()["definitions"][kind.removesuffix("s")]
                )
            }
        if self.rng.random() < 0.05:
            tree["x-top"] = self.anything()
        return tree

    def include(self) -> list[Any]:
        return [
            self.pick(
                [
                    "sub/part.yaml",
                    {"path": "sub/part.yaml"},
                    {"path": ["sub/part.yaml"]},
                    {"path": "sub/part.yaml", "env_file": "one.env"},
                    {"path": "sub/part.yaml", "project_directory": "."},
                    {"path": "./sub/part.yaml", "project_directory": "sub", "env_file": ["one.env", "two.env"]},
                ]
            )
        ]

    def tagged(self, tree: dict[str, Any]) -> dict[str, Any]:
        """`!reset` and `!override` on some keys of an override file."""
        for service in tree["services"].values():
            if not isinstance(service, dict):
                continue
            for key in list(service):
                chance = self.rng.random()
                if chance < 0.05:
                    service[key] = Raw(f"!reset {self.pick(['null', '[]', '{}', 'x'])}")
                elif chance < 0.1 and isinstance(service[key], (dict, list)):
                    service[key] = Raw("!override " + _flow(service[key]))
        return tree

    def value(self, spec: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        """A value for a place of the schema."""
        if self.rng.random() < self.odd:
            return self.pick(ODD)
        if self.rng.random() < _EMPTY_SHARE * bool(self.odd):
            return self.pick([Raw(""), Raw("null"), Raw("[]"), Raw("{}"), Raw('""')])
        if "$ref" in spec:
            return self.value(schema()["definitions"][spec["$ref"].rpartition("/")[2]], path)
        pool = _pool(path)
        if pool is not None and self.rng.random() < 0.93:
            chosen = self.pick(pool)
            return self.dollared(chosen(self) if callable(chosen) else chosen)
        if "oneOf" in spec:
            return self.value(self.pick(spec["oneOf"]), path)
        if "enum" in spec:
            return self.pick(spec["enum"])
        kinds = spec.get("type", ["string", "null"])
        kind = kinds if isinstance(kinds, str) else self.pick(kinds)
        return getattr(self, kind if kind == "object" else f"_{kind}")(spec, path)

    def dollared(self, value: Any) -> Any:
        """Now and then a variable in the value's place, with the value as its default."""
        if not self.dollars or isinstance(value, (dict, list)) or value is None or self.rng.random() > 0.15:
            return value
        text = str(value).strip("'\"")
        if isinstance(value, bool):
            text = text.lower()
        form = self.pick(VARIABLES).replace("@", text)
        return form if self.rng.random() < 0.8 else Raw(f'"{form}"') if '"' not in form and "\\" not in form else form

    def object(self, spec: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        properties = spec.get("properties", {})
        found: dict[str, Any] = {}
        needed = spec.get("required", ())
        for key in properties:
            if (key in needed and self.rng.random() < 0.97) or self.rng.random() < 0.4:
                found[key] = self.value(properties[key], (*path, key))
        if not properties:
            pattern = next(iter(spec.get("patternProperties", {"": {}}).values()))
            for key in self.rng.sample(self.names(path), self.rng.randint(0, 3)):
                found[key] = self.value(pattern, (*path, key))
        elif "patternProperties" in spec and self.rng.random() < 0.03:
            found["x-more"] = self.anything()
        items = list(found.items())
        self.rng.shuffle(items)
        return dict(items)

    def names(self, path: tuple[str, ...]) -> list[str]:
        return next((names for end, names in NAMES.items() if path[-1] == end), ["k1", "k-2", "k.3", "K_4"])

    def _array(self, spec: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        item = spec.get("items", {})
        return [self.value(item, (*path, "*")) for _ in range(self.pick([0, 1, 1, 1, 2, 2, 3]))]

    def _string(self, spec: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        return self.dollared(self.pick(TEXTS))

    def _integer(self, spec: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        return self.dollared(self.pick([0, 1, 2, 5, 100, Raw("010"), Raw("0x10"), Raw("1_0")]))

    def _number(self, spec: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        return self.dollared(self.pick([0, 1, 3, 0.5, 1.25, Raw("1e2"), Raw("2.0"), Raw("0o17"), Raw(".5")]))

    def _boolean(self, spec: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        return self.dollared(self.pick([True, False, Raw("True"), Raw("yes"), Raw("off"), Raw('"true"')]))

    def _null(self, spec: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        return self.pick([None, Raw("~"), Raw("")])

    def anything(self, depth: int = 0) -> Any:
        kind = self.rng.random()
        if kind < 0.2 and depth < 2:
            return [self.anything(depth + 1) for _ in range(self.rng.randint(0, 2))]
        if kind < 0.4 and depth < 2:
            return {self.pick(["p", "x-q", "r r"]): self.anything(depth + 1) for _ in range(self.rng.randint(0, 2))}
        return self.pick([*TEXTS, *ODD, 1, 1.5, True, None])

    def env_file(self) -> str:
        return "".join(self.rng.sample(ENV_LINES, self.rng.randint(0, 6)))

    def text(self, tree: dict[str, Any]) -> str:
        """The tree as YAML: blocks, now and then in flow style, with anchors for maps that stand twice."""
        lines: list[str] = []
        for key, value in tree.items():
            if isinstance(value, dict) and self.rng.random() < 0.95:
                lines.append(f"{key}:")
                for name, entry in value.items():
                    lines.append(self._block(f"  {_scalar(name)}:", entry, 4))
            else:
                lines.append(f"{key}: {_flow(value)}")
        return "\n".join(lines) + "\n"

    def _block(self, head: str, value: Any, indent: int) -> str:
        space = " " * indent
        if isinstance(value, dict) and value and self.rng.random() < 0.8:
            return "\n".join([head, *(self._block(f"{space}{_scalar(k)}:", v, indent + 2) for k, v in value.items())])
        if isinstance(value, list) and value and self.rng.random() < 0.8:
            return "\n".join([head, *(f"{space}- {_flow(entry)}" for entry in value)])
        if type(value) is str and value and self.rng.random() < 0.05 and value.isprintable():
            return f"{head} {self.pick(['|', '>', '|-', '>-', '|+'])}\n{space}{value.strip()}"
        return f"{head} {_flow(value)}"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, Raw):
        return str(value) or "null"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    if value.isidentifier() and value.lower() not in ("true", "false", "null", "yes", "no", "on", "off", "y", "n"):
        return value
    if "\n" in value or "\t" in value:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'
    return "'" + value.replace("'", "''") + "'"


def _pool(path: tuple[str, ...]) -> "list[Any] | None":
    text = ".".join(path)
    return next((pool for pattern, pool in POOLS.items() if fnmatchcase(text, pattern)), None)
