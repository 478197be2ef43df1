"""Finds the engine to talk to: the one that `DOCKER_HOST` names, else our own, which is started where none runs."""

import os
import time
from collections.abc import Mapping, Sequence

from dockless.client.api import Client
from dockless.client.config_file import ClientSettings, settings_of
from dockless.client.endpoint import Endpoint, parse_host
from dockless.client.errors import EngineLost, EngineUnavailable
from dockless.places import Places

OURS = ("-m", "dockless.server")

_PATIENCE = 30.0


def connect(
    environ: Mapping[str, str],
    uid: int | None = None,
    *,
    start: bool = True,
    engine: Sequence[str] = OURS,
    named: Endpoint | None = None,
) -> Client:
    """A client of an engine that has answered; `uid` is this process's where it is not given.

    `named` is the engine's address where the environment is not asked. `start` False: does not start an engine of ours;
    `engine`: what Python is told to run for it. Raises `EngineUnavailable` with what a user can do about it, and
    `ConfigError`.
    """
    settings = settings_of(environ)
    if named is None and (host := environ.get("DOCKER_HOST")):
        named = parse_host(host, environ)
    if named is not None:
        return _reach(named, settings)
    user = os.geteuid() if uid is None else uid
    places = Places.of(environ, user)
    endpoint = Endpoint(path=str(places.engine_socket))
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return Client(endpoint, settings)
        except (EngineUnavailable, EngineLost):
            if not start or time.monotonic() > deadline:
                raise
        if user != 0 and engine is OURS:
            raise EngineUnavailable(
                f"containers, images and volumes need root so far, and this is user {user}: run the command as root "
                "(sudo), or name an engine that runs with DOCKER_HOST"
            )
        from dockless.client.start import try_start

        # Where somebody else is starting it, or an idle engine is just going, there is a pause.
        time.sleep(try_start(places, environ, engine))


def _reach(endpoint: Endpoint, settings: ClientSettings) -> Client:
    try:
        return Client(endpoint, settings)
    except EngineLost as error:
        raise EngineUnavailable(f"what listens at {endpoint} is no engine: {error}") from error
