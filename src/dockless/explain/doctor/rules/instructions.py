"""What a single instruction says: CMD, ENTRYPOINT, EXPOSE, WORKDIR, HEALTHCHECK and how they are written."""

import json
import re
from collections.abc import Iterator

from dockless.dockerfile.model import (
    Cmd,
    CommandLine,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    Shell,
    Workdir,
)
from dockless.dockerfile.words import split_blanks
from dockless.explain.doctor.findings import Edit, Hit
from dockless.explain.doctor.known import lacks, reference
from dockless.explain.doctor.recipe import Recipe
from dockless.explain.doctor.table import Table

rules = Table("dockerfile")
_SHELLISH = re.compile(
    r"[|&;<>()$`*?\[\]#~{}!\\\"']|\b(?:exec|cd|export|source|if|while|for)\b"
    r"|^(?:exit|set|ulimit|umask|wait|trap|eval|\.)\b"
)
_OPERATORS = frozenset({"&&", "||", "|", ";", ">", ">>", "<", "2>&1"})


def _processes(recipe: Recipe) -> Iterator[tuple[Instruction, CommandLine]]:
    """Each CMD and ENTRYPOINT of the image that counts."""
    for found in (recipe.last(Entrypoint), recipe.last(Cmd)):
        if found is not None:
            yield found, found.command


@rules.rule(
    "DF041",
    "info",
    "MAINTAINER is deprecated",
    mends="safe",
    costs="Tools that read an image's labels do not find it.",
    also=("DL4000", "MaintainerDeprecated"),
    wrong="""
FROM alpine:3.22
MAINTAINER Ada <ada@example.com>
USER nobody
""",
    right="""
FROM alpine:3.22
LABEL org.opencontainers.image.authors="Ada <ada@example.com>"
USER nobody
""",
)
def maintainer(recipe: Recipe) -> Iterator[Hit]:
    """The label that the OCI image specification has for it says the same."""
    for _, found in recipe.all(Maintainer):
        name = found.name.strip().strip("\"'").replace('"', "'")
        yield recipe.hit(
            found,
            "MAINTAINER is deprecated",
            "write `LABEL org.opencontainers.image.authors=…`",
            edits=(recipe.rewritten(found, f'LABEL org.opencontainers.image.authors="{name}"'),),
        )


@rules.rule(
    "DF042",
    "warning",
    "An instruction that a later one overrules",
    mends="safe",
    costs="A reader takes the first for what is run; only the last one is.",
    also=("DL4003", "DL4004", "DL3012", "MultipleInstructionsDisallowed"),
    wrong="""
FROM alpine:3.22
CMD ["sleep", "1"]
CMD ["sleep", "2"]
USER nobody
""",
    right="""
FROM alpine:3.22
CMD ["sleep", "2"]
USER nobody
""",
)
def overruled(recipe: Recipe) -> Iterator[Hit]:
    """Of several CMD, ENTRYPOINT or HEALTHCHECK in a stage the last one counts."""
    for stage in recipe.parsed.stages:
        for kind in (Cmd, Entrypoint, Healthcheck):
            found = [instruction for instruction in stage.instructions if isinstance(instruction, kind)]
            for earlier in found[:-1]:
                yield recipe.hit(
                    earlier,
                    f"the {earlier.keyword} in line {found[-1].position.line} overrules this one",
                    "remove it",
                    edits=(recipe.removed(earlier),),
                )


