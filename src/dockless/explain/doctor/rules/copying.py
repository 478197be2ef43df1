"""COPY and ADD, and what of the context they bring into the image."""

import posixpath
import re
from collections.abc import Iterator

from dockless.dockerfile.ignore import Ignore, IgnoreError, has_wildcard
from dockless.dockerfile.model import Add, Copy, Run
from dockless.explain.doctor.findings import Edit, Hit
from dockless.explain.doctor.recipe import Recipe
from dockless.explain.doctor.rules.installs import is_pip
from dockless.explain.doctor.shell import Command
from dockless.explain.doctor.table import Table

rules = Table("dockerfile")
_ARCHIVE = re.compile(r"\.(?:tar|tgz|tbz2?|txz|tzst|tar\.\w+)$", re.IGNORECASE)
_REMOTE = re.compile(r"^(?:https?|git|ssh)://|^git@")
SECRET_FILE = re.compile(
    r"(?:^|/)(?:\.env(?:\.(?!example|sample|template|dist|defaults?)[\w.-]+)?|id_(?:rsa|dsa|ecdsa|ed25519)|\.netrc|\.pgpass"
    r"|\.pypirc|\.htpasswd|\.git-credentials|credentials\.json|service[-_]account\.json|[\w.-]*\.(?:pem|key|p12|pfx|jks|keystore))$"
)
_PUBLIC = re.compile(r"(?:cert|chain|ca|public|pub|bundle)[\w.-]*\.pem$", re.IGNORECASE)
_SAMPLE = re.compile(r"(?:^|/)(?:tests?|__tests__|fixtures?|testdata|examples?|samples?|docs?)/")
STARTER = (".git", ".env", ".env.*", "!.env.example", "**/__pycache__", "**/*.pyc", "**/node_modules", ".venv")
"""What a new .dockerignore begins with; the paths that a build reads anyway stay."""


def ignore_of(recipe: Recipe) -> Ignore | None:
    """The context's patterns; None where they cannot be read (the build says so)."""
    try:
        return recipe.folder.ignore
    except IgnoreError:
        return None


def ignored_too(recipe: Recipe, patterns: list[str]) -> Edit:
    """More patterns in the ignore file, which is made if there is none."""
    old = recipe.folder.ignore_text
    path = recipe.folder.ignore_path
    if old is None:
        starter = [line for line in STARTER if _harmless(recipe, line)]
        lines = [*starter, *(pattern for pattern in patterns if pattern not in starter)]
        return Edit(path, 0, 0, "".join(f"{line}\n" for line in lines))
    ending = "" if not old or old.endswith("\n") else "\n"
    return Edit(path, len(old), len(old), ending + "".join(f"{pattern}\n" for pattern in patterns))


def _harmless(recipe: Recipe, pattern: str) -> bool:
    """Whether no instruction names what the pattern would leave out, and no tool of the build reads it."""
    name = pattern.removeprefix("**/").removeprefix("!")
    if name.startswith(".env"):
        return "package.json" not in recipe.folder.files
    if name == ".git":
        tools = ("setup.py", "pyproject.toml", "package.json", "go.mod")
        return not re.search(r"\bgit\b|setuptools.scm", recipe.text.content) and not (
            any(tool in recipe.folder.files for tool in tools[:2]) and "pip install ." in recipe.text.content
        )
    return not any(source == name or source.startswith(name + "/") for _, source, _ in recipe.copies)


def whole_copies(recipe: Recipe) -> list["Copy | Add"]:
    """The instructions that copy the whole context into the image."""
    return [copy for copy, source, _ in recipe.copies if source in (".", "*") and isinstance(copy, (Copy, Add))]


