"""The truth table of the gate: every task failing alone, and every pair across the two sides.

With the Variable unset, true and false. Unset and true share the initial path, and nobody reads it
before the set-up is done: where a task of the complaint side fails, runs that differ in nothing
else are run once, with the Variable unset.

What must come out is reasoned from the rules in `graph.expected`; what came out is read from
Prefect's server, from the flow run's own end, and from the bodies that ran.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import pytest
from prefect.states import State
from prefect.variables import Variable

from tasks.gate import FIRST_RUN
from tests.integration import graph
from tests.integration.graph import (
    BEHIND,
    GATE,
    INGESTS,
    SET_UP,
    STATIC,
    TASKS,
    Bodies,
)

NOTHING: Set[str] = frozenset()
STATIC_SIDE = frozenset((*SET_UP, *STATIC))
ALONE = [frozenset({name}) for name in TASKS]
PAIRS = [
    frozenset({static, complaint})
    for static in (*SET_UP, *STATIC)
    for complaint in (*INGESTS, GATE, *BEHIND)
]
# the channels go the same way: of what one channel shows, the other two show more (make test-long).
OF_ANOTHER_CHANNEL = {
    frozenset({static, ingest})
    for turn, static in enumerate((*SET_UP, *STATIC))
    for ingest in INGESTS
    if ingest != INGESTS[turn % len(INGESTS)]
}


@dataclass(frozen=True)
class Ended:
    """How a run ended, here: bodies in the order they began, its state, the Variable after it."""

    ran: list[str]
    state: State[Any]
    variable: object


@dataclass(frozen=True)
class Recorded:
    """A run's name on the server, its task runs' states, what the held-back ones say of it."""

    name: str
    states: Mapping[str, str]
    held_by: Mapping[str, str]


class Runs:
    """Runs of the graph with trivial bodies; those that can't differ are run once."""

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies
        self._ended: dict[tuple[Set[str], str | None], Ended] = {}
        self._recorded: dict[tuple[Set[str], str | None], Recorded] = {}

    def ended(self, failing: Set[str], variable: str | None) -> Ended:
        """The run in which these tasks fail.

        All tasks that should not get to run are made to fail as well. If none of them ran (which
        the test asserts), the run went as it would have with fewer of them failing: one run then
        stands for many rows of the table.
        """
        row = _armed(failing, variable), variable
        if row not in self._ended:
            self._ended[row] = self._run(*row)
        return self._ended[row]

    def recorded(self, failing: Set[str], variable: str | None) -> "Recorded":
        """That run as the server has it."""
        row = _armed(failing, variable), variable
        if row not in self._recorded:
            state = self.ended(failing, variable).state
            awaited = graph.expected(failing, variable).states
            runs = graph.recorded(state, awaited)
            self._recorded[row] = Recorded(
                graph.flow_run(state).name, graph.states(runs), graph.held_by(runs)
            )
        return self._recorded[row]

    def _run(self, failing: Set[str], variable: str | None) -> Ended:
        if variable is None:
            Variable.unset(FIRST_RUN)
        else:
            Variable.set(FIRST_RUN, variable, overwrite=True)
        self.bodies.fail(*failing)
        return Ended(state=graph.run_daily(), ran=self.bodies.ran, variable=Variable.get(FIRST_RUN))


def _armed(failing: Set[str], variable: str | None) -> Set[str]:
    return failing | (set(TASKS) - graph.expected(failing, variable).ran)


@pytest.fixture(scope="module")
def runs(bodies: Bodies, request: pytest.FixtureRequest) -> Runs:
    """All runs that the chosen rows want, one after the other: the server writes them down
    meanwhile, and no test waits for it.
    """
    made = Runs(bodies)
    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.originalname == test_truth_table.__name__:
            made.ended(*item.callspec.params.values())  # type: ignore[arg-type]
    return made


def named(failing: Set[str]) -> str:
    return "+".join(sorted(failing, key=TASKS.index)) or "nothing"


def variables(failing: Set[str]) -> tuple[str | None, ...]:
    """What the Variable is in the rows where these tasks fail."""
    if failing <= STATIC_SIDE:
        return None, "true", "false"
    return (None, "false") if failing.isdisjoint(SET_UP) else (None,)


ROWS = [
    pytest.param(
        failing,
        variable,
        id=f"{named(failing)}-{variable or 'unset'}",
        marks=pytest.mark.long if failing in OF_ANOTHER_CHANNEL else (),
    )
    for failing in (NOTHING, *ALONE, *PAIRS)
    for variable in variables(failing)
]


@pytest.mark.parametrize(("failing", "variable"), ROWS)
def test_truth_table(runs: Runs, failing: Set[str], variable: str | None) -> None:
    ought = graph.expected(failing, variable)
    end = runs.ended(failing, variable)
    seen = runs.recorded(failing, variable)
    message = str(end.state.message or "")

    assert sorted(end.ran) == sorted(ought.ran)
    assert seen.states == ought.states
    assert seen.held_by == {
        task: f"held back: {' and '.join(sorted(before))} failed"
        for task, before in ought.held_by.items()
    }
    assert (end.state.name, end.variable) == (ought.state, ought.variable)

    failed = {task for task, state in ought.states.items() if state == "Failed"}
    held = {task for task, state in ought.states.items() if state == "HeldBack"}
    assert {task for task in TASKS if f"{task} failed: " in message} == failed
    closed = ought.states[GATE] != "Completed"
    assert ("The gate stayed closed" in message) == closed
    assert ("run the same date again" in message) == (ought.state == "Failed")
    if not closed:
        assert {task for task in TASKS if task in message} == failed | held
    path = "" if not failing.isdisjoint(SET_UP) else "-incremental"
    if variable != "false" and path:
        path = "-initial"
    assert seen.name == f"daily-{graph.RUN_DATE}{path}"
