"""Prefect's API goes away at some moment of a run, for a while or for good: what is loaded is
right, the process ends and says so, and the next run makes up for the rest.
"""

import copy
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import pytest
from prefect.settings import PREFECT_API_URL
from prefect.variables import Variable

from tasks.gate import FIRST_RUN
from tests.integration.away import Door
from tests.integration.daily_runs import (
    DBT_QUERY,
    FIRST,
    NO_DBT,
    SECOND,
    STATIC_TABLES,
    DailyRuns,
    Place,
    left_at,
)
from tests.integration.forker import Forker, Kill
from tests.integration.snapshot import ALL, LOADED

SOON = 3.0  # seconds of silence, and then of idleness, that are too long here
QUICK = {
    "flows.terminal.silence:ASK_SECONDS": "tests.integration.test_prefect_away:ASK",
    "flows.terminal.silence:SAY_SECONDS": "tests.integration.test_prefect_away:ASK",
    "flows.terminal.silence:GIVE_UP_SECONDS": "tests.integration.test_prefect_away:SOON",
    "flows.terminal.silence:IDLE_SECONDS": "tests.integration.test_prefect_away:ASK",
}
ASK = 0.3


LENGTHS = {"a second": 1.0, "a minute": 60.0, "for good": None}  # seconds


def rows(moments: dict[str, Kill], always: set[tuple[str, str]]) -> list[Any]:
    """Each moment with each length; what isn't always run is `long`."""
    return [
        pytest.param(
            kill,
            seconds,
            id=f"{name}, {length}",
            marks=() if (name, length) in always else pytest.mark.long,
        )
        for name, kill in moments.items()
        for length, seconds in LENGTHS.items()
    ]


def moment(function: str, of: str = "", when: str = "before", nth: int = 1) -> Kill:
    """The process stands still there, until the API has gone."""
    return Kill(when, function, nth, of, signal.SIGSTOP)


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
    "during dbt": moment(DBT_QUERY, nth=60),
    "at the end": moment("flows.daily:publish"),
}


@dataclass
class Behind:
    """Runs whose Prefect server is behind a door."""

    door: Door
    hasty: DailyRuns  # their client asks again after 2 and 4 seconds, and then no more
    patient: DailyRuns  # as a client is by default

    def gone(self, place: Place, day: date, kill: Kill, seconds: float | None) -> bool:
        """Whether a run completes whose API goes away at that moment; it ends and says what is so.

        It completes if the API comes back in time.
        """
        runs = self.patient if seconds == LENGTHS["a minute"] else self.hasty
        replace = {} if kill.function == DBT_QUERY else NO_DBT
        limits = {} if seconds else QUICK
        child = runs.start(place, day, kill=kill, replace=replace | limits)
        assert child.wait() == -signal.SIGSTOP, child.said
        self.door.close()
        child.go_on()
        if seconds:
            time.sleep(seconds)
            self.door.open()
        code = child.wait()
        if not seconds:
            self.door.open()
        assert "Traceback" not in child.said
        if seconds != LENGTHS["a minute"]:
            assert code == (0 if seconds else 1), child.said
        if code == 0:
            return True
        assert "Prefect's API has not answered for" in child.said
        # after a minute it may be back when a step has failed for want of it.
        ends = ["no longer answers: its server doesn't know", "does not answer"][
            : 2 if seconds else 1
        ]
        assert any(f"Prefect's API {end}" in child.said for end in ends)
        if day == SECOND:
            for channel in ("call_logs", "sm_complaints", "web_complaints"):
                assert channel in child.said.partition("Loaded: ")[2].partition("\n")[0]
        return False


@pytest.fixture(scope="module")
def server_behind(
    daily_runs: DailyRuns, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Behind]:
    """The session's server, a door before it, and forkers that know the door alone."""
    door = Door(int(urlsplit(str(PREFECT_API_URL.value())).port or 0))
    url = {"PREFECT_API_URL": f"http://127.0.0.1:{door.port}/api"}
    forkers = [
        Forker(tmp_path_factory.mktemp("away"), url | retries)
        for retries in ({"PREFECT_CLIENT_MAX_RETRIES": "2"}, {})
    ]
    runs = [copy.copy(daily_runs) for _ in forkers]
    for each, forker in zip(runs, forkers, strict=True):
        each.forker = forker
    yield Behind(door, *runs)
    for forker in forkers:
        forker.close()
    door.close()


@pytest.fixture
def behind(server_behind: Behind) -> Iterator[Behind]:
    """The same, its door open before and after the test."""
    yield server_behind
    server_behind.door.close()
    server_behind.door.open()


@pytest.mark.parametrize(
    ("kill", "seconds"),
    rows(
        FIRST_RUNS,
        {("before the Variable is set", "for good"), ("before the static path", "a second")},
    ),
)
def test_a_first_run(
    daily_runs: DailyRuns, behind: Behind, kill: Kill, seconds: float | None
) -> None:
    """The Variable is false only if customers and agents are in; the next run ends as one that was
    never disturbed.
    """
    Variable.unset(FIRST_RUN)
    with daily_runs.before.copied() as place:
        completed = behind.gone(place, FIRST, kill, seconds)
        if Variable.get(FIRST_RUN) == "false":
            assert all(left_at(place).tables[name] for name in STATIC_TABLES)
        if not completed:
            daily_runs.run(place, FIRST)
        assert left_at(place).differences(daily_runs.first) == []
        assert Variable.get(FIRST_RUN) == "false"


@pytest.mark.parametrize(
    ("kill", "seconds"), rows(LATER_RUNS, {("while complaints load", "for good")})
)
def test_a_later_run(
    daily_runs: DailyRuns, behind: Behind, kill: Kill, seconds: float | None
) -> None:
    """Tasks need no server: all that there is to load is in whether it comes back or not."""
    Variable.set(FIRST_RUN, "false", overwrite=True)
    with daily_runs.after_first.copied() as place:
        behind.gone(place, SECOND, kill, seconds)
        built = ALL if kill.function == DBT_QUERY else LOADED
        assert left_at(place).differences(daily_runs.second, built) == []
        assert Variable.get(FIRST_RUN) == "false"
