"""Instructions that bring files into an image: COPY and ADD."""

import posixpath
from typing import Any

from dockless.dockerfile import model as language
from dockless.explain.story import shell
from dockless.explain.story.built import earlier_stage
from dockless.explain.story.told.at import At, Said
from dockless.explain.story.values import Caution

SECRET_FILES = (".env", ".git", ".ssh", "id_rsa", ".aws", ".npmrc", ".netrc", ".pypirc")


def copy(at: At, copy: language.Copy) -> Said:
    state = at.state
    target = state.path(copy.destination)
    sources = [state.expanded(source) for source in copy.sources]
    if copy.documents:
        yield f"Writes the text that follows to `{target}`."
    if sources and copy.from_:
        stage = earlier_stage(at.image.file, copy.from_, at.stage.index)
        where = f"the stage `{stage.title}`" if stage else f"the image or context `{copy.from_}`"
        yield (
            f"Copies {shell.listed(sources)} from {where} to `{target}`: of all that was made there, "
            "only this enters the image."
        )
    elif sources and set(sources) <= {".", "./", "/"}:
        yield (
            "Copies **everything** from the build context "
            f"(`{at.stack.shown(at.image.context.folder)}`, your project folder) into `{target}` in "
            "the image: the application's code, its configuration and whatever else is there."
        )
        yield from _everything(at)
    elif sources:
        into = (
            f"into the folder `{target}`"
            if copy.destination.endswith(("/", ".")) or len(sources) > 1
            else f"to `{target}`"
        )
        yield (
            f"Copies {shell.listed(sources)} from the **build context** "
            f"(`{at.stack.shown(at.image.context.folder)}`) {into} in the image."
        )
        yield from _dependency_file(at, copy, sources)
    yield from _copy_flags(copy)
    if copy.parents:
        yield "`--parents`: the folders above each file are made too."
    yield from _hidden(at, target)


def _copy_flags(each: Any) -> Said:
    if each.chown:
        yield f"`--chown={each.chown}`: the files belong to this user."
    if each.chmod:
        yield f"`--chmod={each.chmod}`: the files get these permissions."
    if each.link:
        yield "`--link`: the files are a layer of their own, which stays cached when layers below change."
    for pattern in each.exclude:
        yield f"`--exclude={pattern}`: files that match are left out."


def _everything(at: At) -> Said:
    secret = [
        name
        for name in at.image.context.kept
        if name in SECRET_FILES or (name.startswith(".env.") and not name.endswith(("example", "sample", "template")))
    ]
    if secret:
        yield Caution(
            f"Also {shell.listed(secret)}: whoever gets the image can read what is in there. A line "
            "in `.dockerignore` keeps it out."
        )
    elif not at.image.context.ignore_file:
        yield Caution(
            "Without a `.dockerignore` this takes a `.env`, `.git` and every other file of the "
            "folder along, whenever there is one."
        )


_DEPENDENCY_FILES = (
    "requirements",
    "package.json",
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock",
    "Pipfile",
    "poetry.lock",
    "pyproject.toml",
    "uv.lock",
    "go.mod",
    "go.sum",
    "Cargo.toml",
    "Cargo.lock",
    "Gemfile",
    "composer.json",
    "composer.lock",
    "pom.xml",
    "build.gradle",
)


def _dependency_file(at: At, copy: language.Copy, sources: list[str]) -> Said:
    names = [source for source in sources if posixpath.basename(source).startswith(_DEPENDENCY_FILES)]
    if not names:
        return
    later = [
        each
        for each in at.stage.instructions
        if isinstance(each, language.Copy) and not each.from_ and each.position.line > copy.position.line
    ]
    if later:
        yield (
            "It comes **before** the rest of the code so that the installation below can use it, and "
            f"stays cached while {shell.listed(names)} does not change, whatever else does."
        )


def _hidden(at: At, target: str) -> Said:
    """Mounts of services over what is copied here."""
    for name in at.image.services:
        service = at.stack.project.services.get(name)
        for volume in service.volumes if service else ():
            if volume.target.rstrip("/") == target.rstrip("/") and volume.type == "bind":
                yield Caution(
                    f"In {name}'s container the mount over `{target}` hides what is copied here "
                    f"(`{at.stack.shown(volume.source)}` of the host is seen instead)."
                )


def add(at: At, add: language.Add) -> Said:
    target = at.state.path(add.destination)
    for source in (at.state.expanded(source) for source in add.sources):
        if "://" in source and not source.endswith(".git"):
            yield f"Downloads `{source}` to `{target}`."
        elif source.endswith(".git") or source.startswith("git@"):
            yield f"Fetches the Git repository `{source}` to `{target}`."
        elif (
            source.endswith((".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst")) and add.unpack is not False
        ):
            yield f"Unpacks the archive `{source}` of the build context into `{target}`."
        else:
            yield f"Copies `{source}` from the build context to `{target}`; `COPY` does the same and no more."
    if add.documents:
        yield f"Writes the text that follows to `{target}`."
    if add.checksum:
        yield f"`--checksum`: the build fails unless the content is `{add.checksum}`."
    elif any("://" in source for source in add.sources):
        yield Caution("Nothing checks what is downloaded: `--checksum=sha256:…` would.")
    if add.keep_git_dir:
        yield "`--keep-git-dir`: the repository's history comes along."
    if add.unpack is True:
        yield "`--unpack`: archives are unpacked, downloaded ones too."
    yield from _copy_flags(add)
