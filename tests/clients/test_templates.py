"""Our `--format` beside that of Docker's own command, on the same objects of the same engine."""

from collections.abc import Iterator

import docker
import pytest
from client_commands import Run

pytestmark = pytest.mark.peer

OBJECT = (
    "{{.Name}} {{.ID}} {{.State.Status}} {{.State.Running}} {{.State.ExitCode}} {{.RestartCount}}",
    "{{.Config.Cmd}} {{.Args}} {{.Config.Entrypoint}} {{.HostConfig.Binds}} {{.HostConfig.CapAdd}}",
    "{{json .Config.Cmd}} {{json .Config.Labels}} {{json .NetworkSettings.Ports}} {{json .HostConfig.Binds}}",
    "{{json .Config.Entrypoint}} {{json .State.Running}} {{json .HostConfig.LogConfig}}",
    "{{range .Config.Env}}[{{.}}]{{end}}",
    '{{range $index, $each := .Config.Cmd}}{{if $index}}, {{end}}{{$index}}={{printf "%q" $each}}{{end}}',
    "{{range $key, $value := .Config.Labels}}{{$key}}:{{$value}};{{end}}",
    "{{range $port, $ends := .NetworkSettings.Ports}}{{$port}}={{range $ends}}{{.HostIP}} {{end}}{{else}}none{{end}}",
    "{{range .NetworkSettings.Networks}}{{.IPAddress}}/{{.IPPrefixLen}} {{.Gateway}}{{end}}",
    "{{with .NetworkSettings.Networks.bridge}}{{len .IPAddress}}{{else}}no bridge{{end}}",
    "{{if .State.Health}}{{.State.Health.Status}}{{else}}no health{{end}}",
    '{{if and .State.Running (eq .State.Status "running")}}up{{else if .State.Paused}}paused{{else}}down{{end}}',
    '{{not .State.Running}} {{or .Config.User "root"}} {{and .State.Running .Name}}',
    '{{index .Config.Labels "com.example.tier"}} [{{index .Config.Labels "missing"}}]',
    "{{.Config.Labels.plain}} {{len .Config.Labels}} {{len .Config.Cmd}} {{len .HostConfig.Binds}} {{len .Mounts}}",
    '{{join .Config.Cmd "+"}} {{split .Config.Image "u"}} {{upper .Name}} {{lower "ABC"}} {{title "one two"}}',
    '{{slice .ID 0 12}} {{.Name | printf "%-12s|"}} {{printf "%5d|%05d|%x" 42 42 255}}',
    '{{printf "%v %v %s" .State.Running .Config.Cmd .Name}} {{printf "%d" .Name}} {{printf "%s"}}',
    '{{println .Name 1 true}}{{print 1 2 "x" 3}}',
    '{{pad .Name 1 2}}|{{truncate .ID 5}}|{{pad "" 3 3}}|',
    "{{$name := .Name}}{{range .Config.Cmd}}{{$name}}{{end}}{{$.Name}}",
    "{{- .Name -}}  x  {{- /* said */ -}}  y",
    '{{lt 1 2}} {{ge .State.ExitCode 1}} {{eq .State.Status "dead" "running"}} {{ne .Name "x"}}',
    "{{.HostConfig.Memory}} {{.HostConfig.NanoCPUs}} {{.HostConfig.RestartPolicy.Name}}",
    '{{define "one"}}<{{.}}>{{end}}{{template "one" .Name}}',
    '{{range .Config.Cmd}}{{if eq . "60"}}{{break}}{{end}}{{.}}{{end}} {{html "<a>"}} {{urlquery "a b"}}',
    "{{range .Mounts}}{{.Type}} {{.Destination}} {{.RW}}{{end}}",
    "a\\tb{{\"\\t\"}}c {{`raw`}} {{'x'}} {{1.5}}",
)
WRONG = (
    ("{{.Nothing}}", 1),
    ("{{.State.Nothing}}", 1),
    ("{{frob .Name}}", 64),
    ("{{.Name", 64),
    ("{{if .Name}}", 64),
    ("{{index .Config.Cmd 9}}", 1),
)


@pytest.fixture(scope="module")
def objects(host: str) -> Iterator[None]:
    client = docker.DockerClient(base_url=host)
    container = client.containers.run(
        "busybox",
        ["sleep", "60"],
        name="subject",
        detach=True,
        init=True,
        labels={"com.example.tier": "front", "plain": "yes"},
        environment={"A": "1"},
        ports={"80/tcp": ("127.0.0.1", None)},
        volumes={"subject-data": {"bind": "/data"}},
        mem_limit="64m",
    )
    yield
    container.remove(force=True)
    client.volumes.get("subject-data").remove()
    client.close()


