"""`python -m flows.erase`: one person in every place there is, then in none, and never back."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, get_current_settings
from prefect.states import State

from blocks.resolving import forget, resolve
from blocks.settings import settings
from flows.daily import daily
from flows.rebuild import rebuild
from flows.replay import replay_quarantine
from flows.terminal.commands import erase_command
from tests.integration.by_hand import load_all
from tests.integration.person import (
    FIRST,
    ID,
    SECOND,
    THIRD,
    deliver,
    found_in_files,
    found_in_tables,
)

ROOT = Path(__file__).parents[2]
MART = "SELECT month, complaints FROM analytics.feat_customer_month WHERE customer_id = %s"


@pytest.fixture
def sources(local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the platform `local` finds its sources."""
    monkeypatch.setenv("CORETELECOMS_SOURCE_URL", str(tmp_path / "sources"))
    settings.cache_clear()
    forget()
    return tmp_path / "sources"


def completed(run: Any) -> None:
    state: State[Any] = asyncio.run(run)
    assert state.is_completed(), state.message


def erase(*options: str) -> tuple[int, dict[str, Any]]:
    """The command's exit code and its object."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.erase", "--json", *options],
        cwd=ROOT,
        env=os.environ | {"PREFECT_API_URL": str(PREFECT_API_URL.value())},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {"said": done.stderr}


def prefects() -> list[Path]:
    """Where Prefect keeps its database, results, and whatever else."""
    APILogWorker.instance().drain()
    config = get_current_settings()
    url = config.server.database.connection_url
    assert url
    return [config.home, Path(url.get_secret_value().partition("///")[2]).parent]


def test_in_every_place_then_in_none(local: Path, database: str, sources: Path) -> None:
    deliver(sources, database, FIRST)
    load_all(resolve(), [FIRST])
    deliver(sources, database, SECOND)
    completed(daily(SECOND, refresh_static=True, return_state=True))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ANALYZE")
        complaints = connection.execute(MART, [ID]).fetchall()
    assert complaints
    assert {*found_in_files(local), *found_in_tables(database)} >= {
        *("lake/bronze/customers/2025-11-20.parquet", "lake/silver/customers/2025-11-21.parquet"),
        *("lake/rejects/customers/2025-11-20.parquet", "lake/bronze/call_logs/2025-11-21.parquet"),
        *("lake/problems/customers/2025-11-20.parquet", "quarantine.records", "ops.field_problems"),
        *("conformed.customers", "conformed.customers_versions", "analytics.dim_customers"),
        "pg_catalog.pg_stats",
    }

    code, answer = erase("--customer-id", ID, "--yes")
    assert code == 0, answer
    erased = answer["erased"]
    assert erased["conformed.customers"] == 1
    assert erased["conformed.customers_versions"] == erased["analytics.dim_customers"] == 2
    assert nowhere(local, database)
    with psycopg.connect(database) as connection:  # counts about nobody
        assert connection.execute(MART, [ID]).fetchall() == complaints
    with get_client(sync_client=True) as client:
        key = ArtifactFilter(key=ArtifactFilterKey(any_=["erasure"]))
        (artifact,) = client.read_artifacts(artifact_filter=key)
    shown = json.loads(artifact.data)  # type: ignore[arg-type]
    assert {row["place"]: row["erased"] for row in shown} == erased

    # neither the sources, which have them still, nor a replay or a rebuild bring them back
    deliver(sources, database, THIRD)
    agents = sources / "agents/agents.csv"
    agents.write_text(agents.read_text() + "a9,B,,\n")
    completed(daily(THIRD, refresh_static=True, return_state=True))
    completed(replay_quarantine(return_state=True))
    with psycopg.connect(database) as connection:
        freed = "SELECT count(*) FROM conformed.call_logs WHERE call_id = 'call-3'"
        assert connection.execute(freed).fetchone() == (3,)
    assert nowhere(local, database)
    with psycopg.connect(database) as connection:
        complaints = connection.execute(MART, [ID]).fetchall()
    completed(rebuild(replace=True, return_state=True))
    with psycopg.connect(database) as connection:
        assert connection.execute(MART, [ID]).fetchall() == complaints
    assert nowhere(local, database)
    code, answer = erase("--customer-id", ID, "--yes")
    assert (code, sum(answer["erased"].values())) == (0, 0)


@pytest.mark.long  # test_erase_places has the stage
def test_a_damaged_kept_file_is_named_and_can_be_given_up(
    local: Path, database: str, sources: Path
) -> None:
    for day in (FIRST, SECOND):  # two deliveries of customers for one date
        deliver(sources, database, day)
        completed(daily(FIRST, refresh_static=True, return_state=True))
    (manifest,) = local.glob("lake/bronze/customers/2025-11-20.*.manifest.json")
    fingerprint = json.loads(manifest.read_text())["fingerprint"]
    kept = manifest.with_name(manifest.name.replace(".manifest.json", ".parquet"))
    kept.write_bytes(b"garbage")
    code, answer = erase("--customer-id", ID, "--yes")
    assert code == 1
    assert str(kept) in json.dumps(answer)
    assert nowhere(local, database)

    manifest.unlink()
    kept.unlink()
    for record in local.glob("lake/loads/customers/2025-11-20/*"):
        if json.loads(record.read_text())["bronze_fingerprint"] == fingerprint:
            record.unlink()
    code, answer = erase("--remembered", "--yes")
    assert code == 0, answer
    completed(rebuild(return_state=True))
    completed(rebuild(replace=True, return_state=True))
    assert nowhere(local, database)


def nowhere(home: Path, database: str) -> bool:
    return not (found_in_files(home, *prefects()) | found_in_tables(database))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "give --customer-id or --file"),
        (("--customer-id", "7", "--remembered", "--yes"), "or --remembered alone"),
        (("--file", "/no/such/file", "--yes"), "can't be read (FileNotFoundError)"),
        (("--customer-id", "7"), "it needs --yes"),
        (("--customer-id", "  ", "--yes"), "'  ' is no id"),
        (("--file", "UTF-16", "--yes"), "UTF-16 is not UTF-8: write it as UTF-8, one id a line"),
    ],
)
def test_options_that_cannot_be(
    options: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("UTF-16").write_text("1319\n", encoding="utf-16")
    with pytest.raises(SystemExit) as ended:
        erase_command(options)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
