"""Go's templates, without a `docker` beside them; `tests/clients/test_templates.py` compares with the real one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockless.cli.failure import Failure
from dockless.cli.formats import format_rows, render
from dockless.cli.template import Template, TemplateError

DATA = {
    "Name": "/x",
    "State": {"Status": "running", "Pid": 12},
    "Args": ["a", "b"],
    "Labels": {"k": "v", "a": "b"},
    "Ports": {"80/tcp": [{"HostPort": "8080"}], "81/tcp": None},
    "Size": 1.5,
    "Null": None,
    "On": True,
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{.Name}} {{.State.Pid}} {{.On}} {{.Size}} {{.Args}} {{.Labels}}", "/x 12 true 1.5 [a b] map[a:b k:v]"),
        ("{{range .Args}}[{{.}}]{{end}}", "[a][b]"),
        ("{{range $i, $e := .Args}}{{if $i}},{{end}}{{$i}}={{$e}}{{end}}", "0=a,1=b"),
        ("{{range .Args}}{{if eq . `b`}}{{continue}}{{end}}{{.}}{{end}}", "a"),
        ("{{range 3}}{{.}}{{end}}{{range slice .Args 2}}x{{else}}none{{end}}", "012none"),
        ("{{range $p, $c := .Ports}}{{$p}}{{with $c}}>{{(index . 0).HostPort}}{{end}} {{end}}", "80/tcp>8080 81/tcp "),
        ("{{$x := 1}}{{if .On}}{{$x = 2}}{{$y := 3}}{{$y}}{{end}}{{$x}}", "32"),
        ("{{if .Null}}a{{else if .On}}b{{else}}c{{end}}{{with .Null}}{{else with .State}}{{.Pid}}{{end}}", "b12"),
        ("a {{- /* said */ -}} b {{- `c` -}} d", "abcd"),
        ("{{define `t`}}<{{.}}>{{end}}{{template `t` .Name}}{{block `u` .State}}{{.Pid}}{{end}}", "</x>12"),
        ("{{.Name | printf `%-4s|%q` `y`}}", 'y   |"/x"'),
        ("{{printf `%d%% %5.2f %x %v %t %s` 3 .Size 255 .Args true .Name}}", "3%  1.50 ff [a b] true /x"),
        ("{{printf `%d %s` .Name}}", "%!d(string=/x) %!s(MISSING)"),
        ("{{printf `%s` 1 2}}", "%!s(int=1)%!(EXTRA int=2)"),
        ("{{print 1 2 `x` 3}} {{len `héé`}} {{title `one two-three`}}", "1 2x3 5 One Two-Three"),
        ("{{and .On .Null}} {{or .Null `d`}} {{not .Null}}", "<no value> d true"),
        ("{{json .State}} {{json .Null}} {{json `<&>`}}", '{"Status":"running","Pid":12} null "<&>"'),
    ],
)
def test_what_go_would_print(template: str, text: str) -> None:
    assert Template(template).render(DATA) == text


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{.Foo}}", 'template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"'),
        ("a\n{{.State.Status.X}}", "template: :2:2: .*can't evaluate field X in type string"),
        ("{{foo}}", 'template: :1: function "foo" not defined'),
        ("{{$y}}", 'template: :1: undefined variable "\\$y"'),
        ("{{.Name", "template: :1: unclosed action"),
        ("{{if .On}}", "template: :1: unexpected EOF"),
        ("{{else}}", "template: :1: unexpected {{else}}"),
        ("{{end}}", "template: :1: unexpected {{end}}"),
        ("{{}}", "missing value for command"),
        ("{{break}}", "outside {{range}}"),
        ("{{(.Name}}", "unclosed left paren"),
        ("{{.Name)}}", "unexpected"),
        ("{{index .Args 5}}", "error calling index: index out of range: 5"),
        ("{{eq 1 `a`}}", "incompatible types for comparison"),
        ("{{len 3}}", "len of type int"),
        ("{{range .Name}}{{end}}", "range can't iterate over /x"),
        ("{{upper}}", "wrong number or type of args for upper"),
        ("{{.Name 1}}", "not a method but has arguments"),
    ],
)
def test_what_go_would_say_is_wrong(template: str, said: str) -> None:
    with pytest.raises(TemplateError, match=said):
        Template(template).render(DATA)


@given(st.text(alphabet="{}.|$\"`'() abA1-=:,\n/*", max_size=30))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        Template(text).render(DATA)
    except TemplateError as error:
        assert "template: :" in str(error)


def test_fields_that_an_object_left_out_are_what_dockers_types_make_of_them() -> None:
    template = "{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{.Config.Cmd}} {{.HostConfig.Sysctls}}"
    assert render(template, {"State": {}, "Config": {"Cmd": None}, "HostConfig": {}}) == "none [] map[]"
    assert render("{{.ID}} {{.APIVersion}}", {"Id": "1", "ApiVersion": "2"}) == "1 2"


def test_rows_with_methods_and_heads() -> None:
    rows = [{"Name": "one", "LocalVolumes": "2", "Label": {"com.example.tier": "front"}.get}]
    template = 'table {{upper .Name}}\\t{{.LocalVolumes}}\t{{.Label "com.example.tier"}}'
    (table,) = format_rows(rows, {"NAMES": "Name"}, template)
    assert table.split("\n") == ["NAMES     LOCAL VOLUMES   tier", "ONE       2               front"]
    with pytest.raises(Failure, match="fields: Label, LocalVolumes, Name"):
        format_rows(rows, {}, "{{.Nmae}}")
