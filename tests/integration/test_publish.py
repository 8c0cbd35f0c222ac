"""What people see of a run in Prefect's UI and in Slack."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, ArtifactFilterType
from prefect.client.schemas.objects import Artifact
from prefect.client.schemas.sorting import ArtifactSort
from prefect.events import Event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.states import State

from blocks.errors import Failure, RunDateBusyError, RunFailedError
from blocks.resolving import forget, resolve
from blocks.settings import settings
from flows.daily import daily
from flows.static_data import static_data
from tasks import publish, stage, warehouse
from tasks.entities.contracts import COMPLAINTS
from tasks.loading import locks
from tasks.outcome import error_of
from tasks.reporting.progress import board
from tests.integration.forker import nothing
from tests.integration.slack_double import Slack, slack

DAY = date(2025, 11, 20)
MATERIALIZED = "prefect.asset.materialization.succeeded"
CHANNELS = tuple(entity.name for entity in COMPLAINTS)
GRAPH: dict[str, set[str]] = {
    "create_all_tables": set(),
    "clear_staging": {"create_all_tables"},
    "determine_load_type": {"clear_staging"},
    "static_data": {"determine_load_type"},
    "open_static_data_gate": {"determine_load_type", "static_data"},
    **{f"ingest_{c}": set() for c in CHANNELS},
    **{f"transform_{c}": {f"ingest_{c}", "open_static_data_gate"} for c in CHANNELS},
    **{f"load_{c}": {f"transform_{c}"} for c in CHANNELS},
    "run_dbt": {f"load_{c}" for c in CHANNELS},
    "cleanup_checkpoints": {"run_dbt"},
}


@pytest.fixture
def webhook(local: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slack]:
    """Slack's stand-in, set for the platform `local`; completed runs send messages, too."""
    with slack() as double:
        monkeypatch.setenv("CORETELECOMS_SLACK_WEBHOOK_URL", double.url)
        monkeypatch.setenv("CORETELECOMS_SLACK_ON_SUCCESS", "true")
        settings.cache_clear()
        forget()
        yield double


def run(**parameters: Any) -> State[Any]:
    return asyncio.run(daily(DAY, return_state=True, **parameters))  # type: ignore[arg-type]


def flow_run(state: State[Any]) -> str:
    return str(state.state_details.flow_run_id)


def tags(state: State[Any]) -> list[str]:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(UUID(flow_run(state))).tags


def newest(key: str) -> Artifact:
    with get_client(sync_client=True) as client:
        return client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])),
            sort=ArtifactSort.CREATED_DESC,
            limit=1,
        )[0]


def graph(state: State[Any]) -> dict[str, set[str]]:
    """Each step with those it comes after, as Prefect's UI draws them; dbt's nodes left out."""
    with get_client(sync_client=True) as client:
        answer = client.request(
            "GET", "/flow_runs/{id}/graph-v2", path_params={"id": flow_run(state)}
        )
    nodes = {key: node for key, node in answer.json()["nodes"] if not node["encapsulating"]}
    names = {key: node["label"].split(" / ")[0] for key, node in nodes.items()}
    return {
        names[key]: {names[parent["id"]] for parent in node["parents"]}
        for key, node in nodes.items()
    }


def broken_customers(home: Path) -> None:
    folder = home / "sources" / "customers"
    folder.mkdir(parents=True)
    (folder / "customers_dataset.csv").write_text("customer_id,nom\n1,2\n")


@pytest.fixture
def heard(prefect_server: None) -> Iterator[list[Event]]:
    """Events of our runs and tables, as Prefect's server passes them on to whoever listens."""
    events: list[Event] = []
    listens = threading.Event()

    async def listen() -> None:
        wanted = EventFilter(event=EventNameFilter(name=[publish.FINISHED, MATERIALIZED]))
        with suppress(asyncio.CancelledError):
            async with get_events_subscriber(filter=wanted) as subscriber:
                listens.set()
                async for event in subscriber:
                    events.append(event)

    with asyncio.Runner() as runner:
        listening = runner.get_loop().create_task(listen())
        thread = threading.Thread(target=runner.get_loop().run_until_complete, args=[listening])
        thread.start()
        assert listens.wait(60)
        yield events
        runner.get_loop().call_soon_threadsafe(listening.cancel)
        thread.join()


