"""From an application to the files of its stack."""

import json
from collections.abc import Callable, Iterable

from dockless.explain.init.application import Application, NewFile, Variable
from dockless.explain.init.environment import Setting, settings, text_of
from dockless.explain.init.folder import Folder
from dockless.explain.init.render import render

POSTGRES = "17"
NGINX = "1.30"
_DOCKERFILES = {"site": "site.Dockerfile", "static": "static.Dockerfile", "node": "node.Dockerfile"}
# Python packages that are built from source or want a C library: Debian's packages to build with, and to run with.
_NATIVE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "psycopg2": (("gcc", "libc6-dev", "libpq-dev"), ("libpq5",)),
    "psycopg-c": (("gcc", "libc6-dev", "libpq-dev"), ("libpq5",)),
    "mysqlclient": (("gcc", "libc6-dev", "pkg-config", "default-libmysqlclient-dev"), ("libmariadb3",)),
    "uwsgi": (("gcc", "libc6-dev"), ()),
}


def stack(
    folder: Folder,
    application: Application,
    variables: Iterable[Variable],
    secret: Callable[[], str],
    *,
    classic: bool = False,
) -> tuple[tuple[NewFile, ...], tuple[Setting, ...]]:
    """The files of the application's stack, and the lines of its `.env`.

    `classic`: two services, `web` from a single-stage image with the source mounted, and `postgres`.
    """
    lines = settings(application, variables, secret)
    values = _values(folder, application, bool(lines))
    dockerfile = "classic.Dockerfile" if classic else _DOCKERFILES.get(application.kind, "python.Dockerfile")
    files = [
        NewFile("Dockerfile", render(dockerfile, values)),
        NewFile("compose.yaml", render("classic.yaml" if classic else "compose.yaml", values)),
        NewFile(".dockerignore", render("dockerignore", values)),
    ]
    if application.kind in ("site", "static"):
        files.append(NewFile("nginx.conf", render("nginx.conf", values)))
    if lines:
        files.append(NewFile(".env", text_of(lines, example=False), 0o600))
        files.append(NewFile(".env.example", text_of(lines, example=True)))
    return tuple(files), lines


def _values(folder: Folder, application: Application, environment: bool) -> dict[str, str]:
    """Every value of every template; an empty one is a flag that does not hold."""
    install = application.install
    manifests = install.manifests if install else ()
    kind = application.kind
    python = kind in ("django", "fastapi", "flask", "python")
    headers, libraries = _native(application)
    in_folder = f"/{application.folder}" if application.folder else ""
    develops = kind not in ("site", "static") and application.develop not in ((), application.serve)
    return {
        "title": application.title,
        "service": "app" if kind == "python" and not application.port else "web",
        "version": application.version,
        "nginx": NGINX,
        "postgres": POSTGRES,
        "manifests": " ".join(manifests),
        "install": " \\\n    && ".join(install.commands) if install else "",
        "build": application.build,
        "output": application.output,
        "fallback": "/index.html" if kind == "site" else "=404",
        "settings": " ".join(f"{name}={value}" for name, value in application.settings),
        "src": "yes" if python and any(name.startswith("src/") for name in folder.names) else "",
        "folder": application.folder,
        "below": in_folder,
        "port": str(application.port) if application.port else "",
        "dev_port": str(application.port + 1),
        "serve": _list(application.serve),
        "develop": _list(application.develop),
        "migrate": _list(application.migrate) if application.migrate else "",
        "both": json.dumps(f"sh -c '{' '.join(application.migrate)} && exec {' '.join(application.develop)}'"),
        "check": _check(application),
        "environment": "yes" if environment else "",
        "database": "yes" if application.database else "",
        "dev": "yes" if develops else "",
        "python": "yes" if python else "",
        "node": "yes" if kind in ("node", "site") else "",
        "site": "yes" if kind == "site" else "",
        "headers": " ".join(headers),
        "libraries": " ".join(libraries),
    }


def _list(words: tuple[str, ...]) -> str:
    return json.dumps(list(words))


def _native(application: Application) -> tuple[list[str], list[str]]:
    packages = application.install.packages if application.install else frozenset()
    known = [_NATIVE[name] for name in sorted(packages) if name in _NATIVE]
    if "psycopg" in packages and not packages & {"psycopg-binary", "psycopg-c"}:
        known.append(((), ("libpq5",)))
    headers = sorted({name for each in known for name in each[0]})
    return headers, sorted({name for each in known for name in each[1]})


def _check(application: Application) -> str:
    """The health check, with nothing but what the image has: an HTTP answer where a path for it is known, else a
    connection."""
    port = application.port
    if application.kind in ("site", "static"):
        return _list(("CMD-SHELL", "kill -0 $$(cat /tmp/nginx.pid)"))
    if application.kind == "node":
        address = f"http://127.0.0.1:{port}{application.health}"
        ask = f"fetch('{address}').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"
        if not application.health:
            ask = f"require('net').connect({port},'127.0.0.1',()=>process.exit(0)).on('error',()=>process.exit(1))"
        return _list(("CMD", "node", "-e", ask))
    # Not urllib: it would ask a proxy that the environment names.
    ask = f"import http.client as h; c = h.HTTPConnection('127.0.0.1', {port}, timeout=4); "
    ask += f"c.request('GET', '{application.health}'); exit(c.getresponse().status >= 400)"
    if not application.health:
        ask = f"import socket; socket.create_connection(('127.0.0.1', {port}), 4)"
    return _list(("CMD", "python", "-c", ask))
