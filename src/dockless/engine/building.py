"""`POST /build` and the build cache, as the API asks for them: the context received or read in place, then the builder.

A context that comes as an archive is unpacked into a folder that is gone after the build, and so is one that is fetched
(`remote`); one that the client lends (lending.py) is read where it lies.
"""

import asyncio
import contextlib
import functools
import re
import tarfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from dockless.build.builder import Builder
from dockless.build.cacheimages import holds_steps
from dockless.build.download import DownloadError
from dockless.build.entitlements import check_known
from dockless.build.errors import BuildCancelled, BuildError
from dockless.build.events import BuildEvent, classic_messages, trace
from dockless.build.options import BuildOptions
from dockless.build.steps import Cancellation
from dockless.dockerfile.errors import DockerfileError
from dockless.engine import lending
from dockless.engine.background import Feed, in_own_thread
from dockless.engine.lending import Lent
from dockless.engine.obtaining import CannotObtain, Obtaining
from dockless.engine.resource_checks import check_resources
from dockless.engine.spec import resources
from dockless.images.compression import decompress
from dockless.images.scratch import Scratch
from dockless.images.store import ImageStore
from dockless.images.trees import remove_tree
from dockless.images.unpack import extract
from dockless.launcher.spec import Resources
from dockless.places import Places
from dockless.registry.errors import ImageError
from dockless.wire.config import Resources as WireResources
from dockless.wire.config import Ulimit as WireUlimit
from dockless.wire.errors import BadParameter
from dockless.wire.filters import Filters
from dockless.wire.images import BuildPruneResponse
from dockless.wire.progress import Progress
from dockless.wire.queries import BuildQuery
from dockless.wire.times import parse_time, rfc3339
from dockless.wire.usage import BuildCacheRecord


class Building:
    """`keep` gives the ids that garbage collection must spare; `environ` is the engine's."""

    def __init__(
        self,
        places: Places,
        store: ImageStore,
        builder: Builder,
        obtaining: Obtaining,
        keep: Callable[[], set[str]],
        environ: Mapping[str, str],
    ) -> None:
        self._places = places
        self._store = store
        self._builder = builder
        self._obtaining = obtaining
        self._keep = keep
        self._environ = environ

    async def build(self, body: AsyncIterator[bytes], query: BuildQuery) -> AsyncIterator[Progress]:
        """Raises `BadParameter`, and `Conflict` where what the client lends is not to be seen from here."""
        if query.squash:
            raise BadParameter("squash is only supported with experimental mode")
        return self._build(await lending.take(query.lending, body), query)

    async def prune(self, *, all: bool, keep_storage: int, filters: Filters) -> BuildPruneResponse:
        """What no build has used for as long as the filter `until` (or `unused-for`) says, the oldest first; of that,
        what the other filters choose. Raises BadParameter."""
        now = time.time_ns()
        limits = [now - parse_time(text, now) for key in ("until", "unused-for") for text in filters.wanted(key)]
        unused_for = max(limits, default=0) / 1e9
        chosen = {record.id for record in self.records() if _chosen(record, filters)}
        cache = self._builder.cache
        gone = await asyncio.to_thread(cache.prune, chosen, unused_for=unused_for, keep_bytes=keep_storage)
        mounts = self._builder.cache_mounts
        folders = [] if keep_storage else await asyncio.to_thread(mounts.prune, now / 1e9 - unused_for, chosen)
        collected = await asyncio.to_thread(self._store.collect, self._keep())
        return BuildPruneResponse(
            caches_deleted=(*(record.key for record in gone), *(found.folder for found in folders)) or None,
            space_reclaimed=collected.size + sum(found.size for found in folders),
        )

    def records(self) -> Sequence[BuildCacheRecord]:
        """For `system df`: the steps, and the folders of cache mounts."""
        mounts = [
            BuildCacheRecord(
                id=found.folder,
                type="exec.cachemount",
                description=f"cached mount {found.name}",
                in_use=found.in_use,
                size=found.size,
                last_used_at=rfc3339(int(found.used * 1e9)),
            )
            for found in self._builder.cache_mounts.list()
        ]
        return mounts + [
            BuildCacheRecord(
                id=record.key,
                description=record.description,
                size=record.size,
                created_at=record.created or rfc3339(0),
                last_used_at=rfc3339(int(record.used * 1e9)),
                usage_count=record.uses,
            )
            for record in self._builder.cache.records()
        ]

    async def _build(self, lent: Lent, query: BuildQuery) -> AsyncIterator[Progress]:
        received = None if lent.folder is not None else Scratch.of(self._places).folder("context")
        cancellation = Cancellation()
        feed: Feed[Progress] = Feed()
        said = False  # an error before the first message is a plain answer
        try:
            if received is not None and not query.remote:
                await _receive(lent.rest, received)
            options = self._options(query, lent)
            resolve_base = functools.partial(self._obtaining.base, stand_ins=query.stand_ins)

            def work() -> None:
                context, chosen = lent.folder or received, options
                if query.remote and received is not None:
                    context, chosen = _fetched(query.remote, received, options, cancellation)
                if query.call:
                    self._call(query.call, context, chosen, lambda event: _say(feed, event, quiet=False))
                    return
                with self._store.layers.use():
                    for name in query.cache_from:
                        self._take_cache(name, lambda line: feed.put(Progress(status=line)))
                    image = self._builder.build(
                        context,
                        chosen,
                        lambda event: _say(feed, event, quiet=query.quiet),
                        cancellation,
                        resolve_base=resolve_base,
                    )
                if query.quiet:
                    feed.put(Progress(stream=f"{image.id}\n", aux={"ID": image.id}))

            async for message in feed.run(work):
                said = True
                yield message
        except (BuildError, DockerfileError, DownloadError, CannotObtain, ImageError) as error:
            if not said:
                raise BadParameter(str(error)) from error
            yield Progress.failure(str(error), getattr(error, "status", None) or 0)
        except (tarfile.TarError, EOFError) as error:
            raise BadParameter(f"the build context is not a readable archive: {error}") from error
        finally:
            cancellation.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await feed.joined()
            if received is not None:
                await asyncio.to_thread(remove_tree, received)

    def _call(
        self, call: str, context: Path | None, options: BuildOptions, progress: Callable[[BuildEvent], None]
    ) -> None:
        if call == "check":
            self._builder.examine(context, options, progress)
        else:
            self._builder.outline(context, options, progress, targets=call == "targets")

    def _options(self, query: BuildQuery, lent: Lent) -> BuildOptions:
        network = query.network_mode or "default"
        if network not in ("default", "none", "host", "bridge"):
            raise BuildError(f"network mode {network!r}: a build's steps have default, none or host")
        platforms = tuple(text.strip() for text in query.platform.split(",") if text.strip())
        check_known(query.allow)
        name, text = lent.dockerfile or (query.dockerfile or "Dockerfile", None)
        return BuildOptions(
            dockerfile=name,
            dockerfile_text=text,
            ignore_text=lent.ignore,
            tags=query.tags,
            args=query.build_args,
            labels=query.labels,
            target=query.target,
            platform=platforms[0] if len(platforms) == 1 else "",
            platforms=platforms if len(platforms) > 1 else (),
            no_cache=query.no_cache,
            no_cache_filter=query.no_cache_filter,
            pull=query.pull,
            network="none" if network == "none" else "host" if network == "host" else "default",
            entitlements=frozenset(query.allow),
            extra_hosts=tuple(_host(entry) for entry in query.extra_hosts),
            shm_size=query.shm_size,
            ulimits=tuple((limit.name, limit.soft, limit.hard) for limit in query.ulimits),
            resources=_limits(query),
            cgroup_parent=query.cgroup_parent,
            secrets=lent.secrets,
            ssh=lent.ssh,
            contexts=lent.contexts,
            environ=self._environ,
            cache_to=query.cache_to,
        )

    def _take_cache(self, name: str, say: Callable[[str], None]) -> None:
        """A cache that cannot be had makes the build slow, not wrong: it is said, and no more."""
        here = self._store.resolve(name)
        try:
            image = here
            if image is None or not holds_steps(image.config):
                image = self._obtaining.base(name, None, True, lambda _: None, stand_ins=False)
            try:
                say(f"cache from {name}: {self._builder.take_cache(image)} steps")
            finally:
                if here is None:
                    self._store.remove(name, force=True)
        except (CannotObtain, ImageError, ValueError) as error:
            say(f"cache from {name} is not used: {error}")


