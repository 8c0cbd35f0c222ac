"""The truth table of the gate: every task failing alone, and every pair across the two sides.

What must come out is reasoned from the rules in `graph.expected`; what came out is read from
Prefect's server, from the flow run's own end, and from the bodies that ran.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass

import pytest
from prefect.variables import Variable

from tasks.state import FIRST_RUN
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
ALONE = [frozenset({name}) for name in TASKS]
PAIRS = [
    frozenset({static, complaint})
    for static in (*SET_UP, *STATIC)
    for complaint in (*INGESTS, GATE, *BEHIND)
]


@dataclass(frozen=True)
class Seen:
    """How a run went: bodies in the order they began, the server's task runs, its end."""

    ran: list[str]
    states: dict[str, str]
    name: str
    state: str
    message: str
    variable: object


class Runs:
    """Runs of the graph with trivial bodies; those that can't differ are run once."""

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies
        self._seen: dict[tuple[Set[str], str | None], Seen] = {}

    def __call__(self, failing: Set[str], variable: str | None) -> Seen:
        """The run in which these tasks fail.

        All tasks that should not get to run are made to fail as well. If none of them ran (which
        the test asserts), the run went as it would have with fewer of them failing: one run then
        stands for many rows of the table.
        """
        ought = graph.expected(failing, variable)
        armed = failing | (set(TASKS) - ought.ran)
        if (armed, variable) not in self._seen:
            self._seen[armed, variable] = self._run(armed, variable, ought.states)
        return self._seen[armed, variable]

    def _run(self, failing: Set[str], variable: str | None, awaited: Mapping[str, str]) -> Seen:
        if variable is None:
            Variable.unset(FIRST_RUN)
        else:
            Variable.set(FIRST_RUN, variable, overwrite=True)
        self.bodies.fail(*failing)
        end = graph.run_daily()
        return Seen(
            ran=self.bodies.ran,
            states=graph.states(graph.recorded(end, awaited)),
            name=graph.flow_run(end).name,
            state=str(end.name),
            message=str(end.message or ""),
            variable=Variable.get(FIRST_RUN),
        )


@pytest.fixture(scope="module")
def runs(bodies: Bodies) -> Runs:
    return Runs(bodies)


def named(failing: Set[str]) -> str:
    return "+".join(sorted(failing, key=TASKS.index)) or "nothing"


ROWS = [
    pytest.param(failing, variable, id=f"{named(failing)}-{variable or 'unset'}")
    for failing in (NOTHING, *ALONE, *PAIRS)
    for variable in (None, "true", "false")
]


@pytest.mark.parametrize(("failing", "variable"), ROWS)
def test_truth_table(runs: Runs, failing: Set[str], variable: str | None) -> None:
    ought = graph.expected(failing, variable)
    seen = runs(failing, variable)

    assert sorted(seen.ran) == sorted(ought.ran)
    assert seen.states == ought.states
    assert (seen.state, seen.variable) == (ought.state, ought.variable)

    failed = {name for name, state in ought.states.items() if state == "Failed"}
    held = {name for name, state in ought.states.items() if state == "NotReady"}
    assert {name for name in TASKS if f"{name} failed: " in seen.message} == failed
    assert ("The gate stayed closed" in seen.message) == (GATE in held)
    assert ("run it again" in seen.message.lower()) == (ought.state == "Failed")
    if GATE not in held:
        assert {name for name in TASKS if name in seen.message} == failed | held
    path = "" if not failing.isdisjoint(SET_UP) else "-incremental"
    if variable != "false" and path:
        path = "-initial"
    assert seen.name == f"daily-{graph.RUN_DATE}{path}"
