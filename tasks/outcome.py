"""How a run ended, as data: what failed, what that held back; and the state that carries it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from prefect.states import Completed, Failed, State

from blocks.errors import GATE, REPEAT, CoreTelecomsError, Failure, RunFailedError, one_line
from tasks.reporting.progress import Status, board
from tasks.stage import unexpected


async def concluded(
    states: Mapping[str, State[Any]],
    days: Mapping[date, State[Any]] | None = None,
    counts: str = "",
    done: str = "",
    again: str = REPEAT,
) -> State[Any]:
    """The final state of a run from its steps' last ones, and of a range from its days', too.

    Plainly Completed, with `counts` and `done` as its message; or Failed, with a RunFailedError,
    which says how the run is done `again`. A step that never reached a terminal state (Prefect's
    NotReady) was held back.
    """
    failed: list[RunFailedError] = []
    held_back = []
    for name, state in states.items():
        if not state.is_final():
            board.finish(name, Status.HELD_BACK)
            held_back.append(name)
        elif not state.is_completed():
            failed.append(error := await error_of(state, name))
            held_back += error.held_back
    bad_days = {str(day): s for day, s in (days or {}).items() if not s.is_completed()}
    if not failed and not held_back and not bad_days:
        return Completed(message=f"{counts}{done}." if counts else None)
    error = RunFailedError(
        failures=[failure for each in failed for failure in each.failures],
        held_back=held_back,
        gate_closed=GATE in states and not states[GATE].is_completed(),
        days={day: await error_of(state) for day, state in bad_days.items()},
        counts=counts,
        again=again,
    )
    return Failed(message=str(error), data=error)


async def error_of(state: State[Any], step: str = "") -> RunFailedError:
    """Why a run, or a step of one, ended in this state."""
    try:
        error = await state.aresult(raise_on_failure=False)
    except Exception:  # it was kept where this process can't read it
        error = None
    if isinstance(error, CoreTelecomsError):
        return RunFailedError.of(error, step)
    if state.is_failed() and state.data is not None and isinstance(error, Exception):
        # without its text, which may quote values of a row.
        return RunFailedError.of(unexpected(error), step)
    what = one_line(state.message or "no reason given")
    return RunFailedError([Failure(step, what, ended=str(state.name).lower())])
