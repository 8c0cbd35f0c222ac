"""The database of Prefect's server as `make server` starts it: its own file, in one connection."""

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

import pytest
from prefect.settings import (
    PREFECT_HOME,
    PREFECT_SERVER_DATABASE_CONNECTION_URL,
    temporary_settings,
)

from blocks.server import keep_to_one_connection

ADDRESS = "PREFECT_SERVER_DATABASE_CONNECTION_URL"


@pytest.mark.parametrize("folder", ["plain", "a b%20c?d#e"])
def test_its_own_file(tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    home = tmp_path / folder
    home.mkdir()
    default = f"sqlite+aiosqlite:///{home}/prefect.db"
    with temporary_settings({PREFECT_HOME: home, PREFECT_SERVER_DATABASE_CONNECTION_URL: default}):
        keep_to_one_connection()
    address = os.environ[ADDRESS].removeprefix("sqlite+aiosqlite:///")
    assert ":memory:" in address
    assert quote(str(home)) in address
    with sqlite3.connect(address, uri=True) as database:
        database.execute("CREATE TABLE there (is_it INT)")
    assert (home / "prefect.db").exists()


@pytest.mark.parametrize(
    "chosen",
    ["postgresql+asyncpg://prefect@db/prefect", "sqlite+aiosqlite:////var/lib/prefect.db"],
)
def test_another_database_stays(chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    with temporary_settings({PREFECT_SERVER_DATABASE_CONNECTION_URL: chosen}):
        keep_to_one_connection()
    assert ADDRESS not in os.environ
