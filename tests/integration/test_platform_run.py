"""A daily run on a registered platform: sources and lake on S3, a database with a password."""

import asyncio
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prefect.states import State
from prefect.variables import Variable

from blocks import samples
from blocks.register import command
from blocks.resolving import forget, resolve
from blocks.resources import Resources
from blocks.settings import settings
from flows.daily import daily
from tasks import warehouse
from tasks.gate import FIRST_RUN
from tests.integration.forker import nothing
from tests.integration.s3_server import S3

DAY = date(2025, 11, 21)
NAME = "testing-a-run"


@pytest.fixture
def platform(
    prefect_server: None,
    s3: S3,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """The name of a platform block, registered; its sources hold one day."""
    samples.ensure(tmp_path, database, DAY)
    for path in tmp_path.rglob("*.[cj]s*"):
        s3.client().upload_file(
            str(path), "lake", f"telecom/{path.relative_to(tmp_path).as_posix()}"
        )
    monkeypatch.setenv("CORETELECOMS_SOURCE_URL", "s3://lake/telecom")
    monkeypatch.setenv("CORETELECOMS_LAKE_URL", "s3://lake/our lake")
    dsn = database.replace("postgres:@", "postgres:pa%2Fss%20w%40rd@")
    monkeypatch.setenv("CORETELECOMS_WAREHOUSE_DSN", dsn)
    settings.cache_clear()
    forget()
    Variable.unset(FIRST_RUN)
    assert command.main(["--name", NAME]) == 0
    # what runs must come from the block alone
    for name in ("SOURCE_URL", "LAKE_URL", "WAREHOUSE_DSN"):
        monkeypatch.delenv(f"CORETELECOMS_{name}")
    for name in ("ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "DEFAULT_REGION"):
        monkeypatch.delenv(f"AWS_{name}")
    settings.cache_clear()
    yield NAME
    Variable.unset(FIRST_RUN)
    settings.cache_clear()
    forget()


def test_a_day_from_s3(platform: str, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as dbt, which gets the address of the tables, password included."""
    passed: dict[str, str] = {}

    def build(resources: Resources, full_refresh: bool) -> warehouse.Built:
        passed.update(warehouse.environment(resources.warehouse_dsn))
        return nothing()

    monkeypatch.setattr(warehouse, "_build", build)
    state: State[Any] = asyncio.run(daily(DAY, platform=platform, return_state=True))  # type: ignore[arg-type]
    assert state.is_completed(), state.message
    assert f"our lake/silver/call_logs/{DAY}.parquet" in s3.objects()
    with psycopg.connect(resolve(platform).warehouse_dsn) as connection:
        loaded = connection.execute("SELECT entity, loaded > 0 FROM ops.ledger").fetchall()
    assert len(loaded) == 5
    assert all(some for _, some in loaded)
    assert passed["DBT_ENV_SECRET_CORETELECOMS_DBT_PASSWORD"] == "pa/ss w@rd"
