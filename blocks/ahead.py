"""The next piece of work done while the one before it is used."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, each made in a thread of its own while the caller uses the one before.

    Two are held at a time. The thread keeps the caller's context variables, and ends with the
    iteration, however that ends.
    """
    iterator, context = iter(items), copy_context()

    def made() -> list[Item]:
        return list(islice(iterator, 1))

    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        waiting = thread.submit(context.run, made)
        while item := waiting.result():
            waiting = thread.submit(context.run, made)
            yield item[0]
