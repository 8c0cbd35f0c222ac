"""Days of a long backfill, in processes that end after some days each.

A process grows with every day that it runs, and gives nothing back (docs/performance.md): here a
new one takes over before that is much. Days come in on its standard input, how they go comes out
on its standard output. It ends when its input does, and so doesn't outlive who started it.
"""

import asyncio
import os
import pickle
import signal
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from functools import partial
from pkgutil import resolve_name
from queue import SimpleQueue
from typing import Any, BinaryIO

from prefect import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext, TagsContext, hydrated_context
from prefect.results import ResultStore
from prefect.settings import get_current_settings
from prefect.states import Crashed, State

from blocks.errors import CoreTelecomsError
from blocks.resolving import resolve
from flows.terminal import interrupt
from tasks.outcome import error_of
from tasks.reporting.progress import Step, board

DAYS = 10  # of a process
_SIZE = 8  # bytes before each message, which say how long it is


class Apart:
    """Runs days of a backfill in processes of its own, one day at a time in each."""

    def __init__(self, platform: str, refresh_static: bool, accept: bool) -> None:
        self._parameters = (platform, refresh_static, accept)
        self._idle: list[tuple[Process, int]] = []  # each with the number of days it has had

    async def run(self, day: date) -> State[Any]:
        """The day's final state."""
        try:
            process, days = self._idle.pop() if self._idle else (await self._start(), 0)
        except (CoreTelecomsError, OSError) as error:
            return Crashed(message=f"No process for it ({type(error).__name__})")
        flow_runs: list[str] = []
        try:
            state = await _ended(process, day, flow_runs)
        except (asyncio.IncompleteReadError, ConnectionError):
            code = await process.wait()
            state = Crashed(message=f"Its process ended before it did (exit code {code})")
            await asyncio.to_thread(interrupt.set_ended, flow_runs, state)
            return state
        finally:
            board.ended(flow_runs)
        if days + 1 < DAYS:
            self._idle.append((process, days + 1))
        else:
            await _end(process)
        return state

    async def end(self) -> None:
        """End the processes, none of which has a day at work."""
        while self._idle:
            await _end(self._idle.pop()[0])

    async def _start(self) -> Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "flows.shared.apart"),
            env=await _environment(self._parameters[0]),
            stdin=PIPE,
            stdout=PIPE,
            # what a terminal sends is for the backfill, which may ignore it; a process that it
            # starts wouldn't: polars has put a handler in the place of an ignored Ctrl-C.
            start_new_session=True,
        )
        context = FlowRunContext.get()
        assert context
        given = (self._parameters, context.flow_run, TagsContext.get().current_tags)
        await _send(process, given)
        return process


async def _environment(platform: str) -> Mapping[str, str]:
    """Settings with which a process shares this one's Prefect server and PostgreSQL: both may be
    temporary, and end with this one.
    """
    shared = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    async with get_client() as client:
        shared["PREFECT_API_URL"] = str(client.api_url)
    if platform == "local":
        resources = await asyncio.to_thread(resolve)
        shared["CORETELECOMS_WAREHOUSE_DSN"] = resources.warehouse_dsn
        shared["CORETELECOMS_WEB_FORMS_DSN"] = resources.web_forms_dsn
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    return settings | os.environ | shared


async def _send(process: Process, message: object) -> None:
    assert process.stdin
    process.stdin.write(pickle.dumps(message))
    await process.stdin.drain()


async def _end(process: Process) -> None:
    assert process.stdin
    process.stdin.close()
    await process.wait()


async def _ended(process: Process, day: date, flow_runs: list[str]) -> State[Any]:
    """The day's final state, once its process says it; meanwhile the board has its steps, and with
    `flow_runs` its flow runs.
    """
    await _send(process, day)
    assert process.stdout
    while True:
        size = int.from_bytes(await process.stdout.readexactly(_SIZE))
        message = pickle.loads(await process.stdout.readexactly(size))
        if isinstance(message, Step):
            board.show(message)
        elif isinstance(message, str):
            flow_runs.append(message)
            board.belongs_to(message)
        else:
            notes, state = message
            for note in notes:
                board.note(note)
            return state


def main() -> int:
    """Be such a process, until no more days can come."""
    given, out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is not for the one who reads this
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    board.listener = board.of_flow_runs = say = partial(_say, out, threading.Lock())
    parameters, flow_run, tags = pickle.load(given)
    days: SimpleQueue[date | None] = SimpleQueue()
    at_work = threading.Event()
    threading.Thread(target=_listen, args=(given, days, at_work), daemon=True).start()
    # server and database are another process's; and a run that goes on while libraries end would
    # tell Prefect that it failed.
    with interrupt.handled(lambda: None, end=interrupt.report):
        while day := days.get():
            at_work.set()
            board.clear()
            run = partial(asyncio.run, _run(day, parameters, flow_run, tags))
            state = interrupt.in_a_thread(run, given_up=lambda: False)
            at_work.clear()
            say((board.notes, state))
    return interrupt.leave(0)


def _say(out: BinaryIO, one_at_a_time: threading.Lock, message: object) -> None:
    content = pickle.dumps(message)
    with one_at_a_time:
        out.write(len(content).to_bytes(_SIZE) + content)
        out.flush()


def _listen(given: BinaryIO, days: SimpleQueue[date | None], at_work: threading.Event) -> None:
    with suppress(EOFError):
        while True:
            days.put(pickle.load(given))
    days.put(None)
    if at_work.is_set():  # nobody waits for that day any longer
        os.kill(os.getpid(), signal.SIGTERM)


async def _run(day: date, parameters: Any, flow_run: FlowRun, tags: set[str]) -> State[Any]:
    """The final state of a day's run, as something that another process can read."""
    # by name: the flow's own module imports this one.
    backfill, run_here = map(resolve_name, ("flows.backfill:backfill", "flows.backfill:run_here"))
    parent = {"flow": backfill, "flow_run": flow_run, "result_store": ResultStore()}
    with hydrated_context({"flow_run_context": parent, "tags_context": {"current_tags": tags}}):
        state = await run_here(day, *parameters)
    error = None if state.is_completed() else await error_of(state)
    return State(type=state.type, name=state.name, message=state.message, data=error)


if __name__ == "__main__":
    raise SystemExit(main())
