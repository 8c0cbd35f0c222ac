"""Sources that are late: how long they are waited for (docs/contract.md#late)."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from blocks.errors import ConfigurationError, SourceMissingError, SourceUnreadableError
from tasks import late
from tasks.reporting.progress import Status, board


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(late, "ASK_SECONDS", 0.0)
    monkeypatch.setattr(late, "logger", logging.getLogger)
    board.clear()
    yield
    board.clear()


def test_the_deadline_is_the_next_such_moment() -> None:
    now = datetime.now(UTC)
    for minutes in (-61, -1, 61):
        at = (now + timedelta(minutes=minutes)).replace(second=0, microsecond=0)
        until = late.deadline(f"{at:%H:%M}")
        assert until is not None
        assert f"{until:%H:%M}" == f"{at:%H:%M}"
        assert now < until <= now + timedelta(days=1, minutes=1)
    assert late.deadline(None) is None


@pytest.mark.parametrize("text", ["24:00", "9", "noon", "", "12:60", "12:30:15"])
def test_what_is_no_time_of_day(text: str) -> None:
    with pytest.raises(ConfigurationError, match="Not a time of day"):
        late.deadline(text)


def test_a_source_that_comes_is_read() -> None:
    answers: Iterator[str | Exception] = iter(
        [SourceMissingError("not there"), SourceMissingError("not there"), "rows"]
    )
    seen = []

    def read() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        seen.append(board.steps["ingest_call_logs"].status)
        return answer

    until = datetime.now(UTC) + timedelta(hours=1)
    assert late.until_there(read, "ingest_call_logs", until) == "rows"
    assert seen == [Status.LATE]
    assert board.steps["ingest_call_logs"].detail == "60 min left"


@pytest.mark.parametrize("waits", [False, True])
def test_after_its_time_a_missing_source_is_an_error(waits: bool) -> None:
    until = datetime.now(UTC) - timedelta(seconds=1) if waits else None

    def read() -> None:
        raise SourceMissingError("not there")

    with pytest.raises(SourceMissingError):
        late.until_there(read, "ingest_call_logs", until)


def test_only_a_missing_source_is_waited_for() -> None:
    def read() -> None:
        raise SourceUnreadableError("cut off")

    with pytest.raises(SourceUnreadableError):
        late.until_there(read, "ingest_call_logs", datetime.now(UTC) + timedelta(hours=1))
