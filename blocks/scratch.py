"""Folders for the time of a task, with a source's rows in them.

A signal ends a run while its tasks' threads go on. None of them may leave such a folder behind.
"""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

_lock = threading.RLock()  # a signal's handler runs in a thread that may hold it
_there: set[str] = set()
_ended = False


@contextmanager
def scratch() -> Iterator[str]:
    """A folder that only this user may read, until the block ends."""
    with _lock:
        if _ended:
            raise RuntimeError("the process is about to end")
        made = TemporaryDirectory(prefix="coretelecoms-")
        _there.add(made.name)
    try:
        with made as folder:
            yield folder
    finally:
        with _lock:
            _there.discard(made.name)


def end() -> None:
    """Remove all that there are; from here on none can be made."""
    global _ended
    with _lock:
        _ended = True
        for folder in _there:
            with suppress(OSError):  # what a thread is about to write there finds no place
                shutil.rmtree(Path(folder).rename(f"{folder}-gone"), ignore_errors=True)