@rules.rule(
    "DF043",
    "info",
    "The process is started through a shell",
    mends="safe",
    costs="`stop` waits ten seconds and kills: the shell does not hand the signal on.",
    also=("DL3025", "JSONArgsRecommended"),
    wrong="""
FROM python:3.13
USER nobody
CMD python app.py
""",
    right="""
FROM python:3.13
USER nobody
CMD ["python", "app.py"]
""",
)
def shell_form(recipe: Recipe) -> Iterator[Hit]:
    """In shell form the container's process 1 is `/bin/sh -c`, which does not pass SIGTERM on. Write the words as a
    JSON array, or begin the line with `exec`."""
    plain = recipe.last(Shell) is None  # another shell may set something up first
    for instruction, command in _processes(recipe):
        line = command.words[0].strip() if command.words else ""
        if not command.shell or re.match(r"exec\b|\[", line) or not line:
            continue
        simple = plain and not _SHELLISH.search(line) and "\n" not in recipe.written(instruction).rstrip("\n")
        words = json.dumps(split_blanks(line), ensure_ascii=False)
        if re.search(r"&&|;|\|\|", line) and not re.search(r"(?:&&|;)\s*exec\s", line):
            change = "let the last command begin with `exec`"
        elif re.search(r"(?:&&|;)\s*exec\s", line):
            continue
        else:
            change = (
                f"write `{instruction.keyword} {words}`" if simple else "write it as a JSON array, or begin with `exec`"
            )
        edits = (recipe.rewritten(instruction, f"{instruction.keyword} {words}"),) if simple else ()
        yield recipe.hit(
            instruction, f"{instruction.keyword} in shell form: SIGTERM does not reach the program", change, edits=edits
        )


@rules.rule(
    "DF044",
    "error",
    "A JSON array that is none",
    mends="safe",
    costs="The brackets and quotes are handed to a shell: the container ends at once with “not found”.",
    wrong="""
FROM python:3.13
USER nobody
CMD ['python', 'app.py']
""",
    right="""
FROM python:3.13
USER nobody
CMD ["python", "app.py"]
""",
)
def broken_array(recipe: Recipe) -> Iterator[Hit]:
    """JSON knows double quotes only, and no comma before the closing bracket. What is not JSON is taken for a line
    of shell."""
    for stage in recipe.parsed.stages:
        for instruction in stage.instructions:
            command = getattr(instruction, "command", None)
            if not isinstance(command, CommandLine) or not command.shell or not command.words:
                continue
            line = command.words[0].strip()
            if (
                not line.startswith("[")
                or not line.endswith("]")
                or (line.startswith(("[[", "[ ")) and "'" not in line)
            ):
                continue
            body = re.sub(r",\s*\]$", "]", line.replace("'", '"'))
            try:
                words = json.loads(body)
            except json.JSONDecodeError:
                words = None
            good = isinstance(words, list) and all(isinstance(word, str) for word in words)
            head = recipe.written(instruction).split("[")[0]
            edits: tuple[Edit, ...] = (recipe.rewritten(instruction, head + json.dumps(words)),) if good else ()
            yield recipe.hit(
                instruction, "this is no JSON array, so a shell runs it as it stands", "use double quotes", edits=edits
            )


@rules.rule(
    "DF045",
    "warning",
    "A shell's words where no shell is",
    costs="`&&`, `$NAME` and `>` are handed to the program as they stand.",
    wrong="""
FROM python:3.13
USER nobody
CMD ["python", "app.py", "--port", "$PORT"]
""",
    right="""
FROM python:3.13
USER nobody
CMD ["sh", "-c", "exec python app.py --port $PORT"]
""",
)
def shell_words_in_array(recipe: Recipe) -> Iterator[Hit]:
    """A command in JSON form is executed without a shell: nothing is expanded, nothing is joined."""
    for instruction, command in _processes(recipe):
        if command.shell or any(re.search(r"(?:^|/)(?:ba|da|a|z)?sh$", word) for word in command.words[:2]):
            continue
        odd = [word for word in command.words if word in _OPERATORS or re.search(r"\$\{?[A-Za-z_]", word)]
        if odd and not any("eval" in word or word == "-c" for word in command.words):
            yield recipe.hit(
                instruction,
                f"{odd[0]} is handed to the program as it stands: there is no shell",
                'write `["sh", "-c", "exec …"]`',
            )


