"""Prefect's API goes away at some moment of a run, for a moment or for good: what is loaded is
right, the process ends and says so, and the next run makes up for the rest.
"""

import copy
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from prefect.settings import PREFECT_API_URL
from prefect.variables import Variable

from tasks.gate import FIRST_RUN
from tests.integration.away import Door
from tests.integration.daily_runs import (
    FIRST,
    NO_DBT,
    SECOND,
    STATIC_TABLES,
    DailyRuns,
    Place,
    left_at,
)
from tests.integration.forker import Child, Forker, Kill

SOON = 3.0  # seconds of silence, and then of idleness, that are too long here
QUICK = {
    "flows.terminal.silence:ASK_SECONDS": "tests.integration.test_prefect_away:ASK",
    "flows.terminal.silence:SAY_SECONDS": "tests.integration.test_prefect_away:ASK",
    "flows.terminal.silence:GIVE_UP_SECONDS": "tests.integration.test_prefect_away:SOON",
    "flows.terminal.silence:IDLE_SECONDS": "tests.integration.test_prefect_away:ASK",
}
ASK = 0.3


def rows(moments: dict[str, Kill], always: set[tuple[str, str]]) -> list[Any]:
    """Each moment with both lengths; what isn't always run is `long`."""
    return [
        pytest.param(
            kill,
            length == "for good",
            id=f"{name}, {length}",
            marks=() if (name, length) in always else pytest.mark.long,
        )
        for name, kill in moments.items()
        for length in ("a second", "for good")
    ]


def moment(function: str, of: str = "", when: str = "before") -> Kill:
    """The process stands still there, until the API has gone."""
    return Kill(when, function, of=of, signal=signal.SIGSTOP)


FIRST_RUNS = {
    "before the load type": moment("tasks.gate:_load_type"),
    "before the static path": moment("flows.daily:static_data"),
    "before the first load": moment("tasks.load:load_static", "customers"),
    "before the Variable is set": moment("tasks.gate:Variable.set"),
    "after the Variable is set": moment("tasks.gate:Variable.set", when="after"),
}
LATER_RUNS = {
    "while complaints load": moment("tasks.loading.copying:copy", "call_logs"),
    "before dbt": moment("tasks.warehouse:_build"),
    "at the end": moment("flows.daily:publish"),
}


@dataclass
class Behind:
    """Runs whose Prefect server is behind a door."""

    daily_runs: DailyRuns
    door: Door

    def gone(self, place: Place, day: date, kill: Kill, for_good: bool) -> Child:
        """A run whose API goes away at that moment."""
        limits = QUICK if for_good else {}
        child = self.daily_runs.start(place, day, kill=kill, replace=NO_DBT | limits)
        assert child.wait() == -signal.SIGSTOP, child.said
        self.door.close()
        child.go_on()
        return child


@pytest.fixture(scope="module")
def server_behind(
    daily_runs: DailyRuns, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Behind]:
    """The session's server, a door before it, and a forker that knows the door alone."""
    door = Door(int(urlsplit(str(PREFECT_API_URL.value())).port or 0))
    url = {"PREFECT_API_URL": f"http://127.0.0.1:{door.port}/api"}
    # so long a client is patient: 2 and 4 seconds between its attempts.
    forker = Forker(tmp_path_factory.mktemp("away"), url | {"PREFECT_CLIENT_MAX_RETRIES": "2"})
    theirs = copy.copy(daily_runs)
    theirs.forker = forker
    yield Behind(theirs, door)
    forker.close()
    door.close()


@pytest.fixture
def behind(server_behind: Behind) -> Iterator[Behind]:
    """The same, its door open before and after the test."""
    yield server_behind
    server_behind.door.close()
    server_behind.door.open()


@pytest.mark.parametrize(
    ("kill", "for_good"),
    rows(
        FIRST_RUNS,
        {("before the Variable is set", "for good"), ("before the static path", "a second")},
    ),
)
def test_a_first_run(
    daily_runs: DailyRuns, behind: Behind, kill: Kill, for_good: bool, tmp_path: Path
) -> None:
    """The Variable is false only if customers and agents are in; the next run ends as one that was
    never disturbed.
    """
    Variable.unset(FIRST_RUN)
    with daily_runs.before.copied() as place:
        child = behind.gone(place, FIRST, kill, for_good)
        ended(behind, child, for_good)
        if Variable.get(FIRST_RUN) == "false":
            assert all(left_at(place).tables[name] for name in STATIC_TABLES)
        if for_good:
            daily_runs.run(place, FIRST)
        assert left_at(place).differences(daily_runs.first) == []
        assert Variable.get(FIRST_RUN) == "false"


@pytest.mark.parametrize(
    ("kill", "for_good"), rows(LATER_RUNS, {("while complaints load", "for good")})
)
def test_a_later_run(daily_runs: DailyRuns, behind: Behind, kill: Kill, for_good: bool) -> None:
    """Tasks need no server: all that there is to load is in whether it comes back or not."""
    Variable.set(FIRST_RUN, "false", overwrite=True)
    with daily_runs.after_first.copied() as place:
        child = behind.gone(place, SECOND, kill, for_good)
        ended(behind, child, for_good)
        assert left_at(place).differences(daily_runs.second) == []
        if for_good:
            for channel in ("call_logs", "sm_complaints", "web_complaints"):
                assert channel in child.said.partition("Loaded: ")[2].partition("\n")[0]
        assert Variable.get(FIRST_RUN) == "false"


def ended(behind: Behind, child: Child, for_good: bool) -> None:
    """The run ends by itself and says what is so; it completes if the API comes back in time."""
    if not for_good:
        time.sleep(1)
        behind.door.open()
        assert child.wait() == 0, child.said
        return
    assert child.wait() == 1, child.said
    assert "Prefect's API has not answered for" in child.said
    assert "✘ Prefect's API no longer answers" in child.said
    assert "Traceback" not in child.said
    behind.door.open()