@rules.rule(
    "DF060",
    "error",
    "A secret is copied into the image",
    mends="safe",
    costs="Whoever can pull the image has the password or the key, also after a later layer deletes the file.",
    wrong={
        "Dockerfile": """
FROM python:3.13
WORKDIR /app
COPY . .
USER nobody
""",
        ".env": "PASSWORD=x\n",
    },
    right={
        "Dockerfile": """
FROM python:3.13
WORKDIR /app
COPY . .
USER nobody
""",
        ".env": "PASSWORD=x\n",
        ".dockerignore": ".env\n",
    },
)
def secret_copied(recipe: Recipe) -> Iterator[Hit]:
    """`COPY . .` takes everything that .dockerignore does not leave out: `.env`, private keys, credentials. At run
    time they come as environment (`env_file`), as a mount or as a secret; in a build as `RUN --mount=type=secret`.
    An env file that the project's services use counts as there, even before it is written."""
    ignore = ignore_of(recipe)
    if ignore is None:
        return
    there = set(recipe.folder.files) | recipe.env_files
    secret = {name for name in there if is_secret(name) or name in recipe.env_files}
    seen: set[str] = set()
    for copy, source, _ in recipe.copies:
        if not isinstance(copy, (Copy, Add)) or _REMOTE.search(source):
            continue
        inside = (
            {name for name in secret if not ignore.ignored(name)}
            if source in (".", "*")
            else {
                name
                for name in secret | {source}
                if (name == source or name.startswith(source + "/")) and is_secret(name)
            }
        )
        inside = {name for name in inside if not ignore.ignored(name)} - seen
        seen |= inside
        if not inside:
            continue
        by_name = source in inside
        # What a front end is built with is often in such a file, and meant for everybody.
        settings = all(posixpath.basename(name).startswith(".env.") for name in inside)
        yield recipe.hit(
            copy,
            f"{', '.join(sorted(inside))} {'is' if len(inside) == 1 else 'are'} copied into the image",
            "hand it over at run time (`env_file`, `secrets`)" if by_name else "name it in .dockerignore",
            edits=() if by_name else (ignored_too(recipe, sorted(inside)),),
            safe="package.json" not in recipe.folder.files,
            severity="warning" if settings else None,
        )


def is_secret(name: str) -> bool:
    return SECRET_FILE.search(name) is not None and not _PUBLIC.search(name) and not _SAMPLE.search(name)


@rules.rule(
    "DF061",
    "info",
    "The whole folder is copied, and there is no .dockerignore",
    mends="safe",
    costs="The history in .git, caches and local settings enter the image; each change there makes the cache useless.",
    wrong={
        "Dockerfile": """
FROM python:3.13
WORKDIR /app
COPY . .
USER nobody
""",
        "app.py": "",
    },
    right={
        "Dockerfile": """
FROM python:3.13
WORKDIR /app
COPY . .
USER nobody
""",
        "app.py": "",
        ".dockerignore": ".git\n",
    },
)
def no_ignore_file(recipe: Recipe) -> Iterator[Hit]:
    """A .dockerignore beside the Dockerfile says what of the folder is not the program's."""
    if recipe.folder.ignore_text is None and recipe.folder.ignore_path:
        for copy in whole_copies(recipe)[:1]:
            yield recipe.hit(
                copy,
                "everything in the folder enters the image: there is no .dockerignore",
                "write a .dockerignore",
                edits=(ignored_too(recipe, []),),
            )


@rules.rule(
    "DF062",
    "info",
    "Sources are copied before dependencies are installed",
    costs="Every change of a source file installs all dependencies again.",
    wrong="""
FROM python:3.13
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir -r requirements.txt
USER nobody
""",
    right={
        "Dockerfile": """
FROM python:3.13
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
USER nobody
""",
        ".dockerignore": ".git\n",
        "requirements.txt": "",
    },
)
def copied_too_early(recipe: Recipe) -> Iterator[Hit]:
    """A step is taken from the cache if nothing that it reads has changed. Copy the list of dependencies first,
    install, and copy the rest after."""
    for stage in recipe.parsed.stages:
        copied = None
        for instruction in stage.instructions:
            if isinstance(instruction, (Copy, Add)) and _is_whole(instruction):
                copied = copied or instruction
            elif isinstance(instruction, Run) and copied is not None:
                commands = next(found for _, run, found in recipe.runs if run is instruction)
                installs = next((c for c in commands if _installs_dependencies(c)), None)
                if installs is not None:
                    yield recipe.hit(
                        copied,
                        f"a change of any file runs `{installs.name}` in line {instruction.position.line} again",
                        "copy the list of dependencies first, install, then copy the rest",
                    )
                    break


