"""What the shell is offered for an argument: the names of the project's services, and of what an engine has.

An engine that does not run is not started for it, and whatever goes wrong means that nothing is offered.
"""

from collections.abc import Callable, Iterable, Mapping

import click
from click.shell_completion import CompletionItem

from dockless.cli.session import Session, session_of

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_DOCKLESS_COMPLETE"


def complete_arguments(target: str, command: click.Command) -> click.Command:
    """Gives the arguments of the command at `target` (`docker.run:run`) their completion, by their names."""
    room, _, rest = target.partition(".")
    for parameter in command.params:
        kind = _KINDS.get((rest, parameter.name or "")) or _KINDS.get((room, parameter.name or ""))
        if kind and parameter._custom_shell_complete is None:
            parameter._custom_shell_complete = _offering(_SOURCES[kind])
    return command


def _containers(session: Session) -> Iterable[str]:
    for each in session.client.containers.list(all=True):
        yield from (name[1:] for name in each.names if name.count("/") == 1)


def _images(session: Session) -> Iterable[str]:
    for each in session.client.images.list():
        for tag in each.repo_tags:
            yield tag
            if tag.endswith(":latest"):
                yield tag.removesuffix(":latest")


def _networks(session: Session) -> Iterable[str]:
    return (each.name for each in session.client.networks.list())


def _volumes(session: Session) -> Iterable[str]:
    return (each.name for each in session.client.volumes.list().volumes or ())


def _services(session: Session) -> Iterable[str]:
    return session.load(quiet=True).services


def _objects(session: Session) -> Iterable[str]:
    for source in (_containers, _images, _networks, _volumes):
        yield from source(session)


_SOURCES: Mapping[str, Callable[[Session], Iterable[str]]] = {
    "containers": _containers,
    "images": _images,
    "networks": _networks,
    "objects": _objects,
    "services": _services,
    "volumes": _volumes,
}

_KINDS: Mapping[tuple[str, str], str] = {
    ("compose", "service"): "services",
    ("compose", "services"): "services",
    ("docker", "container"): "containers",
    ("docker", "containers"): "containers",
    ("docker", "image"): "images",
    ("docker", "network"): "networks",
    ("docker", "volumes_from"): "containers",
    ("registries:push", "name"): "images",
    ("archives:save", "names"): "images",
    ("images:history", "name"): "images",
    ("images:pull", "name"): "images",
    ("images:rmi", "names"): "images",
    ("images:tag", "source"): "images",
    ("inspect:any_object", "names"): "objects",
    ("inspect:container", "names"): "containers",
    ("inspect:image", "names"): "images",
    ("inspect:network", "names"): "networks",
    ("inspect:volume", "names"): "volumes",
    ("networks:rm", "names"): "networks",
    ("volumes:rm", "names"): "volumes",
}
"""By (room, parameter), or (command's place in the room, parameter)."""


def _offering(
    source: Callable[[Session], Iterable[str]],
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    def offer(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        given = context.params.get(parameter.name or "") or ()
        taken = set(given) if isinstance(given, tuple) else set()
        try:
            found = set(source(_looking(context)))
        except Exception:  # noqa: BLE001 - a shell that waits for names is no place for messages
            return []
        return [CompletionItem(name) for name in sorted(found - taken) if name.startswith(incomplete)]

    return offer


def _looking(context: click.Context) -> Session:
    """The session, with an engine only where one runs. Raises `EngineUnavailable`."""
    from dockless.client.connect import connect

    session = session_of(context)
    if session.endpoint is None:
        session.__dict__.setdefault("client", _Later(lambda: connect(session.environ, start=False)))
    return session


class _Later:
    """A client that is made at the first question: services need none."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> object:
        return getattr(self._make(), name)


@click.command("completion", short_help="Print the script that completes commands in a shell")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes commands, flags and names in SHELL.

    \b
    bash:  source <(dockless completion bash)        # in ~/.bashrc
    zsh:   source <(dockless completion zsh)         # in ~/.zshrc, after compinit
    fish:  dockless completion fish | source         # in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    from dockless.cli.app import root
    from dockless.cli.output import echo

    found = get_completion_class(shell)
    assert found is not None
    script = found(root, {}, "dockless", VARIABLE)
    # Not `source()`: it asks for the version of a bash that need not be on this machine.
    echo(script.source_template % script.source_vars())