def _chosen(record: BuildCacheRecord, filters: Filters) -> bool:
    """`id` is a pattern, as in BuildKit. Nothing here has a parent. Raises BadParameter."""
    states = {"inuse": record.in_use, "shared": record.shared, "private": not record.shared}
    try:
        named = not filters.wanted("id") or any(re.search(text, record.id) for text in filters.wanted("id"))
    except re.error as error:
        raise BadParameter(f"invalid filter 'id={list(filters.wanted('id'))}': {error}") from error
    return (
        named
        and not filters.wanted("parent")
        and filters.accepts("type", record.type)
        and filters.accepts("description", record.description)
        and all(filters.flag(name) in (None, state) for name, state in states.items())
    )


def _fetched(
    remote: str, folder: Path, options: BuildOptions, cancellation: Cancellation
) -> tuple[Path | None, BuildOptions]:
    """The context that `remote` names, below `folder`, and the options with the Dockerfile where that is all of it."""
    from dockless.build.remote import fetch_context

    def still_wanted() -> None:
        if cancellation.cancelled:
            raise BuildCancelled

    found = fetch_context(remote, folder, options, still_wanted)
    if found.dockerfile is None:
        return found.folder, options
    return None, msgspec.structs.replace(options, dockerfile="Dockerfile", dockerfile_text=found.dockerfile)


async def _receive(context: AsyncIterator[bytes], folder: Path) -> None:
    """Unpacks the archive as it comes; the client is held back while the disk does not keep up."""
    incoming: Feed[bytes] = Feed(limit=16)
    unpacking = in_own_thread(lambda: extract(decompress(incoming.blocking()), folder))
    try:
        async for chunk in context:
            if unpacking.done():
                break
            await incoming.offer(chunk)
    finally:
        incoming.finish()
    await unpacking


def _say(feed: Feed[Progress], event: BuildEvent, *, quiet: bool) -> None:
    if quiet:
        return
    # Docker's own clients look for the image's id in the last line: ours goes first.
    feed.put(Progress(**trace(event)))
    for message in classic_messages(event):
        feed.put(Progress(**message))


def _limits(query: BuildQuery) -> Resources:
    """Of each step. Raises BadParameter for what no container could have either."""
    asked = WireResources(
        memory=query.memory,
        memory_swap=query.memory_swap,
        cpu_shares=query.cpu_shares,
        cpu_period=query.cpu_period,
        cpu_quota=query.cpu_quota,
        cpuset_cpus=query.cpuset_cpus,
        cpuset_mems=query.cpuset_mems,
        ulimits=tuple(WireUlimit(name=one.name, soft=one.soft, hard=one.hard) for one in query.ulimits),
    )
    check_resources(asked)
    return resources(asked)


def _host(entry: str) -> tuple[str, str]:
    name, _, address = entry.partition("=") if "=" in entry else entry.partition(":")
    return name, address