def _is_whole(copy: Copy | Add) -> bool:
    """Whether the instruction copies the whole context."""
    return not (isinstance(copy, Copy) and copy.from_) and any(source in (".", "./", "/") for source in copy.sources)


def _installs_dependencies(command: Command) -> bool:
    words = [word.text for word in command.arguments]
    if is_pip(command):
        return any(word in ("-r", "--requirement") or word.startswith(("-r", "--requirement=")) for word in words)
    if command.name in ("npm", "pnpm"):
        return words[:1] in (["install"], ["ci"], ["i"]) and not command.has("g", "--global")
    return (
        (command.name == "yarn" and (not command.operands or words[:1] == ["install"]))
        or (command.name in ("poetry", "composer", "bundle") and words[:1] == ["install"])
        or (command.name == "go" and words[:2] == ["mod", "download"])
    )


@rules.rule(
    "DF063",
    "info",
    "ADD where COPY does",
    mends="safe",
    costs="A file that happens to be an archive is unpacked; a reader must know ADD's rules to know what happens.",
    also=("DL3020",),
    wrong="""
FROM alpine:3.22
ADD app.conf /etc/app.conf
USER nobody
""",
    right={
        "Dockerfile": """
FROM alpine:3.22
COPY app.conf /etc/app.conf
USER nobody
""",
        "app.conf": "",
    },
)
def add_for_copy(recipe: Recipe) -> Iterator[Hit]:
    """ADD downloads and unpacks. For files of the context COPY says what is meant."""
    for _, add in recipe.all(Add):
        plain = [source for source in add.sources if not _REMOTE.search(source) and _is_plain(recipe, source)]
        if plain and len(plain) == len(add.sources) and not any("$" in s or has_wildcard(s) for s in plain):
            if add.unpack is not None or add.checksum or add.keep_git_dir:
                continue
            start = recipe.span(add)[0]
            word = "COPY" if recipe.text.content[start : start + 3].isupper() else "copy"
            yield recipe.hit(
                add, "ADD of files of the context", "write COPY", edits=(recipe.edit(start, start + 3, word),)
            )


def _is_plain(recipe: Recipe, source: str) -> bool:
    """Whether ADD does no more than copy it: a folder, or a file with an ending that is no archive's."""
    clean = posixpath.normpath(source.lstrip("/") or ".")
    is_folder = clean == "." or any(name.startswith(clean + "/") for name in recipe.folder.files)
    return is_folder or ("." in posixpath.basename(clean) and not _ARCHIVE.search(clean))


@rules.rule(
    "DF064",
    "warning",
    "A download that is not checked",
    costs="Whatever the server sends on the day of the build becomes a part of the image.",
    wrong="""
FROM alpine:3.22
ADD https://example.com/tool /usr/local/bin/tool
USER nobody
""",
    right="""
FROM alpine:3.22
ADD --checksum=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 \\
    https://example.com/tool /usr/local/bin/tool
USER nobody
""",
)
def unchecked_download(recipe: Recipe) -> Iterator[Hit]:
    """`ADD --checksum=sha256:…` fails the build if the file is another one."""
    for _, add in recipe.all(Add):
        if (
            any(
                re.match(r"https?://", source) and not source.endswith(".git") and ".git#" not in source
                for source in add.sources
            )
            and not add.checksum
        ):
            yield recipe.hit(add, "nothing says which file this must be", "add `--checksum=sha256:…`")


