"""The truth table of the gate: every task failing alone, and every pair across the two sides.

What must come out is reasoned from the rules in `graph.expected`; what came out is read from
Prefect's server, from the flow run's own end, and from the bodies that ran.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from prefect.variables import Variable

from blocks.resources import forget
from blocks.settings import settings
from tasks.state import FIRST_RUN
from tasks.tables import create_all_tables
from tests.conftest import new_database
from tests.integration import graph
from tests.integration.graph import BEHIND, GATE, INGESTS, SET_UP, STATIC, TASKS

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

    def __init__(self, bodies: graph.Bodies) -> None:
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
            states=graph.recorded(end, awaited),
            name=graph.flow_run(end).name,
            state=str(end.name),
            message=str(end.message or ""),
            variable=Variable.get(FIRST_RUN),
        )


@pytest.fixture(scope="module")
def runs(
    prefect_server: None, postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runs]:
    """Runs on a database whose customers and agents are loaded (else G10 has its say)."""
    with new_database(postgres) as dsn, pytest.MonkeyPatch.context() as patch:
        with psycopg.connect(dsn) as connection:
            create_all_tables(connection)
            for table, key in (("customers", "customer_id"), ("agents", "agent_id")):
                connection.execute(
                    f"INSERT INTO conformed.{table} ({key}, run_date) VALUES ('1', '2025-11-20')"
                )
        patch.setenv("CORETELECOMS_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("CORETELECOMS_SOURCE_URL", str(Path.cwd()))  # set: no samples are made
        patch.setenv("CORETELECOMS_WAREHOUSE_DSN", dsn)
        settings.cache_clear()
        forget()
        with graph.trivial_bodies(patch) as bodies:
            yield Runs(bodies)
    Variable.unset(FIRST_RUN)
    settings.cache_clear()
    forget()


def named(failing: Set[str]) -> str:
    return "+".join(sorted(failing, key=TASKS.index)) or "nothing"


@pytest.mark.parametrize("variable", [None, "true", "false"], ids=["unset", "true", "false"])
@pytest.mark.parametrize("failing", [NOTHING, *ALONE, *PAIRS], ids=named)
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
