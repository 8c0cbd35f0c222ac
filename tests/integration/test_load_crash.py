"""PostgreSQL itself is stopped hard in the middle of a load, and comes back."""

from collections.abc import Iterator
from typing import Any

import pytest

from blocks.errors import DatabaseUnavailableError
from blocks.resources import Resources
from tasks.entities.contracts import CALL_LOGS
from tasks.loading import day
from tasks.loading.day import load_day
from tests.integration.crashing import crash
from tests.integration.days import call_logs, calls, known_parties, query


@pytest.fixture
def server(resources: Resources, postgres_server: Any) -> Iterator[Any]:
    """The session's one, which is up again after the test, however that ended."""
    yield postgres_server
    postgres_server.start()


@pytest.mark.parametrize("at", ["a batch", "the swap", "the ledger"])
def test_a_crash_loses_no_row_and_repeats_none(
    at: str,
    server: Any,
    resources: Resources,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known_parties(resources)
    load_day(CALL_LOGS, call_logs(calls(5), fingerprint="old").write(resources), resources)
    rows = calls(40)
    rows[11]["agent_id"] = "nobody"
    silver = call_logs(rows, fingerprint="new").write(resources)
    batches = 0

    def on_rows(done: int) -> None:
        nonlocal batches
        batches += 1
        if at == "a batch" and batches == 4:
            crash(server)

    def crashing(*_: Any) -> None:
        crash(server)

    with monkeypatch.context() as patched:
        step = {"the swap": "swap_in", "the ledger": "write_ledger"}.get(at)
        if step:
            patched.setattr(day, step, crashing)
        with pytest.raises(DatabaseUnavailableError):
            load_day(CALL_LOGS, silver, resources, on_rows=on_rows)
    server.start()
    assert query(resources, "SELECT count(*) FROM conformed.call_logs") == [(5,)]
    loaded = load_day(CALL_LOGS, silver, resources)
    # a batch may be lost with the server: then its checkpoint is too.
    assert loaded.batches_resumed <= batches
    assert loaded.batches_resumed + loaded.batches == 6
    assert (loaded.loaded, loaded.orphan) == (39, 1)
    counted = "SELECT count(*), count(DISTINCT call_id) FROM conformed.call_logs"
    assert query(resources, counted) == [(39, 39)]
    assert query(resources, "SELECT FROM pg_tables WHERE schemaname = 'staging'") == []
