"""What a process that runs flows sets for itself, once, when the first of them begins."""

import atexit
import gc
from functools import cache


@cache
def collect_less() -> None:
    """Search for garbage more seldom.

    A run's process holds half a million objects, Prefect's and dbt's, that live until its end. To
    look them all through, nine times and once more at exit, takes 3 seconds a run.
    """
    gc.set_threshold(50_000, 20, 100)
    atexit.register(gc.freeze)
