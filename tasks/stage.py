"""What every task of the graph shares: its options, its progress, errors fit for people."""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import Task, get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext
from prefect.logging.loggers import PrefectLogAdapter
from prefect.states import State
from prefect.tasks import exponential_backoff

from blocks import prefect_api, waiting
from blocks.errors import CoreTelecomsError, TerminalError, TransientError
from blocks.settings import settings
from tasks.reporting.progress import Status, board

LASTING_SECONDS = 5.0  # from here on a load is worth a progress artifact


def is_transient(task: Any, run: Any, state: State[Any]) -> bool:
    """Whether a failed attempt is worth another: the error's branch says so."""
    return isinstance(state.data, TransientError)


# a task is retried twice, on transient errors alone; its inputs are references, never cached.
OPTIONS: dict[str, Any] = {
    "retries": 2,
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_transient,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}


@cache  # for each task that it makes Prefect reads the source of the function
def patient(task: Task[..., Any]) -> Task[..., Any]:
    """The task with the wait before its retries that is set. Raises ConfigurationError."""
    wait = exponential_backoff(backoff_factor=settings().retry_seconds)
    return task.with_options(retry_delay_seconds=wait)


def logger() -> PrefectLogAdapter:
    """The run's logger."""
    return get_run_logger()  # type: ignore[return-value]


@contextmanager
def stage(name: str, total: Callable[[], int] | int = 0) -> Iterator[Callable[[int], None]]:
    """Run a task's body as the step `name`; gives the function that counts rows done.

    An error that isn't one of ours leaves as a TerminalError without its text, which may quote
    values of a row; where it came from is kept.
    """

    def waits(who: str) -> None:
        logger().warning("%s is %s", name, who)
        board.say(name, who)

    board.start(name)
    rows = _Rows(name, total if isinstance(total, int) else total())
    listening = waiting.listener.set(waits)
    try:
        yield rows
    except CoreTelecomsError as error:
        board.finish(name, Status.RETRYING if _again(error) else Status.FAILED, error.what)
        raise
    except Exception as error:
        ours = prefect_api.error_of(error) or unexpected(error)
        board.finish(name, Status.RETRYING if _again(ours) else Status.FAILED, ours.what)
        raise ours from None
    else:
        rows.finish()
        board.finish(name, Status.DONE)
    finally:
        waiting.listener.reset(listening)


def _again(error: CoreTelecomsError) -> bool:
    """Whether Prefect will try the task again after this error."""
    context = TaskRunContext.get()
    if context is None or not isinstance(error, TransientError):
        return False
    return context.task_run.run_count <= context.task.retries


def unexpected(error: Exception) -> TerminalError:
    """An error nobody foresaw, as one of ours: its type and place, not its text."""
    frames = traceback.extract_tb(error.__traceback__)
    root = Path(__file__).parent.parent
    ours = [
        f for f in frames if Path(f.filename).is_relative_to(root) and ".venv" not in f.filename
    ]
    place = ""  # unknown when the error came from another process
    for frame in (ours or frames)[-1:]:
        place = f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
    return TerminalError(
        f"Unexpected {type(error).__module__}.{type(error).__name__}",
        where=place,
        todo="this is a defect of the pipeline: report it with this place; "
        "what was loaded before is as it was",
    )


class _Rows:
    """Counts a step's rows for the board, and for Prefect's UI when the step lasts."""

    def __init__(self, name: str, total: int) -> None:
        self.name, self.total, self.done = name, total, 0
        self.shown = time.monotonic()
        self.artifact: UUID | None = None

    def __call__(self, rows: int) -> None:
        self.done += rows
        board.add_rows(self.name, rows)
        if self.total and time.monotonic() - self.shown > LASTING_SECONDS:
            self._show(min(100.0, 100.0 * self.done / self.total))

    def finish(self) -> None:
        if self.artifact:
            self._show(100.0)

    def _show(self, percent: float) -> None:
        self.shown = time.monotonic()
        if TaskRunContext.get() is None:
            return
        try:
            if self.artifact is None:
                created = create_progress_artifact(percent, description=f"{self.name}: rows done")
                self.artifact = created  # type: ignore[assignment]
            else:
                update_progress_artifact(self.artifact, progress=percent)
        except Exception as error:
            # a picture for people: the load goes on without it.
            logger().warning("No progress artifact: %s", type(error).__name__)
