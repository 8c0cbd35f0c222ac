"""What a process that runs flows sets for itself."""

import atexit
import gc
import os
import sys
from functools import cache


@cache
def collect_less() -> None:
    """Search for garbage more seldom, from the first flow on.

    A run's process holds half a million objects, Prefect's and dbt's, that live until its end. To
    look them all through, nine times and once more at exit, takes 3 seconds a run.
    """
    gc.set_threshold(50_000, 20, 100)
    atexit.register(gc.freeze)


def open_streams() -> None:
    """Open what a shell has closed (`<&-`, `>&-`): else the next file or socket takes its place,
    and what libraries print goes there.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
