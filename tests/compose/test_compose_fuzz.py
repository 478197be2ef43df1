"""Whatever the input, loading succeeds or raises an error of its own."""

from pathlib import Path
from typing import Any

import case_files
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dockless.compose import printing
from dockless.compose.errors import ComposeError
from dockless.compose.load import LoadOptions, load
from dockless.compose.load.check import schema

_SEEDS = [text for case in case_files.every() for name, text in case.files.items() if name.endswith((".yaml", ".yml"))]
_ENVS = ["A=1\n", 'A="x\n', "export A=${B:-1}\n", "A B\n", "=x\n", "A='\\'\n"]
_KEYS = sorted({key for spec in schema()["definitions"].values() for key in spec.get("properties", {})})
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["80:80", "./a:/b", "a=b", "1m", "5s", "${A:-x}", "$", "${", "service:a", "all", "0444", "c:\\x:/y", "-"]
    ),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
_SERVICES = st.dictionaries(
    st.sampled_from(["a", "b"]), st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=6), max_size=2
)
_QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def _load(folder: Path, text: bytes, env: str = "") -> None:
    (folder / "compose.yaml").write_bytes(text)
    (folder / ".env").write_text(env)
    try:
        project = load(LoadOptions(cwd=folder, environ={"A": "1"}, profiles=("*",)))
        printing.as_yaml(project)
        printing.as_json(project)
    except ComposeError as error:
        assert error.problems
        return
    printing.hashes(project, ["*"])


@_QUICK
@given(
    services=_SERVICES,
    top=st.dictionaries(
        st.sampled_from(["networks", "volumes", "configs", "secrets", "include", "name", "models", "x-a"]),
        _VALUES,
        max_size=3,
    ),
)
def test_any_values_under_known_keys(tmp_path: Path, services: dict[str, Any], top: dict[str, Any]) -> None:
    for service in services.values():
        service.setdefault("image", "x")
    text = yaml.safe_dump({"services": services, **top}, allow_unicode=True)
    _load(tmp_path, text.encode("utf-8", "surrogatepass"))


@_QUICK
@given(data=st.data())
def test_files_with_pieces_cut_out_and_put_in(tmp_path: Path, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(_SEEDS))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        other = data.draw(st.sampled_from(_SEEDS))
        piece = data.draw(
            st.sampled_from(
                [
                    "",
                    "\n",
                    "- ",
                    ": ",
                    "!reset ",
                    "!override ",
                    "&a ",
                    "*a",
                    "<<: ",
                    "{",
                    "]",
                    "$",
                    "null",
                    "\t",
                    other[:30],
                    other[-30:],
                ]
            )
        )
        text = text[:start] + piece + text[end:]
    _load(tmp_path, text.encode(), data.draw(st.sampled_from(_ENVS)))


@_QUICK
@given(text=st.binary(max_size=60))
def test_any_bytes(tmp_path: Path, text: bytes) -> None:
    _load(tmp_path, text)


@_QUICK
@given(env=st.text(alphabet=st.sampled_from("AB1=\"'\\$#{}:-?+ \n\té"), max_size=40))
def test_any_env_file(tmp_path: Path, env: str) -> None:
    _load(tmp_path, b"services: {a: {image: x$A, env_file: .env}}", env)
