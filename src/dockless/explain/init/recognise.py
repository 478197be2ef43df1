"""Which applications a folder may hold, the likeliest first: a row of recognisers, each of which knows one kind."""

import re
from collections.abc import Callable

from dockless.explain.init import node, python
from dockless.explain.init.application import Application
from dockless.explain.init.folder import Folder

_RECOGNISERS: tuple[Callable[[Folder], Application | None], ...] = (
    python.django,
    python.fastapi,
    python.flask,
    node.server,
    node.site,
    python.program,
)


def recognise(folder: Folder) -> tuple[Application, ...]:
    """All that the folder may be, the likeliest first; empty where nothing is known.

    A Python program is named only where no framework of Python's was found, files to serve only where nothing else was.
    """
    found: list[Application] = []
    for recogniser in _RECOGNISERS:
        if recogniser is python.program and any(each.kind in ("django", "fastapi", "flask") for each in found):
            continue
        if (application := recogniser(folder)) is not None:
            found.append(application)
    if not found and (files := _static(folder)) is not None:
        found.append(files)
    return tuple(found)


def _static(folder: Folder) -> Application | None:
    pages = [name for name in folder.names if re.fullmatch(r"(?:(?:public|site|html|www|docs)/)?index\.html?", name)]
    if not pages:
        return None
    page = min(pages, key=lambda name: (name.count("/"), name))
    return Application("static", "Static files", page, port=8080, output=page.rpartition("/")[0] or ".", health="/")
