"""Examples below the help of the commands that people look up most, by the command's place."""

from collections.abc import Mapping

EXAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "compose.up:up": (
        ("up", "start the project in this folder and follow its output; Ctrl-C stops it"),
        ("up -d --build --wait", "build, start in the background, return when all is healthy"),
        ("up -d --scale worker=3 worker", "three containers of one service"),
    ),
    "compose.down:down": (
        ("down", "remove the project's containers and networks"),
        ("down -v --rmi local", "its volumes and the images that were built for it, too"),
    ),
    "compose.exec:exec_": (
        ("exec db psql -U postgres", "a terminal in a running service"),
        ("exec -T db pg_dump app > app.sql", "without a terminal, for pipes"),
    ),
    "compose.logs:logs": (
        ("logs -f --tail 100 web", "the last hundred lines, then what comes"),
        ("logs --since 10m -t", "all services, the last ten minutes, with times"),
    ),
    "compose.run:run": (("run --rm web python manage.py migrate", "a task of its own, with the service's settings"),),
    "compose.ps:ps": (("ps -a --format json", "all containers of the project, for programs"),),
    "docker.run:run": (
        ("run --rm -it busybox sh", "a shell in a container that is gone afterwards"),
        ("run -d --name web -p 8080:80 nginx", "in the background, its port 80 published"),
        ("run --rm -v ./data:/data -u $(id -u) busybox ls /data", "a folder of this machine inside"),
    ),
    "docker.exec:exec_": (("exec -it web sh", "a shell in a running container"),),
    "docker.build:build": (
        ("build -t app:1 .", "the Dockerfile in this folder"),
        ("build -t app:1 --target test --build-arg VERSION=2 -f docker/Dockerfile .", "one stage, an argument"),
    ),
    "docker.ps:ps": (
        ("ps -a --filter status=exited", "those that have ended"),
        ("ps --format 'table {{.Names}}\\t{{.Status}}\\t{{.Ports}}'", "columns of your own"),
    ),
    "docker.logs:logs": (("logs -f --tail 100 web", "the last hundred lines, then what comes"),),
    "docker.cp:cp": (
        ("cp web:/etc/nginx/nginx.conf .", "out of a container, running or not"),
        ("cp site/. web:/usr/share/nginx/html", "a folder's content into one"),
    ),
    "docker.inspect:any_object": (
        ("inspect -f '{{.State.Status}}' web", "one field"),
        ("inspect -f '{{range $p, $e := .NetworkSettings.Ports}}{{$p}} {{end}}' web", "a Go template"),
    ),
}


def examples_of(target: str, path: str) -> str:
    """The lines of a command's examples; `path` is the program and its groups, as typed. "" where there are none."""
    lines = []
    for command, what in EXAMPLES.get(target, ()):
        lines += [f"  # {what}", f"  {path} {command}"]
    return "\n".join(lines)
