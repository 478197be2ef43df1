"""Recognises applications of Python: Django, FastAPI, Flask, and programs without a framework."""

import re

from dockless.explain.init.application import Application
from dockless.explain.init.folder import Folder
from dockless.explain.init.requirements import python_install

VERSION = "3.13"  # where the application names none
_OLDEST = (3, 9)
_GUNICORN = {"gunicorn": "gunicorn==23.0.0"}
_UVICORN = {"uvicorn": "uvicorn==0.34.0"}
_DATABASE = frozenset(["psycopg", "psycopg2", "psycopg2-binary", "psycopg-binary", "asyncpg", "pg8000", "aiopg"])
_HEALTH = re.compile(r"""(?:path\(\s*r?['"]\^?|['"]/)((?:healthz?|livez?|readyz?|ping)/?)\$?['"]""")
_PROGRAMS = ("main.py", "app.py", "run.py", "server.py", "bot.py", "worker.py")


def django(folder: Folder) -> Application | None:
    """By its `manage.py`, at the top or one folder below."""
    manage = next((name for name in folder.ending("manage.py") if "django" in folder.text(name).lower()), None)
    if manage is None or manage.count("/") > 1:
        return None
    below = manage.rpartition("/")[0]
    found = re.search(r"DJANGO_SETTINGS_MODULE['\"],\s*['\"]([\w.]+)", folder.text(manage))
    settings = found[1] if found else ""
    package = settings.partition(".")[0]
    wsgi = f"{below}/{package}/wsgi.py" if below else f"{package}/wsgi.py"
    # Without a wsgi.py, as runserver does it.
    target = f"{package}.wsgi:application" if wsgi in folder.names else "django.core.wsgi:get_wsgi_application()"
    install = python_install(folder, _GUNICORN)
    texts = "".join(folder.text(name) for name in folder.ending("settings.py", "base.py", "production.py"))
    return Application(
        "django",
        "Django",
        manage,
        port=8000,
        serve=("gunicorn", "--bind", "0.0.0.0:8000", "--workers", "2", target),
        develop=("python", "manage.py", "runserver", "0.0.0.0:8000"),
        migrate=("python", "manage.py", "migrate", "--noinput"),
        health=_health(folder),
        version=_version(folder),
        install=install,
        settings=(("DJANGO_SETTINGS_MODULE", settings),) if settings else (),
        folder=below,
        database=bool(install.packages & _DATABASE) or "postgresql" in texts,
    )


def fastapi(folder: Folder) -> Application | None:
    found = _object(folder, "FastAPI") or _object(folder, "Starlette")
    if found is None:
        return None
    file, target, factory = found
    install = python_install(folder, _UVICORN)
    command = ("uvicorn", target, *(("--factory",) if factory else ()), "--host", "0.0.0.0", "--port", "8000")
    return Application(
        "fastapi",
        "FastAPI",
        file,
        port=8000,
        serve=command,
        develop=(*command, "--reload"),
        migrate=_alembic(folder),
        health=_health(folder),
        version=_version(folder),
        install=install,
        database=bool(install.packages & _DATABASE),
    )


def flask(folder: Folder) -> Application | None:
    found = _object(folder, "Flask")
    if found is None:
        return None
    file, target, factory = found
    install = python_install(folder, _GUNICORN)
    shown = target + "()" if factory else target
    migrate = ("flask", "--app", target, "db", "upgrade") if "migrations/env.py" in folder.names else _alembic(folder)
    return Application(
        "flask",
        "Flask",
        file,
        port=8000,
        serve=("gunicorn", "--bind", "0.0.0.0:8000", "--workers", "2", shown),
        develop=("flask", "--app", target, "run", "--debug", "--host", "0.0.0.0", "--port", "8000"),
        migrate=migrate,
        health=_health(folder),
        version=_version(folder),
        install=install,
        database=bool(install.packages & _DATABASE),
    )


def program(folder: Folder) -> Application | None:
    """By a file with one of the usual names at the top, or a package that can be run."""
    files = [name for name in _PROGRAMS if name in folder.names]
    packages = [name for name in folder.ending("__main__.py") if name.count("/") == 1]
    if not files and not packages:
        return None
    why = (files or packages)[0]
    command = ("python", why) if files else ("python", "-m", why.partition("/")[0])
    install = python_install(folder, {})
    return Application(
        "python",
        "Python",
        why,
        port=_port(folder.text(why)),
        serve=command,
        develop=command,
        migrate=_alembic(folder),
        health=_health(folder) if _port(folder.text(why)) else "",
        version=_version(folder),
        install=install,
        database=bool(install.packages & _DATABASE),
    )


def _object(folder: Folder, cls: str) -> tuple[str, str, bool] | None:
    """The file in which the application object is made, its `module:name`, and whether the name is a factory."""
    made = re.compile(rf"^(\w+)(?:\s*:\s*\w+)?\s*=\s*(?:\w+\.)?{cls}\(", re.MULTILINE)
    factory = re.compile(
        rf"^def\s+(\w+)\([^)]*\)[^:]*:(?:\n(?:[ \t].*)?)*?\n[ \t]+\w+.*=\s*(?:\w+\.)?{cls}\(", re.MULTILINE
    )
    files = [name for name in folder.ending(".py") if not re.search(r"(^|/)tests?[/_]|(^|/)conftest", name)]
    for pattern, is_factory in ((made, False), (factory, True)):
        for name in files:
            if f"{cls}(" in folder.text(name) and (match := pattern.search(folder.text(name))):
                return name, f"{_module(name)}:{match[1]}", is_factory
    return None


def _module(name: str) -> str:
    """`src/shop/__init__.py` → `shop`: the folder `src` is on the path."""
    return name.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _alembic(folder: Folder) -> tuple[str, ...]:
    return ("alembic", "upgrade", "head") if "alembic.ini" in folder.names else ()


def _health(folder: Folder) -> str:
    """A path that the code names as other programs' health checks do."""
    for name in folder.ending(".py"):
        if "test" not in name and (match := _HEALTH.search(folder.text(name))):
            return "/" + match[1]
    return ""


def _port(text: str) -> int:
    match = re.search(r"(?:port\s*=\s*|0\.0\.0\.0['\"]?,\s*|\(['\"]['\"],\s*|:)(\d{4,5})\b", text, re.IGNORECASE)
    return int(match[1]) if match and 1024 <= int(match[1]) <= 65535 else 0


def _version(folder: Folder) -> str:
    """`3.12` from whichever file names it; the newest that was tried where none does."""
    exact = re.search(r"(\d+\.\d+)", folder.text(".python-version") or folder.text("runtime.txt"))
    if exact:
        return exact[1]
    asked = re.search(r"(?:requires-python|^python)\s*=\s*['\"]([^'\"]+)", folder.text("pyproject.toml"), re.MULTILINE)
    if asked is None:
        return VERSION
    upper = re.search(r"<\s*(\d+)\.(\d+)", asked[1])
    fixed = re.search(r"(?:==|~=|~|\^3\.\d+\.)\s*(\d+\.\d+)", asked[1])
    if fixed and not asked[1].startswith("^"):
        return fixed[1]
    newest = tuple(map(int, VERSION.split(".")))
    if upper and (limit := (int(upper[1]), int(upper[2]) - 1)) < newest and limit >= _OLDEST:
        return f"{limit[0]}.{limit[1]}"
    return VERSION
