"""The locks that a run holds as a whole: its run date (G12) and the first run (G11).

They live in the flow's process, on connections of their own, and end with it: a killed run
leaves none behind.
"""

import threading
from contextlib import ExitStack, suppress
from datetime import date

from prefect import runtime

from blocks.errors import CoreTelecomsError
from blocks.resolving import resolve
from tasks.loading import locks

_guards: dict[str, "Guard"] = {}
_lock = threading.Lock()


class Guard:
    """One run's locks; each is released by name, or all by `release`."""

    def __init__(self, platform: str) -> None:
        self.platform = platform
        self._run_date = ExitStack()
        self._run_date_taken = False
        self._first_run = ExitStack()
        self._first_run_taken = False

    def take_run_date(self, run_date: date) -> None:
        """Take the run date for this run alone. Raises RunDateBusyError when another has it."""
        if self._run_date_taken:
            return
        dsn = resolve(self.platform).warehouse_dsn
        self._run_date.enter_context(locks.held(dsn, "run date", str(run_date), wait=False))
        self._run_date_taken = True

    def take_first_run(self) -> bool:
        """Take the first-run lock, waiting for its holder; False when this run had it already."""
        if self._first_run_taken:
            return False
        dsn = resolve(self.platform).warehouse_dsn
        self._first_run.enter_context(locks.held(dsn, "first run", wait=True))
        self._first_run_taken = True
        return True

    def release_first_run(self) -> None:
        """Let a waiting first run go on."""
        self._first_run_taken = False
        _close(self._first_run)

    def release(self) -> None:
        """Let everything go."""
        self.release_first_run()
        _close(self._run_date)


def _close(stack: ExitStack) -> None:
    with suppress(CoreTelecomsError):  # the connection is gone, and its lock with it
        stack.close()


def current(platform: str) -> Guard:
    """The guard of the flow run that this code runs in."""
    run_id = str(runtime.flow_run.id or "")
    with _lock:
        return _guards.setdefault(run_id, Guard(platform))


def forget(guard: Guard) -> None:
    """Release a guard and drop it from the register."""
    guard.release()
    with _lock:
        for run_id in [key for key, value in _guards.items() if value is guard]:
            del _guards[run_id]