@pytest.fixture(autouse=True)
def no_containers_left() -> None:
    """In place of the folder's own check: the subject stays from test to test."""


def test_inspect(cli: Run, dockless: Run, objects: None) -> None:
    template = "~".join(OBJECT)
    theirs = cli("inspect", "-f", template, "subject")
    ours = dockless("inspect", "-f", template, "subject")
    assert theirs.returncode == 0, theirs.stderr
    assert ours.returncode == 0, ours.stderr
    for written, one, other in zip(OBJECT, ours.stdout.split("~"), theirs.stdout.split("~"), strict=True):
        assert (written, one) == (written, other)


@pytest.mark.parametrize(("template", "status"), WRONG)
def test_what_is_wrong_with_a_template(cli: Run, dockless: Run, objects: None, template: str, status: int) -> None:
    theirs, ours = cli("inspect", "-f", template, "subject"), dockless("inspect", "-f", template, "subject")
    assert (ours.returncode, theirs.returncode) == (status, status)
    assert ours.stderr.startswith("template parsing error: template: :1:")
    assert theirs.stderr.startswith("template parsing error: template: :1:")


@pytest.mark.parametrize(
    "arguments",
    [
        (
            "ps",
            "--format",
            '{{.ID}}|{{.Names}}|{{.Image}}|{{.State}}|{{.Command}}|{{.Label "com.example.tier"}}|{{.Mounts}}',
        ),
        ("ps", "--format", '{{json .Names}} {{upper .Image}} {{if eq .State "running"}}up{{end}} {{.LocalVolumes}}'),
        ("ps", "--format", 'table {{.Names}}\\t{{.Image}}\\t{{.Label "com.example.tier"}}\\t{{upper .State}}'),
        ("ps", "--format", "table {{.ID}}\t{{.Names}}\t{{.LocalVolumes}} {{.Networks}}"),
        ("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}"),
        ("images", "--format", "table {{.Repository}}\t{{.Tag}}"),
        ("network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Scope}} {{.Internal}} {{.IPv6}} {{.ID}}"),
        ("volume", "ls", "--format", "{{.Name}}\\t{{.Driver}} {{.Scope}} {{.Mountpoint}}"),
        (
            "network",
            "inspect",
            "-f",
            "{{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}{{end}} {{.Options}} {{.Labels}}",
            "none",
        ),
        ("volume", "inspect", "-f", "{{.Name}} {{json .Options}} {{.Labels}}", "subject-data"),
        ("image", "inspect", "-f", "{{.ID}} {{json .RepoTags}} {{.Os}}/{{.Architecture}} {{.Config.Cmd}}", "busybox"),
        ("inspect", "-f", "json", "subject"),
        ("inspect", "-f", '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}} {{.Id}}', "subject"),
        ("version", "-f", "{{.Server.Version}} {{.Server.APIVersion}} {{.Server.Platform.Name}} {{.Server.Os}}"),
        ("info", "-f", "{{.ServerVersion}} {{.Driver}} {{.Containers}} {{range .Warnings}}{{.}}{{end}} {{.ID}}"),
        ("system", "df", "--format", "{{.Type}}: {{.TotalCount}} {{.Active}}"),
        ("stats", "--no-stream", "--format", "{{.Name}} {{.Container}} {{.PIDs}}"),
        ("history", "--format", "{{.ID}} {{.Size}} {{.Comment}}", "busybox"),
        (
            "events",
            "--since",
            "1",
            "--until",
            "1s",
            "--filter",
            "type=volume",
            "--format",
            "{{.Type}} {{.Action}} {{.Actor.ID}} {{.Time}}",
        ),
    ],
    ids=lambda arguments: " ".join(arguments[:4]).replace("[", "("),
)
def test_lists_and_objects(cli: Run, dockless: Run, objects: None, arguments: tuple[str, ...]) -> None:
    theirs, ours = cli(*arguments), dockless(*arguments)
    assert theirs.returncode == 0, theirs.stderr
    mine, other = ours.stdout.splitlines(), theirs.stdout.splitlines()
    if arguments[0] == "images":  # theirs gives those of the same second in any order
        mine, other = sorted(mine), sorted(other)
    assert (ours.returncode, mine) == (0, other), ours.stderr
