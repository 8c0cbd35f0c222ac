"""How a run ended, in a few sentences: what failed, what that held back, what to do."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from prefect.states import Completed, Failed, State

from blocks.errors import CoreTelecomsError
from tasks.reporting.progress import Status, board

REPEAT = "Run it again once that is mended: static and daily loads repeat safely."


async def concluded(states: Mapping[str, State[Any]]) -> State[Any]:
    """The run's final state from its steps' last states: plainly Completed or Failed.

    A step that never reached a terminal state (Prefect's NotReady) was held back.
    """
    failed = {n: s for n, s in states.items() if s.is_final() and not s.is_completed()}
    held = [name for name, state in states.items() if not state.is_final()]
    for name in held:
        board.finish(name, Status.HELD_BACK)
    if not failed and not held:
        return Completed()
    sentences = [await _sentence(name, state) for name, state in failed.items()]
    if "open_static_data_gate" in held:
        sentences.append(
            "The gate stayed closed: no complaint was transformed or loaded, dbt did not run."
        )
    elif held:
        sentences.append(f"Held back: {', '.join(held)}.")
    return Failed(message=" ".join([*sentences, REPEAT]))


async def _sentence(name: str, state: State[Any]) -> str:
    if name == "static_data":  # a flow of its own, which has said which of its tasks failed
        return str(state.message).removesuffix(REPEAT).rstrip()
    error = await state.aresult(raise_on_failure=False)
    if isinstance(error, CoreTelecomsError):
        return f"{name} failed: {error}"
    return f"{name} ended in {state.name}: {(state.message or 'no reason given').rstrip('.')}."


def caught_up(states: Mapping[date, State[Any]], skipped: Sequence[date]) -> State[Any]:
    """A backfill's final state: names each failed day with its reason."""
    failed = {day: state for day, state in states.items() if not state.is_completed()}
    counts = f"{len(states) - len(failed)} of {len(states)} days completed"
    if skipped:
        counts += f", {len(skipped)} were complete in the ledger already"
    if not failed:
        return Completed(message=f"{counts}.")
    reasons = " ".join(f"{day}: {state.message}" for day, state in failed.items())
    return Failed(message=f"{counts}; failed: {', '.join(map(str, failed))}. {reasons}")
