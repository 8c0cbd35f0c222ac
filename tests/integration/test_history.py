"""The history of run dates: their states, the artifact, and `python -m flows.history`."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from blocks.resources import Resources
from flows.history import main
from tasks.entities.contracts import COMPLAINTS
from tasks.reporting.history import Day, DayState, read_history
from tasks.reporting.markdown import history
from tests.integration.eight_days import FIRST, LAST, STATES, eight_days


@pytest.fixture
def days(resources: Resources) -> list[Day]:
    """Sixty run dates, of which eight are loaded, or should be."""
    return eight_days(resources)


def test_the_state_of_each_run_date(days: list[Day]) -> None:
    assert len(days) == 60
    states = {day.run_date: day.state for day in days}
    for n, state in STATES.items():
        assert states.pop(FIRST + timedelta(days=n)) == state
    assert set(states.values()) == {DayState.NOT_YET}  # before the first one
    notes = {day.run_date - FIRST: day.notes for day in days}
    first, second, *_ = COMPLAINTS
    assert notes[timedelta(days=2)] == ["nothing is loaded"]
    assert notes[timedelta(days=3)] == [
        f"{first.name} was rejected (quarantine share): 202 rows read, 150 for quarantine"
    ]
    assert notes[timedelta(days=4)] == [f"{second.name} is not loaded"]
    assert notes[timedelta(days=5)] == [f"the rows of {first.name} are gone from the database"]
    types = {day.run_date - FIRST: day.load_type for day in days if day.ledger}
    assert types.pop(timedelta(0)) == "initial"
    assert set(types.values()) == {"incremental"}


def test_without_a_last_run_date(days: list[Day], resources: Resources) -> None:
    def ends(today: date) -> date:
        return read_history(resources.warehouse_dsn, None, due_before=today)[-1].run_date

    newest = max(day.run_date for day in days if day.ledger)
    assert ends(newest + timedelta(days=59)) == newest + timedelta(days=59)
    assert ends(newest + timedelta(days=60)) == newest  # today's sixty would show none


def test_the_artifact_of_a_run(days: list[Day]) -> None:
    text = history(days)
    assert "✔ 3 loaded · ✘ 1 rejected · ◐ 2 incomplete · ! 1 missing" in text
    assert f"| {FIRST} | ✔ loaded | initial | " in text
    assert "call_logs was rejected (quarantine share): 202 rows read" in text
    assert len(text) < 4000
    assert "private" not in text


def test_no_run_date_at_all(resources: Resources) -> None:
    assert read_history(resources.warehouse_dsn, LAST, due_before=LAST) == []


@pytest.fixture
def on_disk(
    days: list[Day], resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The same run dates on the platform `local`; gives its home."""
    from blocks.resolving import forget
    from blocks.settings import settings

    monkeypatch.setenv("CORETELECOMS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CORETELECOMS_WAREHOUSE_DSN", resources.warehouse_dsn)
    settings.cache_clear()
    forget()
    yield tmp_path / "home"
    settings.cache_clear()
    forget()


def test_the_command(
    on_disk: Path,
    days: list[Day],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    opener: list[str] = []
    monkeypatch.setattr("webbrowser.open", opener.append)
    assert main(["--to", str(LAST)]) == 0
    file = on_disk / "history.html"
    assert capsys.readouterr().out == f"Open {file}\n"
    assert "Sample data" in file.read_text("utf-8")
    assert opener == []

    elsewhere = on_disk / "elsewhere.html"
    assert main(["--to", str(LAST), "--out", str(elsewhere), "--open", "--json"]) == 0
    assert opener == [elsewhere.as_uri()]
    answer = json.loads(capsys.readouterr().out)
    assert answer["file"] == str(elsewhere)
    shown = {each["run_date"]: each for each in answer["days"]}
    for day in days:
        each = shown[str(day.run_date)]
        assert each["ledger"] == day.ledger
        assert (each["rejected"], each["problems"]) == (day.rejected, day.problems)
        assert not day.due or each["notes"] == day.notes
    assert shown[str(FIRST)]["load_type"] == "initial"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--to", "2020-01-01"], "Nothing was loaded in the 60 run dates up to 2020-01-01"),
        (["--to", str(LAST), "--out", "/no/such/folder/x.html"], "The page can't be written"),
    ],
)
def test_what_the_command_refuses(
    on_disk: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(said)
    assert "What to do: " in captured.err


def test_a_date_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--to", "yesterday"])
    assert ended.value.code == 2
    assert "write it as YYYY-MM-DD" in capsys.readouterr().err
