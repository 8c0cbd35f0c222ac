"""The run date of a run that was given none (docs/contract.md#run-date)."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from blocks.errors import RunDateError
from flows.shared.run import checked_run_date


def schedule(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    """The run at work was scheduled for then."""
    flow_run = SimpleNamespace(scheduled_start_time=at)
    monkeypatch.setattr("flows.shared.run.runtime", SimpleNamespace(flow_run=flow_run))


@pytest.mark.parametrize(
    ("scheduled", "lag_days", "run_date"),
    [
        ("2025-11-20T22:30:00+00:00", 0, date(2025, 11, 20)),
        ("2025-11-21T02:00:00+00:00", 1, date(2025, 11, 20)),
        ("2025-03-01T02:00:00+00:00", 1, date(2025, 2, 28)),
        ("2025-11-21T00:30:00+01:00", 0, date(2025, 11, 20)),  # the day in UTC counts
        ("2025-11-21T02:00:00+01:00", 1, date(2025, 11, 20)),
        ("2025-11-21T02:00:00+09:00", 0, date(2025, 11, 20)),  # it is the day before in UTC already
        ("2025-11-21T08:00:00+09:00", 1, date(2025, 11, 19)),
    ],
)
def test_it_counts_from_the_time_that_was_scheduled(
    monkeypatch: pytest.MonkeyPatch, scheduled: str, lag_days: int, run_date: date
) -> None:
    schedule(monkeypatch, datetime.fromisoformat(scheduled))
    assert checked_run_date(None, lag_days) == run_date


def test_a_run_that_is_started_before_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    schedule(monkeypatch, now + timedelta(days=3))
    assert checked_run_date(None, 1) == now.date() - timedelta(1)


def test_given_twice() -> None:
    assert checked_run_date(date(2025, 11, 20)) == date(2025, 11, 20)
    with pytest.raises(RunDateError, match="give one of them"):
        checked_run_date(date(2025, 11, 20), 1)
