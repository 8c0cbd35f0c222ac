"""`ahead` gives what it was given, in order, one item made while another is used."""

import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from blocks.ahead import ahead

who = ContextVar("who", default="nobody")


def ahead_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("ahead")]


def test_items_in_order() -> None:
    assert list(ahead(range(100))) == list(range(100))
    assert list(ahead([None, 0, ""])) == [None, 0, ""]
    assert list(ahead([])) == []


def test_the_next_item_is_made_while_one_is_used() -> None:
    made = [threading.Event() for _ in range(3)]

    def items() -> Iterator[int]:
        for number, event in enumerate(made):
            yield number
            event.set()  # the next one was asked for

    used = ahead(items())
    assert next(used) == 0
    assert made[0].wait(10)
    assert not made[1].is_set()  # and no more than one
    assert list(used) == [1, 2]


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("at the second")

    used = ahead(items())
    assert next(used) == 1
    with pytest.raises(ValueError, match="at the second"):
        next(used)
    assert not ahead_threads()


def test_the_thread_ends_with_an_iteration_that_is_given_up() -> None:
    used = iter(ahead(range(100)))
    assert next(used) == 0
    assert ahead_threads()
    used.close()  # type: ignore[attr-defined]
    assert not ahead_threads()


def test_items_see_the_context_of_their_user() -> None:
    def items() -> Iterator[str]:
        yield who.get()
        yield who.get()

    token = who.set("the task")
    try:
        assert list(ahead(items())) == ["the task", "the task"]
    finally:
        who.reset(token)
