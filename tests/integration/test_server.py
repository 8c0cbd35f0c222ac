"""Prefect's server as `make server` starts it: requests that meet wait for each other."""

import asyncio
import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from prefect.settings import (
    PREFECT_HOME,
    PREFECT_SERVER_DATABASE_CONNECTION_URL,
    temporary_settings,
)

from blocks.server import keep_to_one_connection
from tests.integration.server import Server

ADDRESS = "PREFECT_SERVER_DATABASE_CONNECTION_URL"


def test_no_request_is_refused(made_server: Server) -> None:
    """By default some of these get 503, and a client sleeps two seconds."""

    async def answers() -> list[int]:
        async with httpx.AsyncClient(base_url=made_server.url, timeout=60) as client:
            flow = (await client.post("/flows/", json={"name": "any"})).json()["id"]
            asked = []
            for n in range(60):
                asked.append(client.post("/flow_runs/", json={"flow_id": flow}))
                asked.append(client.post("/variables/", json={"name": f"v{n}", "value": "false"}))
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert set(asyncio.run(answers())) == {201}
    # it is Prefect's own file: what one server wrote, the next one shows, however it is started.
    with sqlite3.connect(made_server.folder / "prefect/prefect.db") as database:
        there = (
            "SELECT count(*) FROM flow_run JOIN flow ON flow.id = flow_id WHERE flow.name = 'any'"
        )
        assert database.execute(there).fetchone() == (60,)


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
