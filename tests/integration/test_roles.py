"""Two daily runs, dbt included, with the documented role and nothing more, where all tables are
published (Debezium, Airbyte, Fivetran).
"""

import asyncio
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from blocks import samples
from blocks.resolving import forget
from blocks.settings import settings
from flows.daily import daily
from tests import roles

FIRST, SECOND = date(2025, 11, 20), date(2025, 11, 21)


@pytest.fixture
def by_roles(
    local: Path, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The platform `local` on the documented roles, in a database that publishes all its tables."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    samples.ensure(tmp_path / "sources", database, FIRST)
    roles.make(database)
    samples.ensure(tmp_path / "sources", database, SECOND)  # its table comes after the GRANTs
    for variable, role in (("WAREHOUSE", roles.LOADER), ("WEB_FORMS", roles.READER)):
        dsn = database.replace("postgres:@", f"{role}:@")
        monkeypatch.setenv(f"CORETELECOMS_{variable}_DSN", dsn)
    monkeypatch.setenv("CORETELECOMS_READERS", roles.ANALYSTS)
    monkeypatch.setenv("CORETELECOMS_SOURCE_URL", str(tmp_path / "sources"))
    settings.cache_clear()
    forget()
    yield
    roles.drop(database)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP PUBLICATION everything")


def test_two_daily_runs_with_the_documented_roles(by_roles: None, database: str) -> None:
    for day in (FIRST, SECOND):
        state: Any = asyncio.run(daily(run_date=day, return_state=True))  # type: ignore[arg-type]
        assert state.is_completed(), state.message
    roles.assert_both_days_are_built(database)
    roles.assert_readers_may_read(database)
