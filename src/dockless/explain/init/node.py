"""Recognises applications of Node: a server, or a site that a bundler builds."""

import re
from typing import Any

import msgspec

from dockless.explain.init.application import Application, Install
from dockless.explain.init.folder import Folder

VERSION = "24"  # where the application names none
_BUNDLERS = {
    "vite": "dist",
    "react-scripts": "build",
    "@vue/cli-service": "dist",
    "astro": "dist",
    "parcel": "dist",
    "@11ty/eleventy": "_site",
    "gatsby": "public",
}
_SERVERS = ("server.js", "app.js", "index.js", "src/server.js", "src/index.js", "src/app.js", "server.mjs", "index.mjs")
_DATABASE = frozenset(
    ["pg", "postgres", "@prisma/client", "pg-promise", "slonik", "sequelize", "typeorm", "knex", "drizzle-orm"]
)
_HEALTH = re.compile(r"""\(\s*['"`]/((?:healthz?|livez?|readyz?|ping))['"`]""")


def server(folder: Folder) -> Application | None:
    """By `scripts.start` of package.json, its `main`, or a file with one of the usual names."""
    package = _package(folder)
    start = _start(folder, package)
    if package is None or not start or _starts_bundler(package):
        return None
    packages = _packages(package)
    port = _port(folder)
    return Application(
        "node",
        "Next.js" if "next" in packages else "Node.js",
        "package.json",
        port=port,
        serve=_words(start),
        develop=_develop(package, start),
        migrate=("npx", "prisma", "migrate", "deploy") if "prisma" in packages | frozenset(_all(package)) else (),
        health=_health(folder),
        version=_version(folder, package),
        install=_install(folder, package, production="build" not in _scripts(package)),
        build="npm run build" if "build" in _scripts(package) else "",
        database=bool(packages & _DATABASE),
    )


def site(folder: Folder) -> Application | None:
    """By a bundler among the dependencies and a script `build`."""
    package = _package(folder)
    if package is None or "build" not in _scripts(package) or not (bundler := _bundler(package)):
        return None
    if "start" in _scripts(package) and not _starts_bundler(package):
        return None
    return Application(
        "site",
        f"A site built by {bundler}",
        "package.json",
        port=8080,
        health="/",
        version=_version(folder, package),
        install=_install(folder, package, production=False),
        build="npm run build",
        output=_BUNDLERS[bundler],
    )


def _package(folder: Folder) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(folder.text("package.json"), type=dict[str, Any])
    except msgspec.DecodeError:
        return None  # npm will say what is wrong with it
    return found


def _scripts(package: dict[str, Any]) -> dict[str, str]:
    scripts = package.get("scripts")
    return {str(key): str(value) for key, value in scripts.items()} if isinstance(scripts, dict) else {}


def _packages(package: dict[str, Any]) -> frozenset[str]:
    found = package.get("dependencies")
    return frozenset(found) if isinstance(found, dict) else frozenset()


def _all(package: dict[str, Any]) -> list[str]:
    found = package.get("devDependencies")
    return [*_packages(package), *(found if isinstance(found, dict) else ())]


def _bundler(package: dict[str, Any]) -> str:
    names = set(_all(package))
    return next((name for name in _BUNDLERS if name in names), "")


def _starts_bundler(package: dict[str, Any]) -> bool:
    """Whether what is started is a bundler's server for development."""
    start = _scripts(package).get("start", _scripts(package).get("dev", ""))
    known = r"(vite|react-scripts|astro|parcel|gatsby|vue-cli-service|eleventy)\b"
    return bool(_bundler(package) and re.match(known, start))


def _start(folder: Folder, package: dict[str, Any] | None) -> str:
    if package is None:
        return ""
    if start := _scripts(package).get("start"):
        return start
    main = str(package.get("main") or "").removeprefix("./")
    file = next((name for name in (main, *_SERVERS) if name and name in folder.names), "")
    return f"node {file}" if file and "listen(" in folder.text(file) else ""


def _words(start: str) -> tuple[str, ...]:
    """`node server.js` runs as it is, so that signals reach it; anything else through npm."""
    words = tuple(start.split())
    plain = words[0] == "node" and not re.search(r"[&|;$<>\"'`=]", start)
    return words if plain else ("npm", "start")


def _develop(package: dict[str, Any], start: str) -> tuple[str, ...]:
    if "dev" in _scripts(package):
        return ("npm", "run", "dev")
    words = _words(start)
    return ("node", "--watch", *words[1:]) if words[0] == "node" else words


def _install(folder: Folder, package: dict[str, Any], *, production: bool) -> Install:
    """`npm ci` needs a lock file; pnpm and yarn come with Node's corepack."""
    omit = " --omit=dev" if production else ""
    for lock, command in (
        ("package-lock.json", f"npm ci{omit}"),
        ("pnpm-lock.yaml", "corepack enable && pnpm install --frozen-lockfile" + (" --prod" if production else "")),
        ("yarn.lock", "corepack enable && yarn install --frozen-lockfile" + (" --production" if production else "")),
    ):
        if lock in folder.names:
            return Install(("package.json", lock), (command,), _packages(package))
    if not _all(package):
        return Install((), (), frozenset())
    return Install(("package.json",), (f"npm install --no-audit --no-fund{omit}",), _packages(package))


def _port(folder: Folder) -> int:
    for name in folder.ending(".js", ".mjs", ".cjs", ".ts"):
        text = folder.text(name)
        match = re.search(r"PORT\s*(?:\|\||\?\?)\s*['\"]?(\d{4,5})|listen\(\s*(\d{4,5})", text)
        if match:
            return int(match[1] or match[2])
    return 3000


def _health(folder: Folder) -> str:
    for name in folder.ending(".js", ".mjs", ".cjs", ".ts"):
        if "test" not in name and (match := _HEALTH.search(folder.text(name))):
            return "/" + match[1]
    return ""


def _version(folder: Folder, package: dict[str, Any]) -> str:
    engines = package.get("engines")
    asked = str(engines.get("node", "")) if isinstance(engines, dict) else ""
    named = folder.text(".nvmrc") or folder.text(".node-version")
    match = re.search(r"(\d+)", named) or re.fullmatch(r"[\^~=v]*(\d+)(?:\.[\dx*.]+)?", asked.strip())
    return match[1] if match else VERSION
