"""Each request of the specification to our engine and to a real dockerd: the same status, the same keys and types."""

import re
import time
from collections.abc import Iterator

from allowed import ALLOWED
from api_http import PEER_API, Answer, Api, clear
from exchanges import STEPS, Step
from shapes import differences


def test_every_request_is_answered_as_docker_answers_it(ours: str, theirs: str) -> None:
    """Docker 26.1 speaks API 1.45, so that is the version that both are asked in."""
    found = list(_differences(_carried_out(Api(theirs, PEER_API)), _carried_out(Api(ours, PEER_API))))
    unexplained = [f"{request}\n    {difference}" for request, difference in found if not _reasons(request, difference)]
    assert not unexplained, "\n".join(unexplained)


def _carried_out(api: Api) -> list[tuple[Step, Answer]]:
    clear(api)
    ids: dict[str, str] = {}
    answers = []
    for step in STEPS:
        path = step.path.replace("@UNTIL", str(int(time.time())))
        for name, identity in ids.items():
            path = path.replace(f"{{{name}}}", identity)
        answer = api(step.method, path, step.body, step.headers, most=step.most)
        if step.save and answer.status < 300:
            ids[step.save] = answer.json.get("Id") or answer.json["ID"]
        answers.append((step, answer))
    clear(api)
    return answers


def _differences(theirs: list[tuple[Step, Answer]], ours: list[tuple[Step, Answer]]) -> Iterator[tuple[str, str]]:
    for (step, there), (_, here) in zip(theirs, ours, strict=True):
        if there.status != here.status:
            yield (
                step.name,
                f"status {there.status} there, {here.status} here: {there.body[:200]!r} {here.body[:200]!r}",
            )
        for difference in differences(there, here):
            yield step.name, difference


def _reasons(request: str, difference: str) -> list[str]:
    return [
        reason for wanted, words, reason in ALLOWED if re.fullmatch(wanted, request) and re.match(words, difference)
    ]