@rules.rule(
    "DF046",
    "error",
    "EXPOSE of something that is no port",
    mends="safe",
    costs="The build fails, or the port that was meant is not known to anybody.",
    also=("ExposeInvalidFormat", "ExposeProtoCasing", "DL3011"),
    wrong="""
FROM nginx:1.30
EXPOSE 8080:80
""",
    right="""
FROM nginx:1.30
EXPOSE 80
""",
)
def exposed(recipe: Recipe) -> Iterator[Hit]:
    """EXPOSE names the container's port, a number up to 65535, with /tcp or /udp if need be. Which port of the host
    it gets is said when it is run."""
    for _, instruction in recipe.all(Expose):
        for port in instruction.ports:
            if "$" in port:
                continue
            found = re.fullmatch(r"(\d+)(?:-(\d+))?(?:/(tcp|udp|sctp))?", port)
            if found is None:
                right = re.fullmatch(r"(?:[\d.]+:)?(?:\d+:)?(\d+(?:/\w+)?)", port)
                written = recipe.written(instruction)
                start = recipe.span(instruction)[0] + written.index(port)
                wanted = right[1].lower() if right else ""
                edits = (recipe.edit(start, start + len(port), wanted),) if right else ()
                change = f"write `EXPOSE {wanted}`" if wanted else "write a port of the container"
                yield recipe.hit(instruction, f"{port} is no port of a container", change, edits=edits)
            elif int(found[2] or found[1]) > 65535:
                yield recipe.hit(instruction, f"{port}: ports end at 65535", "write the right port")


@rules.rule(
    "DF047",
    "warning",
    "A relative WORKDIR on an unknown folder",
    costs="It depends on the base image where files land; a newer one may put them elsewhere.",
    also=("DL3000", "WorkdirRelativePath"),
    wrong="""
FROM alpine:3.22
WORKDIR app
USER nobody
""",
    right="""
FROM alpine:3.22
WORKDIR /app
USER nobody
""",
)
def relative_workdir(recipe: Recipe) -> Iterator[Hit]:
    """A relative path counts from the WORKDIR before it; the first one should begin with a slash."""
    for stage in recipe.parsed.stages:
        absolute = any(isinstance(i, Workdir) for other in recipe.chain_of(stage)[:-1] for i in other.instructions)
        for instruction in stage.instructions:
            if isinstance(instruction, Workdir):
                path = instruction.path.strip("\"'")
                if not absolute and not path.startswith(("/", "$", "\\")) and not re.match(r"[A-Za-z]:", path):
                    yield recipe.hit(
                        instruction,
                        f"{path} counts from whatever folder the base image sets",
                        f"write `WORKDIR /{path}`",
                    )
                absolute = True


@rules.rule(
    "DF048",
    "info",
    "Instructions are written in different case",
    mends="safe",
    costs="Some of them are overlooked.",
    also=("ConsistentInstructionCasing",),
    wrong="""
FROM alpine:3.22
run true
USER nobody
""",
    right="""
FROM alpine:3.22
RUN true
USER nobody
""",
)
def casing(recipe: Recipe) -> Iterator[Hit]:
    """Upper case is the custom; all in lower case is fine, too."""
    found = []
    for stage in recipe.parsed.stages:
        for instruction in (stage.from_, *stage.instructions):
            start = recipe.span(instruction)[0]
            found.append((instruction, start, recipe.text.content[start : start + len(instruction.keyword)]))
    upper = sum(word.isupper() for _, _, word in found) * 2 >= len(found)
    for instruction, start, word in found:
        wanted = word.upper() if upper else word.lower()
        if word != wanted:
            yield recipe.hit(
                instruction,
                f"`{word}` among instructions in {'upper' if upper else 'lower'} case",
                f"write `{wanted}`",
                edits=(recipe.edit(start, start + len(word), wanted),),
            )


