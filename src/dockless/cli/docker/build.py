"""`docker build`: the options, the context, the request; what comes back is drawn and written by the modules beside."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from dockless.cli.docker import build_options
from dockless.cli.docker.units import bytes_of
from dockless.cli.environment import labels
from dockless.cli.failure import Exit, Failure
from dockless.cli.output import echo, note
from dockless.cli.session import Session, pass_session

if TYPE_CHECKING:
    from dockless.cli.docker.build_outputs import Result
    from dockless.cli.docker.build_progress import BuildView
    from dockless.client.building import Lent
    from dockless.wire.queries import BuildQuery


@click.command("build", short_help="Build an image from a Dockerfile")
@click.option("--add-host", multiple=True, help="Add a custom host-to-IP mapping (host:ip)")
@click.option("--allow", multiple=True, help="Grant the steps network.host or security.insecure")
@click.option("--build-arg", multiple=True, metavar="KEY=VALUE", help="Set build-time variables")
@click.option("--build-context", multiple=True, metavar="NAME=FOLDER", help="Additional contexts, or images to take")
@click.option("--cache-from", multiple=True, help="Where known steps come from: an image, or type=local,src=FOLDER")
@click.option(
    "--cache-to", multiple=True, help="Where known steps go: type=registry,ref=NAME, type=local,dest=FOLDER, inline"
)
@click.option("--call", default="build", help="What is done: build, check, outline, targets (…,format=json)")
@click.option("--check", is_flag=True, help="Only the build checks: shorthand for --call=check")
@click.option("--cgroup-parent", default="", help="Set the parent cgroup for the RUN instructions during build")
@click.option("--compress", is_flag=True, help="Compress the build context using gzip, where it is sent")
@click.option("--cpu-period", type=int, default=0, help="Limit the CPU CFS period of each RUN (microseconds)")
@click.option("--cpu-quota", type=int, default=0, help="Limit the CPU CFS quota of each RUN (microseconds)")
@click.option("-c", "--cpu-shares", type=int, default=0, help="CPU shares of each RUN (relative weight)")
@click.option("--cpuset-cpus", default="", help="CPUs in which each RUN is allowed (0-3, 0,1)")
@click.option("--cpuset-mems", default="", help="MEMs in which each RUN is allowed (0-3, 0,1)")
@click.option("--disable-content-trust/--no-disable-content-trust", default=True, hidden=True)
@click.option("-f", "--file", "dockerfile", default="", help="Name of the Dockerfile (default: PATH/Dockerfile)")
@click.option("--force-rm", is_flag=True, help="Always remove intermediate containers")
@click.option("--iidfile", default="", help="Write the image ID to the file")
@click.option("--isolation", default="", help="Container isolation technology (only default)")
@click.option("--label", multiple=True, help="Set metadata for an image")
@click.option("--load", is_flag=True, help="Keep the image in the engine (always done)")
@click.option("-m", "--memory", default="", help="Memory limit of each RUN")
@click.option("--memory-swap", default="", help="Memory and swap of each RUN together: '-1' is unlimited swap")
@click.option("--metadata-file", default="", help="Write what was built to the file, as JSON")
@click.option("--network", default="", help="Set the networking mode for the RUN instructions during build")
@click.option("--no-cache", is_flag=True, help="Do not use cache when building the image")
@click.option("--no-cache-filter", multiple=True, help="Do not use cached results of these stages")
@click.option("-o", "--output", multiple=True, help="Where the result goes (type=image|docker|oci|tar|local,dest=PATH)")
@click.option(
    "--platform",
    multiple=True,
    envvar="DOCKER_DEFAULT_PLATFORM",
    help="Set platform; several (os/arch,os/arch) give an index",
)
@click.option(
    "--progress",
    type=click.Choice(["auto", "plain", "tty", "rawjson", "quiet"]),
    default="auto",
    help="How the build is shown",
)
@click.option("--provenance", default="false", help="Whether a provenance attestation is made (only false)")
@click.option("--pull", is_flag=True, help="Always attempt to pull a newer version of the image")
@click.option("--push", is_flag=True, help="Push the image when it is built")
@click.option("-q", "--quiet", is_flag=True, help="Suppress the build output and print image ID on success")
@click.option("--rm", "remove", type=bool, default=True, help="Remove intermediate containers after a successful build")
@click.option("--sbom", default="false", help="Whether an SBOM attestation is made (only false)")
@click.option("--secret", multiple=True, metavar="id=NAME,src=FILE", help="Secrets for RUN --mount=type=secret")
@click.option("--security-opt", multiple=True, help="Refused: see --allow security.insecure")
@click.option("--shm-size", default="", help="Size of /dev/shm")
@click.option("--ssh", multiple=True, metavar="default|NAME=SOCKET|NAME=KEY", help="Agents for RUN --mount=type=ssh")
@click.option("-t", "--tag", multiple=True, help="Name and optionally a tag in the name:tag format")
@click.option("--target", default="", help="Set the target build stage to build")
@click.option("--ulimit", multiple=True, metavar="NAME=SOFT[:HARD]", help="Ulimits of the steps")
@click.option(
    "--stand-ins/--no-stand-ins",
    "stand_ins",
    default=None,
    help="Whether stand-ins may be made for base images that cannot be pulled",
)
@click.argument("path")
@pass_session
def build(session: Session, /, path: str, **flags: Any) -> None:
    """Build an image from a Dockerfile.

    PATH is a folder, - for a Dockerfile (or a tar archive of a context) on standard input, or a URL that the engine
    fetches: of a git repository (#REF:FOLDER behind it), of a tar archive or of a Dockerfile.
    """
    from dockless.cli.docker.build_outputs import parse_outputs
    from dockless.cli.docker.build_progress import view_for
    from dockless.client.build_caches import Caches
    from dockless.compose.run.context import ContextError

    for name in ("provenance", "sbom"):
        if flags[name].lower() not in ("false", "0"):
            raise Failure(f"--{name}: attestations are not made here; leave it out, or say --{name}=false")
    call, form = build_options.call(flags["call"], check=flags["check"])
    if flags["isolation"] not in ("", "default"):
        raise Failure(f"--isolation={flags['isolation']}: on Linux there is only default")
    if flags["security_opt"]:
        raise Failure(
            "--security-opt: a step of a build stays in its sandbox, unless --allow security.insecure is given"
        )
    outputs = parse_outputs(flags["output"], push=flags["push"])
    outputs.check(platforms="," in ",".join(flags["platform"]))
    with ExitStack() as stack:
        agents = stack.enter_context(build_options.ssh_agents(flags["ssh"], session.environ))
        try:
            context, dockerfile, lent = _context(path, flags["dockerfile"])
            if flags["compress"]:
                context = _compressed(context)
        except ContextError as error:
            raise Failure(str(error)) from error
        lent = msgspec.structs.replace(
            lent,
            secrets=build_options.secrets(flags["secret"], session.environ),
            ssh=agents,
            contexts=build_options.named_contexts(flags["build_context"]),
        )
        if call != "build":
            query = msgspec.structs.replace(_query(session, flags, path, dockerfile), call=call)
            (_check if call == "check" else _offers)(session, context, query, lent, form)
            return
        caches = stack.enter_context(Caches(flags["cache_from"], flags["cache_to"]).ready(session.client, note))
        query = _query(session, flags, path, dockerfile)
        query = msgspec.structs.replace(
            query,
            build_args={**query.build_args, **caches.arguments},
            tags=tuple(dict.fromkeys((*flags["tag"], *outputs.names))) if outputs.keeps_names else (),
            cache_from=caches.sources,
            cache_to=caches.targets,
        )
        mode = "quiet" if flags["quiet"] else flags["progress"]
        with view_for(sys.stderr, mode, session.environ) as view:
            result = _run(session, context, query, lent, view)
        caches.deliver(session.client, note)
        outputs.deliver(session.client, result, query.tags)
        image = result.image
    if flags["iidfile"]:
        Path(flags["iidfile"]).write_text(image, encoding="ascii")
    if flags["metadata_file"]:
        _write_metadata(flags["metadata_file"], image, query.tags)
    if flags["quiet"]:
        echo(image)


def _check(session: Session, context: Iterable[bytes], query: "BuildQuery", lent: "Lent", form: str) -> None:
    """Writes what the build checks find. Raises `Failure` for a mistake, `Exit` where there is a finding."""
    from dockless.cli.docker.build_checks import report, report_json
    from dockless.cli.docker.build_progress import Examination

    view = Examination()
    failure: Failure | None = None
    try:
        _run(session, context, query, lent, view)
    except Failure as error:
        failure = error
    if form == "json":
        echo(report_json(view.findings, view.name, view.text, str(failure or "")))
    elif view.findings or failure is None:
        echo(report(view.findings, view.text))
    if failure is not None and form != "json":
        raise failure
    if failure is not None or view.findings:
        raise Exit(1)


def _offers(session: Session, context: Iterable[bytes], query: "BuildQuery", lent: "Lent", form: str) -> None:
    """Writes the outline, or the targets. Raises `Failure`."""
    from dockless.cli.docker.build_offers import show
    from dockless.cli.docker.build_progress import Examination

    view = Examination()
    _run(session, context, query, lent, view)
    if shown := show(query.call, view.offers, view.text, form):
        echo(shown)


def _query(session: Session, flags: dict[str, Any], path: str, dockerfile: str) -> "BuildQuery":
    from dockless.client.building import is_remote
    from dockless.wire.queries import BuildQuery

    arguments: dict[str, str | None] = {}
    if epoch := session.environ.get("SOURCE_DATE_EPOCH"):
        arguments["SOURCE_DATE_EPOCH"] = epoch
    for text in flags["build_arg"]:
        key, equals, value = text.partition("=")
        arguments[key] = value if equals else session.environ.get(key)
    return BuildQuery(
        dockerfile=dockerfile,
        remote=path if is_remote(path) else "",
        build_args=arguments,
        labels=labels(flags["label"]),
        target=flags["target"],
        platform=",".join(flags["platform"]),
        network_mode=flags["network"],
        extra_hosts=tuple(text.replace("=", ":", 1) for text in flags["add_host"]),
        allow=tuple(dict.fromkeys(flags["allow"])),
        no_cache=flags["no_cache"],
        no_cache_filter=tuple(name for text in flags["no_cache_filter"] for name in text.split(",") if name),
        pull=flags["pull"],
        remove=flags["remove"],
        force_remove=flags["force_rm"],
        memory=bytes_of(flags["memory"], "memory"),
        memory_swap=-1 if flags["memory_swap"] == "-1" else bytes_of(flags["memory_swap"], "memory-swap"),
        cpu_period=flags["cpu_period"],
        cpu_quota=flags["cpu_quota"],
        cpu_shares=flags["cpu_shares"],
        cpuset_cpus=flags["cpuset_cpus"],
        cpuset_mems=flags["cpuset_mems"],
        cgroup_parent=flags["cgroup_parent"],
        shm_size=bytes_of(flags["shm_size"], "shm-size"),
        ulimits=build_options.ulimits(flags["ulimit"]),
        stand_ins=session.may_use_stand_ins(flags["stand_ins"]),
    )


def _context(path: str, dockerfile: str) -> "tuple[Iterable[bytes], str, Lent]":
    """The archive to send, the Dockerfile's name in it, and the folder. Raises `Failure`, `ContextError`."""
    from dockless.client.building import Lent, is_remote
    from dockless.compose.run.context import open_context

    if path == "-":
        return *_standard_input(dockerfile), Lent()
    if is_remote(path):
        if dockerfile == "-":
            raise Failure(f"{path}: a Dockerfile on standard input needs a folder as its context")
        return (), dockerfile, Lent()
    if dockerfile == "-":
        found = open_context(Path(path).absolute(), inline=sys.stdin.read())
    else:
        # Docker takes -f relative to where the command is run, not to the context.
        absolute = os.path.abspath(dockerfile) if dockerfile else ""
        if absolute and not Path(absolute).exists() and (Path(path) / dockerfile).exists():
            absolute = str((Path(path) / dockerfile).absolute())
        found = open_context(Path(path).absolute(), absolute)
    ignore = found.beside.encode() if found.beside is not None else None
    return found.stream(), found.dockerfile, Lent(folder=found.root, dockerfile=found.outside, ignore=ignore)


def _standard_input(dockerfile: str) -> tuple[Iterable[bytes], str]:
    """A tar archive, compressed or not, goes out as it is; anything else is a Dockerfile without a context."""
    import io
    import tarfile

    source = sys.stdin.buffer
    head = source.peek(512) if isinstance(source, io.BufferedReader) else b""
    if head[257:262] == b"ustar" or head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        return iter(lambda: source.read(1 << 16), b""), dockerfile or "Dockerfile"
    text = source.read()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("Dockerfile")
        member.size, member.mode = len(text), 0o644
        archive.addfile(member, io.BytesIO(text))
    return [buffer.getvalue()], "Dockerfile"


def _compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """In gzip's form, as it is made."""
    import zlib

    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def _run(session: Session, context: Iterable[bytes], query: "BuildQuery", lent: "Lent", view: "BuildView") -> "Result":
    """What was built. Raises `Failure` with the failed step's message and exit status."""
    from dockless.cli.docker.build_outputs import Result
    from dockless.client.errors import RequestFailed
    from dockless.compose.run.context import ContextError

    image, platforms = "", {}
    try:
        for message in session.client.images.build(context, query, lent):
            if message.aux and isinstance(found := message.aux.get("ID"), str):
                image = found
            elif message.aux and isinstance(each := message.aux.get("platforms"), dict):
                platforms = each
            view.feed(message)
    except RequestFailed as error:
        raise Failure(error.message.rstrip(), error.code if 0 < error.code < 256 else 1) from error
    except ContextError as error:
        raise Failure(str(error)) from error
    return Result(image, platforms)


def _write_metadata(path: str, image: str, tags: Iterable[str]) -> None:
    """As BuildKit's client names it."""
    import json

    found = {"containerimage.config.digest": image, "containerimage.digest": image}
    if names := ",".join(tags):
        found["image.name"] = names
    Path(path).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