def of(state: State[Any], name: str, heard: list[Event]) -> list[Event]:
    """The events of that name that a run sent, as soon as there are any."""

    def look() -> list[Event]:
        run = f"prefect.flow-run.{flow_run(state)}"
        return [e for e in heard if e.event == name and run in {r.id for r in e.involved_resources}]

    found: list[Event] = until(look, f"an event {name}")
    return found


def until(look: Callable[[], Any], what: str) -> Any:
    """What there is to see, as soon as Prefect's server has taken in the run's last words."""
    end = time.monotonic() + 60
    while not (seen := look()):
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.05)
    return seen


def test_a_completed_run(
    local: Path, webhook: Slack, heard: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "LASTING_SECONDS", 0.0)
    monkeypatch.setattr(warehouse, "_build", nothing)
    state = run()
    assert state.is_completed()

    with psycopg.connect(resolve().warehouse_dsn) as connection:
        ledger = connection.execute(
            "SELECT entity, rows_read, orphan, loaded FROM ops.ledger"
        ).fetchall()
        private = connection.execute(
            "SELECT email FROM conformed.customers WHERE email IS NOT NULL "
            "UNION ALL SELECT address FROM conformed.customers WHERE address IS NOT NULL"
        ).fetchall()
    read, loaded = (sum(row[n] for row in ledger) for n in (1, 3))

    # a task run is named after its task once the server has taken in that it began.
    until(lambda: set(graph(state)) == set(GRAPH), "the whole graph")
    assert graph(state) == GRAPH

    table = newest(publish.LEDGER_KEY)
    rows = {row["entity"]: row for row in json.loads(str(table.data))}
    assert {e: (r["read"], r["orphan"], r["loaded"]) for e, r in rows.items() if e != "all"} == {
        entity: (read, orphan, loaded) for entity, read, orphan, loaded in ledger
    }
    assert rows["all"]["loaded"] == loaded

    summary = str(newest(publish.SUMMARY_KEY).data)
    assert summary.startswith(f"# Daily run of {DAY}: Completed")
    assert "**Initial**" in summary
    assert "**Sample data: the sources are made up" in summary
    assert "Sample data" in " ".join(board.notes)
    assert "sample data" in tags(state)
    assert f"/runs/flow-run/{flow_run(state)}" in summary
    assert "| call_logs | orphan | agent_id is missing |" in summary
    assert "| customers | email |" in summary

    past = str(newest(publish.HISTORY_KEY).data)
    assert f"| {DAY} | ✔ loaded | initial | {read:,} | {loaded:,} | " in past

    (event,) = of(state, publish.FINISHED, heard)
    assert event.resource.id == f"coretelecoms.daily.{DAY}"
    share = event.payload.pop("quarantine_share")
    assert event.payload == {
        "run_date": str(DAY),
        "load_type": "initial",
        "state": "Completed",
        "rows_read": read,
        "rejected": [],
        "loaded": loaded,
        "error": None,
    }
    assert 0 < share < settings().quarantine_alert

    assets = of(state, MATERIALIZED, heard)
    tables = {asset.resource.id: asset.payload for asset in assets}
    assert tables["postgres://warehouse/conformed/call_logs"] == {
        "run_date": str(DAY),
        "loaded": rows["call_logs"]["loaded"],
    }

    with get_client(sync_client=True) as client:
        progress = client.read_artifacts(
            artifact_filter=ArtifactFilter(type=ArtifactFilterType(any_=["progress"]))
        )
    assert {artifact.data for artifact in progress} == {100.0}
    assert "load_call_logs: rows done" in {artifact.description for artifact in progress}

    (said,) = webhook.texts
    lines = said.split("\n")
    assert len(lines) == 5
    assert f"daily-{DAY} completed" in lines[0]
    assert f"{read:,} rows read, {loaded:,} loaded" in lines[1]
    assert lines[4].endswith(f"/runs/flow-run/{flow_run(state)}")

    sent = [event.model_dump_json() for event in (event, *assets)]
    shown = "\n".join([summary, past, str(table.data), said, *sent])
    assert [value for (value,) in private if value in shown] == []