@rules.rule(
    "DF049",
    "info",
    "The old form of ENV or LABEL",
    mends="safe",
    costs="A second pair on the line becomes a part of the first one's value.",
    also=("LegacyKeyValueFormat",),
    wrong="""
FROM alpine:3.22
ENV MODE fast
USER nobody
""",
    right="""
FROM alpine:3.22
ENV MODE=fast
USER nobody
""",
)
def old_pairs(recipe: Recipe) -> Iterator[Hit]:
    """`ENV name value` takes the whole rest of the line as the value. `ENV name=value` is clear."""
    for stage in recipe.parsed.stages:
        for instruction in stage.instructions:
            if not isinstance(instruction, (Env, Label)):
                continue
            pairs = instruction.pairs
            rest = instruction.original.strip()[len(instruction.keyword) :].lstrip()
            first = split_blanks(rest)[0]
            if len(pairs) == 1 and "=" not in first:
                name, value = pairs[0]
                plain = value if re.fullmatch(r"[^\s\"'\\]+", value) else json.dumps(value, ensure_ascii=False)
                if "\n" in recipe.written(instruction).rstrip("\n") or re.search(r"[\"'\\]", value):
                    edits: tuple[Edit, ...] = ()
                else:
                    keyword = recipe.written(instruction)[: len(instruction.keyword)]
                    edits = (recipe.rewritten(instruction, f"{keyword} {name}={plain}"),)
                yield recipe.hit(
                    instruction,
                    f"`{instruction.keyword} {name} …` is the old form",
                    f"write `{instruction.keyword} {name}=…`",
                    edits=edits,
                )


@rules.rule(
    "DF050",
    "info",
    "An empty line in a continued instruction",
    mends="safe",
    costs="Docker says that this will be an error.",
    also=("NoEmptyContinuation",),
    wrong="""
FROM alpine:3.22
RUN true && \\

    true
USER nobody
""",
    right="""
FROM alpine:3.22
RUN true && \\
    true
USER nobody
""",
)
def empty_continuation(recipe: Recipe) -> Iterator[Hit]:
    """A line that ends in a backslash goes on in the next one; an empty line there is skipped today."""
    for position in recipe.parsed.empty_continuations:
        first, last = position.line, position.last
        empty = [number for number in range(first + 1, last + 1) if not recipe.text.line(number).strip()]
        edits = tuple(recipe.edit(recipe.text.offset(n), recipe.text.offset(n + 1), "") for n in empty)
        yield Hit(
            text=recipe.text,
            line=empty[0] if empty else first,
            message="an empty line after a backslash",
            change="remove it",
            edits=edits,
        )


@rules.rule(
    "DF051",
    "error",
    "The image's health check calls what the image does not have",
    costs="The container is unhealthy for ever: what waits for it never starts, and some restart it in a loop.",
    wrong="""
FROM python:3.13-slim
USER nobody
HEALTHCHECK CMD curl -f http://localhost:8000/ || exit 1
""",
    right="""
FROM python:3.13-slim
USER nobody
HEALTHCHECK CMD python -c "import urllib.request as r; r.urlopen('http://localhost:8000/')\"
""",
)
def healthcheck_missing(recipe: Recipe) -> Iterator[Hit]:
    """A health check runs inside the container, with the image's programs. slim and Alpine images have no curl,
    distroless ones not even a shell. Use the language that is there anyway, or install the program."""
    check = recipe.last(Healthcheck)
    if check is None or check.command is None:
        return
    for program in missing_programs(recipe, recipe.base(recipe.final), check.command.words, check.command.shell):
        yield recipe.hit(
            check, f"{program} is not in {recipe.base(recipe.final)}", f"install {program}, or use what the image has"
        )


def missing_programs(recipe: "Recipe | None", base: str, words: tuple[str, ...], shell: bool) -> list[str]:
    """Of the programs that a health check calls those that its image is known not to have."""
    missing = lacks(base)
    if shell or words[:2] in (("sh", "-c"), ("/bin/sh", "-c"), ("bash", "-c")):
        line = " ".join(words)
        called = {word.rsplit("/", 1)[-1] for word in re.findall(r"(?:^|[|&;(]|\bif|!|-c)\s*[\"']?([\w./-]+)", line)}
        called |= {"sh"} if shell else set()
    else:
        called = {words[0].rsplit("/", 1)[-1]} if words else set()
    if recipe is not None:
        # Whatever the Dockerfile speaks of outside the check itself may bring the program along.
        others = " ".join(
            i.text
            for stage in recipe.parsed.stages
            for i in stage.instructions
            if not isinstance(i, (Healthcheck, Cmd))
        )
        called = {name for name in called if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", others)}
        if "sh" in called and reference(base).repository == "scratch" and len(recipe.copies) == 0 and not missing:
            called.discard("sh")
    return sorted(called & missing)
