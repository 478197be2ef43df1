"""Where an image comes from: the registry first, a stand-in where no registry can be reached.

Blocking; called in threads. A stand-in never replaces an image that could be pulled: a registry that answers, whatever
it answers, has the last word.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dockless.images.progress import PullEvent
from dockless.images.registry import RegistryClient
from dockless.images.store import Image, ImageStore
from dockless.registry.credentials import Credentials
from dockless.registry.errors import ImageError
from dockless.registry.platform import Platform
from dockless.registry.reference import Reference
from dockless.registry.transport import RegistryUnreachable
from dockless.standins.errors import StandInError

if TYPE_CHECKING:
    from dockless.standins.listing import Listed
    from dockless.standins.standins import StandIns

MIRROR = "DOCKLESS_REGISTRY_MIRROR"


class CannotObtain(Exception):
    """Neither pulled nor made; the message says why and what can be done."""


@dataclass(frozen=True)
class Wish:
    """`stand_ins` False: an image that cannot be pulled is an error."""

    reference: Reference
    platform: str = ""
    auth: Credentials | None = None
    stand_ins: bool = True


class Obtaining:
    """`environ` is the engine's: it names mirrors and credentials. `stand_ins` is called when the first is wanted."""

    def __init__(self, images: ImageStore, stand_ins: "Callable[[], StandIns]", environ: Mapping[str, str]) -> None:
        self._images = images
        self._stand_ins = stand_ins
        self._environ = environ

    def obtain(self, wish: Wish, progress: Callable[[PullEvent], None]) -> Image:
        """Pulls or makes the image, also where one of that name is here already.

        Raises CannotObtain, or the registry's ImageError.
        """
        platform = Platform.parse(wish.platform) if wish.platform else None
        client = RegistryClient(self._images, self._environ)
        try:
            return client.pull(wish.reference, platform=platform, auth=wish.auth, progress=progress)
        except RegistryUnreachable as error:
            return self._stand_in(wish, error, progress)

    def each_tag(self, wish: Wish) -> list[Wish]:
        """A wish for each tag of the repository; where no registry is reached the one wish for what may stand in.

        Raises the registry's ImageError.
        """
        try:
            tags = RegistryClient(self._images, self._environ).tags(wish.reference, auth=wish.auth)
        except RegistryUnreachable:
            return [wish]
        return [replace(wish, reference=wish.reference.with_tag(tag)) for tag in tags]

    def base(
        self,
        reference: str,
        platform: str | None,
        pull: bool,
        say: Callable[[str], None],
        *,
        stand_ins: bool = True,
    ) -> Image:
        """A build's base image: what is here already unless `pull`. Raises CannotObtain, ImageError."""
        wanted = Reference.parse(reference)
        if not pull and (found := self._here(reference, platform)) is not None:
            return found

        def progress(event: PullEvent) -> None:
            if event.current is None:
                say(f"{event.id}: {event.status}" if event.id else event.status)

        return self.obtain(Wish(wanted, platform or "", None, stand_ins), progress)

    def stand_ins(self) -> "Sequence[Listed]":
        """What could be made where no registry can be reached."""
        return self._stand_ins().list()

    def _here(self, name: str, platform: str | None) -> Image | None:
        """What the name stands for here; with a platform, on exactly that one."""
        if not platform:
            return self._images.resolve(name)
        wanted = Platform.parse(platform)
        return next((image for offered, image in self._images.variants(name) if wanted.accepts(offered)), None)

    def _stand_in(self, wish: Wish, error: RegistryUnreachable, progress: Callable[[PullEvent], None]) -> Image:
        name = wish.reference.familiar
        if not wish.stand_ins:
            raise CannotObtain(
                f"{name} cannot be pulled: {error}. Stand-ins were refused; without a registry the image must be "
                f"loaded, or {MIRROR} must name a registry that can be reached"
            ) from error
        here = self._here(name, wish.platform)
        if here is not None:
            progress(PullEvent("", f"{name}: no registry can be reached; the image that is here is used"))
            return here
        if wish.platform and not Platform.parse(wish.platform).accepts(Platform.host()):
            raise CannotObtain(
                f"{name} for {wish.platform} cannot be pulled: {error}. Stand-ins are made of this host's packages, "
                f"for {Platform.host()} alone"
            ) from error
        stand_ins = self._stand_ins()
        if stand_ins.find(name) is None:
            raise CannotObtain(
                f"{name} cannot be pulled: {error}. No stand-in is known for it either; load it from an archive, or "
                f"let {MIRROR} name a registry that can be reached"
            ) from error
        progress(PullEvent("", f"No registry can be reached; making a stand-in for {name} from this host's packages"))
        try:
            return stand_ins.make(name, lambda line: progress(PullEvent("", line)))
        except (StandInError, ImageError) as reason:
            if (back := stand_ins.take_back(name)) is not None:
                progress(PullEvent("", f"{name} cannot be made anew ({reason}); the one made earlier is used"))
                return back
            raise CannotObtain(
                f"{name} cannot be pulled: {error}. A stand-in cannot be made either: {reason}"
            ) from reason
