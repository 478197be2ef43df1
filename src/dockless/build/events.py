"""What a build reports while it runs, as frozen values, and their form as messages of the Docker API.

`Builder.build` calls its `progress` with these, from several threads but never two at once. The engine sends
`classic_messages` to any client of the API (the classic builder's stream); our own client reads the richer `trace` that
rides along in the same stream, in the `aux` form that other clients skip.
"""

from typing import Any

import msgspec


class Vertex(msgspec.Struct, frozen=True):
    """One node of the build's graph as a person sees it: `[web 2/5] RUN make`.

    `number` and `total` count within the stage; `id` is unique in the build; `line` is 0 where no line of the
    Dockerfile stands behind it. `ordinal` of `ordinals` counts over the whole build, in the Dockerfile's order.
    """

    id: str
    stage: str
    number: int
    total: int
    text: str
    line: int
    ordinal: int
    ordinals: int

    @property
    def title(self) -> str:
        if not self.total:
            return self.text
        return f"[{self.stage} {self.number}/{self.total}] {self.text}"


class Planned(msgspec.Struct, frozen=True):
    """The whole graph, before anything runs: only what the target needs."""

    vertices: tuple[Vertex, ...]


class Started(msgspec.Struct, frozen=True):
    vertex: Vertex


class Output(msgspec.Struct, frozen=True):
    """Bytes that a step wrote (stdout and stderr as they came), or a line of ours about it."""

    vertex: Vertex
    data: bytes


class Finished(msgspec.Struct, frozen=True):
    """A vertex is done. `cached`: its result was known. `layer` is a diff id, or "" where it makes none."""

    vertex: Vertex
    cached: bool
    seconds: float
    layer: str = ""


class Failed(msgspec.Struct, frozen=True):
    vertex: Vertex
    message: str


class Warned(msgspec.Struct, frozen=True):
    """`where` is `Dockerfile:7` or "". `rule`, unless "", is the build check that found it, on `first` to `last`."""

    message: str
    where: str = ""
    rule: str = ""
    first: int = 0
    last: int = 0


class Examined(msgspec.Struct, frozen=True):
    """The Dockerfile was read, to be checked only; its `text` is what findings point into."""

    name: str
    text: str


class Offers(msgspec.Struct, frozen=True):
    """What the Dockerfile offers (`outlining`): its targets, or one's outline, as a message has it."""

    found: dict[str, Any]


class Built(msgspec.Struct, frozen=True):
    """The image exists and bears its names. `platforms`, where it was built for several, are (platform, id)."""

    image_id: str
    tags: tuple[str, ...]
    platforms: tuple[tuple[str, str], ...] = ()


BuildEvent = Planned | Started | Output | Finished | Failed | Warned | Examined | Offers | Built

TRACE = "dockless.build.trace"


def classic_messages(event: BuildEvent) -> list[dict[str, Any]]:
    """The event as the classic builder would have said it (API: `POST /build`, the JSON stream).

    A failure gives nothing here: the engine ends the stream with `errorDetail` from the `BuildError`.
    """
    match event:
        case Started(vertex):
            return [{"stream": f"Step {vertex.ordinal}/{vertex.ordinals} : {vertex.text}\n"}]
        case Output(_, data):
            return [{"stream": data.decode("utf-8", "replace")}]
        case Finished(_, cached, _, layer):
            said = [{"stream": " ---> Using cache\n"}] if cached else []
            return [*said, {"stream": f" ---> {_short(layer)}\n"}] if layer else [*said]
        case Warned(message, where, rule):
            message = f"{rule}: {message}" if rule else message
            return [{"stream": f"[Warning] {where + ': ' if where else ''}{message}\n"}]
        case Built(image_id, tags):
            return [
                {"aux": {"ID": image_id}},
                {"stream": f"Successfully built {_short(image_id)}\n"},
                *({"stream": f"Successfully tagged {tag}\n"} for tag in tags),
            ]
    return []


def trace(event: BuildEvent) -> dict[str, Any]:
    """The event whole, as an `aux` message of the same stream that only our client reads."""
    return {"id": TRACE, "aux": _plain(event)}


def _plain(event: BuildEvent) -> dict[str, Any]:
    match event:
        case Planned(vertices):
            return {"planned": [_vertex(vertex) for vertex in vertices]}
        case Started(vertex):
            return {"started": vertex.id}
        case Output(vertex, data):
            return {"output": vertex.id, "data": data.decode("utf-8", "replace")}
        case Finished(vertex, cached, seconds, layer):
            return {"finished": vertex.id, "cached": cached, "seconds": round(seconds, 3), "layer": layer}
        case Failed(vertex, message):
            return {"failed": vertex.id, "message": message}
        case Warned(message, where, rule, first, last):
            return {"warned": message, "where": where, "rule": rule, "lines": [first, last]}
        case Examined(name, text):
            return {"examined": name, "text": text}
        case Offers(found):
            return {"offered": found}
        case Built(image_id, tags, platforms):
            return {"built": image_id, "tags": list(tags), "platforms": dict(platforms)}


def _vertex(vertex: Vertex) -> dict[str, Any]:
    return {
        "id": vertex.id,
        "stage": vertex.stage,
        "number": vertex.number,
        "total": vertex.total,
        "text": vertex.text,
        "line": vertex.line,
        "title": vertex.title,
    }


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]