@rules.rule(
    "DF065",
    "error",
    "Several files into one",
    mends="safe",
    costs="The build fails.",
    also=("DL3021",),
    wrong="""
FROM alpine:3.22
COPY a.txt b.txt /data
USER nobody
""",
    right={
        "Dockerfile": """
FROM alpine:3.22
COPY a.txt b.txt /data/
USER nobody
""",
        "a.txt": "",
        "b.txt": "",
    },
)
def destination_slash(recipe: Recipe) -> Iterator[Hit]:
    """With more than one source the destination is a folder, and must end in a slash to say so."""
    for stage in recipe.parsed.stages:
        for copy in stage.instructions:
            if not isinstance(copy, (Copy, Add)) or len(copy.sources) + len(copy.documents) < 2:
                continue
            folder = copy.destination
            if folder.endswith(("/", "\\")) or folder in (".", "..") or "$" in folder:
                continue
            at = recipe.span(copy)[0] + recipe.written(copy).rindex(folder) + len(folder)
            yield recipe.hit(
                copy,
                f"{folder} must be a folder, and does not end in a slash",
                f"write `{folder}/`",
                edits=(recipe.edit(at, at, "/"),),
            )


@rules.rule(
    "DF066",
    "error",
    "COPY of a file that .dockerignore leaves out",
    costs="The build fails: the file is not found.",
    also=("CopyIgnoredFile",),
    wrong={
        "Dockerfile": """
FROM alpine:3.22
COPY app.conf /etc/
USER nobody
""",
        "app.conf": "",
        ".dockerignore": "*.conf\n",
    },
    right={
        "Dockerfile": """
FROM alpine:3.22
COPY app.conf /etc/
USER nobody
""",
        "app.conf": "",
        ".dockerignore": "*.log\n",
    },
)
def copies_ignored(recipe: Recipe) -> Iterator[Hit]:
    """What .dockerignore names is not a part of the context, whatever COPY says."""
    ignore = ignore_of(recipe)
    if ignore is None or not ignore:
        return
    for copy, source, _ in recipe.copies:
        if source == "." or has_wildcard(source) or "$" in source or _REMOTE.search(source):
            continue
        if ignore.ignored(source) and ignore.prunes(source):
            yield recipe.hit(
                copy, f".dockerignore leaves {source} out of the build", f"add `!{source}` to it, or do not copy it"
            )


@rules.rule(
    "DF067",
    "error",
    "COPY of something that is not there",
    costs="The build fails: the file is not found.",
    wrong={
        "Dockerfile": """
FROM alpine:3.22
COPY confg /etc/app
USER nobody
""",
        "config/a": "",
    },
    right={
        "Dockerfile": """
FROM alpine:3.22
COPY config /etc/app
USER nobody
""",
        "config/a": "",
    },
)
def copies_nothing(recipe: Recipe) -> Iterator[Hit]:
    """COPY looks in the build context, which is the folder that the compose file's `build` names (or that of the
    Dockerfile)."""
    if not recipe.folder.complete or not recipe.folder.there:
        return
    stages = recipe.parsed.stages
    for stage in stages:
        for copy in stage.instructions:
            if not isinstance(copy, (Copy, Add)) or (isinstance(copy, Copy) and copy.from_):
                continue
            for source in copy.sources:
                clean = source.lstrip("/")
                if not clean or "$" in clean or has_wildcard(clean) or _REMOTE.search(clean) or clean.startswith(".."):
                    continue
                if not recipe.folder.has(clean) and not _generated(recipe, clean):
                    yield recipe.hit(copy, f"{clean} is not in the build context", "correct the path")


def _generated(recipe: Recipe, path: str) -> bool:
    """Folders that a build outside makes are often not there yet."""
    return path.split("/")[0] in ("dist", "build", "target", "out", "bin", "publish", "public", ".next", "_build") or (
        path in recipe.env_files
    )
