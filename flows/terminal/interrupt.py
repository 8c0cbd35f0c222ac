"""Ctrl-C: a run stops at once, says what that means, and leaves no server behind.

Left to itself, the first Ctrl-C would end Prefect's temporary server and leave the run asking for
it; and Python would wait for every task's thread before it lets a process end.
"""

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from tasks.reporting.progress import board

EXIT_CODE = 130
CLEAN_UP_SECONDS = 10.0


@contextmanager
def handled(say: Callable[[], None]) -> Iterator[None]:
    """End the process on SIGINT during the block; `say` first says what that means."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGINT, lambda *_: os._exit(EXIT_CODE))  # a second one: this instant
        say()
        # in a thread of its own: the main thread may hold a lock that the libraries' ends need.
        end = threading.Thread(target=_clean_up, daemon=True)
        end.start()
        end.join(CLEAN_UP_SECONDS)
        os._exit(EXIT_CODE)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _clean_up() -> None:
    with suppress(Exception):
        _report()
    _start_no_other_server()
    # what libraries registered for the end: the temporary Prefect server and PostgreSQL stop.
    atexit._run_exitfuncs()


def _start_no_other_server() -> None:
    """Threads go on until the process ends: the next that asks Prefect would start another
    server, which nobody would stop.
    """

    def refuse(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("the run was interrupted")

    if module := sys.modules.get("prefect.server.api.server"):  # there if it has had one
        module.SubprocessASGIServer.start = refuse


def _report() -> None:
    """Let a Prefect server that stays know that the run ended."""
    from prefect.client.orchestration import get_client
    from prefect.settings import get_current_settings
    from prefect.states import Cancelled, State

    if get_current_settings().api.url is None:
        return
    state: State[Any] = Cancelled(
        message="Interrupted on its terminal (Ctrl-C). Run it again to go on."
    )
    with get_client(sync_client=True) as client:
        for flow_run in board.flow_runs:
            client.set_flow_run_state(flow_run, state, force=True)