def test_a_failed_run(local: Path, webhook: Slack, heard: list[Event]) -> None:
    broken_customers(local)
    state = run()
    assert state.is_failed()

    summary = str(newest(publish.SUMMARY_KEY).data)
    assert "> ingest_customers failed: " in summary
    assert "| `open_static_data_gate` | held back |" in summary
    assert "Nothing was loaded." in summary
    (event,) = of(state, publish.FINISHED, heard)
    assert (event.payload["state"], event.payload["loaded"]) == ("Failed", 0)
    error = asyncio.run(state.aresult(raise_on_failure=False))
    assert isinstance(error, RunFailedError)
    assert [failure.step for failure in error.failures] == ["ingest_customers"]
    assert event.payload["error"] == json.loads(json.dumps(asdict(error)))
    # Prefect keeps no result: whoever reads the run's state elsewhere has the words alone.
    with get_client(sync_client=True) as client:
        elsewhere = client.read_flow_run(UUID(flow_run(state))).state
    assert elsewhere
    shown = asyncio.run(error_of(elsewhere))
    assert shown.failures == [Failure("", str(error))]
    assert str(shown) == str(error)

    (said,) = webhook.texts  # one message, not another one of the static path
    lines = said.split("\n")
    assert len(lines) == 5
    assert f"daily-{DAY} failed" in lines[0]
    assert lines[1].startswith("ingest_customers failed: ")
    assert "The gate stayed closed" in lines[2]
    assert lines[3].startswith("What to do: ")
    assert lines[4].endswith(f"/runs/flow-run/{flow_run(state)}")


def test_a_run_that_never_began(local: Path, webhook: Slack, no_grace: None) -> None:
    """An error of the flow itself, not of one of its tasks, sends a message like any other."""
    with locks.held(resolve().warehouse_dsn, "run date", str(DAY)):
        state = run()
    assert isinstance(asyncio.run(state.aresult(raise_on_failure=False)), RunDateBusyError)
    (said,) = webhook.texts
    assert f"Another run is at work on run date {DAY}" in said
    assert "What to do: wait for it to end" in said


def test_a_refresh_that_failed(local: Path, webhook: Slack) -> None:
    broken_customers(local)
    state: State[Any] = asyncio.run(static_data(DAY, return_state=True))  # type: ignore[arg-type]
    assert state.is_failed()
    (said,) = webhook.texts
    assert f"static-data-{DAY} failed" in said


@pytest.mark.parametrize("trouble", ["error", "gone", "not configured"])
def test_slack_never_decides(
    local: Path,
    webhook: Slack,
    trouble: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Slack down, gone or not there: the run ends as it would have."""
    webhook.status = 500
    if trouble != "error":
        url = "http://127.0.0.1:9/secret" if trouble == "gone" else ""
        monkeypatch.setenv("CORETELECOMS_SLACK_WEBHOOK_URL", url)
        settings.cache_clear()
        forget()
    broken_customers(local)
    state = run()
    assert state.is_failed()
    assert "ingest_customers failed" in str(state.message)
    assert len(webhook.texts) == (trouble == "error")
    assert ("Slack got no message" in caplog.text) == (trouble != "not configured")
    assert "secret" not in caplog.text
