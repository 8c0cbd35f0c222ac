"""A load that was interrupted: by an error, a lost connection, another load."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from blocks.errors import DatabaseUnavailableError, RunDateBusyError, TerminalError
from blocks.resources import Resources
from tasks.entities.contracts import CALL_LOGS
from tasks.entities.references import Silver
from tasks.loading import copying, locks
from tasks.loading.day import load_day
from tests.integration.days import (
    DAY,
    assert_forty_calls,
    call_logs,
    calls,
    forty_calls,
    known_parties,
    query,
)

ROWS = 40  # six batches of seven


class _StopError(Exception):
    pass


def _stop_after(batches: int) -> Callable[[int], None]:
    left = iter(range(batches - 1))

    def on_rows(rows: int) -> None:
        if next(left, None) is None:
            raise _StopError

    return on_rows


@pytest.fixture
def silver(resources: Resources) -> Silver:
    known_parties(resources)
    return forty_calls(resources)


def _interrupt(resources: Resources, silver: Silver, batches: int) -> None:
    with pytest.raises(_StopError):
        load_day(CALL_LOGS, silver, resources, on_rows=_stop_after(batches))


@pytest.mark.parametrize("batches", [1, 3, 6])
def test_committed_batches_are_not_copied_again(
    resources: Resources, silver: Silver, batches: int
) -> None:
    _interrupt(resources, silver, batches)
    assert query(resources, "SELECT * FROM conformed.call_logs") == []
    seen: list[int] = []
    loaded = load_day(CALL_LOGS, silver, resources, on_rows=seen.append)
    assert (loaded.batches_resumed, loaded.batches) == (batches, 6 - batches)
    assert sum(seen) == ROWS
    assert_forty_calls(resources)


def test_a_load_goes_on_where_it_stopped_with_other_batches(
    resources: Resources, silver: Silver
) -> None:
    _interrupt(resources, silver, 2)
    loaded = load_day(CALL_LOGS, silver, replace(resources, batch_rows=20))
    assert (loaded.batches_resumed, loaded.batches) == (2, 2)
    assert_forty_calls(resources)


def test_another_source_starts_from_the_beginning(resources: Resources, silver: Silver) -> None:
    _interrupt(resources, silver, 4)
    rows = calls(10, complaint_category="Network Failure")
    other = call_logs(rows, fingerprint="two").write(resources)
    loaded = load_day(CALL_LOGS, other, resources)
    assert (loaded.batches_resumed, loaded.batches, loaded.loaded) == (0, 2, 10)
    assert query(resources, "SELECT DISTINCT complaint_category FROM conformed.call_logs") == [
        ("Network Failure",)
    ]


def test_a_completed_day_is_loaded_from_the_beginning(resources: Resources, silver: Silver) -> None:
    for _ in range(2):
        loaded = load_day(CALL_LOGS, silver, resources)
        assert (loaded.batches_resumed, loaded.batches) == (0, 6)
        assert_forty_calls(resources)


def test_an_interrupted_reload_leaves_the_old_day(resources: Resources, silver: Silver) -> None:
    load_day(CALL_LOGS, silver, resources)
    shorter = call_logs(calls(8), fingerprint="two").write(resources)
    _interrupt(resources, shorter, 1)
    assert query(resources, "SELECT count(*) FROM conformed.call_logs") == [(38,)]
    assert load_day(CALL_LOGS, shorter, resources).batches_resumed == 1
    assert query(resources, "SELECT count(*) FROM conformed.call_logs") == [(8,)]


def test_rows_that_postgres_rejects_are_not_resumed(resources: Resources, silver: Silver) -> None:
    rows = calls(20)
    rows[15]["call_id"] = rows[2]["call_id"]
    broken = call_logs(rows).write(resources)
    with pytest.raises(TerminalError, match="UniqueViolation"):
        load_day(CALL_LOGS, broken, resources)
    assert query(resources, "SELECT FROM ops.checkpoints") == []
    fixed = call_logs(calls(20)).write(resources)
    assert load_day(CALL_LOGS, fixed, resources).batches_resumed == 0


def test_a_file_that_is_not_its_reference_is_not_loaded(
    resources: Resources, silver: Silver
) -> None:
    with pytest.raises(copying.FileReplacedError):
        load_day(CALL_LOGS, replace(silver, rows=ROWS + 5), resources)
    load_day(CALL_LOGS, silver, resources)
    assert_forty_calls(resources)


def test_a_cut_connection_is_transient_and_the_load_goes_on(
    resources: Resources, silver: Silver
) -> None:
    batches = []

    def cut(rows: int) -> None:
        batches.append(rows)
        if len(batches) == 3:
            query(
                resources,
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE application_name = 'coretelecoms call_logs 2025-11-21'",
            )

    with pytest.raises(DatabaseUnavailableError):
        load_day(CALL_LOGS, silver, resources, on_rows=cut)
    loaded = load_day(CALL_LOGS, silver, resources)
    assert (loaded.batches_resumed, loaded.batches) == (3, 3)
    assert_forty_calls(resources)


def test_a_second_load_of_the_day_is_refused_and_names_the_first(
    resources: Resources, silver: Silver, no_grace: None
) -> None:
    with locks.at_work(resources.warehouse_dsn, "call_logs", DAY) as holder:
        pid = holder.info.backend_pid
        expected = (
            rf"at work on call_logs 2025-11-21 \(server process {pid}, coretelecoms call_logs"
        )
        with pytest.raises(RunDateBusyError, match=expected):
            load_day(CALL_LOGS, silver, resources)
    load_day(CALL_LOGS, silver, resources)
    assert_forty_calls(resources)
