"""What is made when it is first asked for is made once."""

import threading

import pytest

from dockless.engine.once import Once


def test_of_many_who_ask_at_the_same_time_all_get_the_same() -> None:
    barrier = threading.Barrier(8)
    made: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    once = Once(make)
    found: list[object] = []

    def ask() -> None:
        barrier.wait(10)
        found.append(once())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and set(map(id, found)) == {id(made[0])} and len(found) == 8


def test_who_asks_after_a_failure_tries_again() -> None:
    answers = [OSError("not now")]

    def make() -> str:
        if answers:
            raise answers.pop()
        return "made"

    once = Once(make)
    with pytest.raises(OSError, match="not now"):
        once()
    assert once() == "made"
