"""Taking bridges away without making the caller wait for it: the kernel needs tens of milliseconds for one.

Its addresses go at once, so that another network may have them; the bridge itself goes in a thread that does nothing
but wait for the kernel.
"""

import threading

from dockless.linux import netlink_route as route
from dockless.linux import netns
from dockless.linux.netlink import NETLINK_ROUTE, NetlinkSocket


class Removals:
    """Bridges of one namespace that are being removed, by name."""

    def __init__(self, namespace: int, home: int) -> None:
        self._namespace = namespace
        self._home = home
        self._running: dict[str, threading.Thread] = {}

    def begin(self, name: str) -> None:
        """Starts to remove the link. One that is not there counts as done."""
        self.wait(name)
        # Opened here: the thread itself stays in the host's namespace.
        with netns.inside(self._namespace, self._home):
            netlink = NetlinkSocket(NETLINK_ROUTE)

        def remove() -> None:
            with netlink:
                netlink.batch([route.link_delete(name)])

        for done in [other for other, thread in self._running.items() if not thread.is_alive()]:
            del self._running[done]
        thread = threading.Thread(target=remove, name=f"remove {name}")
        self._running[name] = thread
        thread.start()

    def wait(self, name: str) -> None:
        """Until the link is gone, if it is being removed."""
        if (thread := self._running.pop(name, None)) is not None:
            thread.join()

    def wait_for_all(self) -> None:
        for name in list(self._running):
            self.wait(name)
