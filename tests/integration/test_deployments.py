"""prefect.yaml on the server that `make server` starts: deployed, scheduled, run by a worker,
watched by automations; and no request refused.
"""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml
from prefect.blocks.notifications import SlackWebhook
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import SecretStr

from blocks.automations import register
from blocks.database import connect
from blocks.resources import Resources
from blocks.stores.local import LocalStore
from tasks import publish
from tasks.entities.contracts import STATIC
from tasks.loading.tables import create_all_tables
from tasks.reporting.markdown import Report
from tasks.reporting.summary import Summary
from tests.conftest import emptied, new_database
from tests.integration.by_hand import CHANNELS, load_landed
from tests.integration.conftest import made_once, parsed_once
from tests.integration.server import ROOT, Server, ended, running, wait_for
from tests.integration.slack_double import Slack, slack
from tests.integration.snapshot import differing, snapshot

FIRST, SECOND, *LATER = (date(2025, 11, day) for day in (20, 21, 22, 23))
SCHEDULED = datetime(2025, 11, 22, 2, tzinfo=UTC)  # a day after the second run date
AUTOMATIONS = yaml.safe_load((ROOT / "blocks/automations.yaml").read_text())["automations"]

NOTHING_DUE = "CoreTelecoms: no daily run for more than a day"  # fires without a schedule, too


class Api:
    """What the server knows."""

    def __init__(self, server: Server) -> None:
        self._client = httpx.Client(base_url=server.url, timeout=60)

    def post(self, path: str, **body: Any) -> Any:
        answer = self._client.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def send(self, event: dict[str, Any]) -> None:
        answer = self._client.post("/events", json=[event])
        assert answer.is_success, answer.text

    def runs(self, deployment: str) -> list[dict[str, Any]]:
        """Flow runs of a deployment that have begun, in the order in which they were made."""
        return self.post(
            "/flow_runs/filter",
            deployments={"name": {"any_": [deployment]}},
            flow_runs={"state": {"type": {"not_any_": ["SCHEDULED"]}}},
            sort="START_TIME_ASC",
        )

    def events(self, *names: str) -> list[dict[str, Any]]:
        answer = self.post("/events/filter", filter={"event": {"name": names}}, limit=50)
        events: list[dict[str, Any]] = answer["events"]
        return events


@pytest.fixture(scope="module")
def database(kept_database: str) -> Iterator[str]:
    with emptied(kept_database):
        yield kept_database


@pytest.fixture(scope="module")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that `make server` starts, and for all that runs against it a warehouse."""
    server = Server(
        tmp_path_factory.mktemp("server"),
        CORETELECOMS_WAREHOUSE_DSN=database,
        # what a person would wait for, a test would too:
        PREFECT_WORKER_QUERY_SECONDS="1",
        PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS="1",
        PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY="PT1S",
    )
    with ExitStack() as stack:
        with made_once(server.prefect_database, tmp_path_factory):
            stack.enter_context(running(server))
        stack.enter_context(parsed_once(server.folder / "home", tmp_path_factory))
        yield server


@pytest.fixture(scope="module")
def api(server: Server) -> Api:
    return Api(server)


@pytest.fixture(scope="module")
def channel() -> Iterator[Slack]:
    """What a platform's Slack channel gets."""
    with slack() as double:
        yield double


@pytest.fixture(scope="module")
def alerts(server: Server, channel: Slack) -> list[str]:
    """The automations made, and made again; what the command said."""
    with temporary_settings({PREFECT_API_URL: server.url}):
        webhook = SecretStr(channel.url.replace("http://", "json://"))
        SlackWebhook(url=webhook).save("production-alerts")
        return [*register("production"), *register("production")]


@pytest.fixture(scope="module")
def deployed(server: Server, api: Api, alerts: list[str]) -> Iterator[str]:
    """All deployed, the automations made, a worker at work; what `prefect deploy` said."""
    server.prefect("work-pool", "create", "coretelecoms", "--type", "process")
    # elsewhere: a worker must find the code by what was deployed, not by where it stands.
    worker = server.start(
        "worker", "prefect", "worker", "start", "--pool", "coretelecoms", cwd=server.folder
    )
    with ended(worker):
        said = server.prefect("--no-prompt", "deploy", "--all")
        log = server.folder / "worker.log"
        workers = "/work_pools/coretelecoms/workers/filter"
        wait_for(lambda: worker.poll() is not None or api.post(workers), "the worker", log)
        assert worker.poll() is None, log.read_text()[-3000:]
        yield said


def test_what_was_deployed(server: Server, api: Api, deployed: str) -> None:
    found = {d["name"]: d for d in api.post("/deployments/filter")}
    assert set(found) == {
        "coretelecoms",
        "backfill-day",
        "backfill",
        "static-data",
        "replay-quarantine",
    }
    assert deployed.count("successfully created") == len(found)
    daily = found["coretelecoms"]
    assert daily["global_concurrency_limit"]["limit"] == 1
    assert daily["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    assert [(s["schedule"]["cron"], s["schedule"]["timezone"]) for s in daily["schedules"]] == [
        ("30 22 * * *", "UTC")
    ]
    assert all(
        not deployment["schedules"] for name, deployment in found.items() if name != "coretelecoms"
    )
    for deployment in found.values():
        (step,) = deployment["pull_steps"]
        assert step == {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}

    def scheduled() -> Any:
        return api.post(
            "/flow_runs/filter",
            deployments={"name": {"any_": list(found)}},
            flow_runs={"state": {"type": {"any_": ["SCHEDULED"]}}},
        )

    wait_for(scheduled, "the scheduled runs", server.folder / "server.log")
    times = {datetime.fromisoformat(run["expected_start_time"]).timetz() for run in scheduled()}
    assert {(time.hour, time.minute, time.tzinfo) for time in times} == {(22, 30, UTC)}


def test_the_automations_are_what_was_written(api: Api, deployed: str, alerts: list[str]) -> None:
    names = [wanted["name"] for wanted in AUTOMATIONS]
    assert alerts == [f"{did:<8} {name}" for did in ("made", "updated") for name in names]
    made = {automation["name"]: automation for automation in api.post("/automations/filter")}
    assert set(made) == {wanted["name"] for wanted in AUTOMATIONS}
    for wanted in AUTOMATIONS:
        trigger = made[wanted["name"]]["trigger"]
        assert trigger["posture"] == wanted["trigger"]["posture"]
        assert trigger["within"] == wanted["trigger"]["within"]
        assert set(trigger["expect"]) == set(wanted["trigger"]["expect"])
        assert trigger["match"] == wanted["trigger"]["match"]


@pytest.fixture(scope="module")
def impatient(api: Api, deployed: str) -> list[str]:
    """Those that wait for something, again, with the least time there is; their names."""
    waiting = [wanted for wanted in AUTOMATIONS if wanted["trigger"]["posture"] == "Proactive"]
    names = []
    for wanted in waiting:
        automation = json.loads(json.dumps(wanted))
        automation["trigger"]["within"] = 10
        automation["name"] += " (impatient)"
        api.post("/automations/", **automation)
        names.append(automation["name"])
        # the same for a deployment without any run: Prefect lets some fire with nothing due.
        automation["name"] += ", nothing due"
        automation["trigger"]["match_related"]["prefect.resource.name"] = "nobody's"
        api.post("/automations/", **automation)
        if wanted["name"] == NOTHING_DUE:
            names.append(automation["name"])
    return names


@pytest.fixture(scope="module")
def two_runs(server: Server, api: Api, impatient: list[str]) -> list[dict[str, Any]]:
    """Two runs of the daily run's deployment, the second one asked for while the first goes on: as
    one at 02:00 with `lag_days: 1`, whose worker was away for more than a day.
    """
    command = ("deployment", "run", "daily/coretelecoms", "-p", "platform=local")
    server.prefect(*command, "-p", f"run_date={FIRST}")

    def goes_on() -> bool:
        return any(run["state"]["type"] == "RUNNING" for run in api.runs("coretelecoms"))

    wait_for(goes_on, "the first run", server.folder / "worker.log")
    daily = httpx.get(f"{server.url}/deployments/name/daily/coretelecoms").json()["id"]
    late = {"scheduled_time": SCHEDULED.isoformat()}
    api.post(
        f"/deployments/{daily}/create_flow_run",
        state={"type": "SCHEDULED", "state_details": late},
        parameters={"platform": "local", "lag_days": 1},
    )

    def ended() -> bool:
        states = [run["state"]["type"] for run in api.runs("coretelecoms")]
        return len(states) == 2 and {*states} <= {"COMPLETED", "FAILED", "CRASHED"}

    wait_for(ended, "the late run", server.folder / "worker.log")
    return api.runs("coretelecoms")


def test_two_runs(server: Server, two_runs: list[dict[str, Any]], database: str) -> None:
    assert [(run["name"], run["state"]["name"]) for run in two_runs] == [
        (f"daily-{FIRST}-initial", "Completed"),
        (f"daily-{SECOND}-incremental", "Completed"),
    ]
    first, second = two_runs
    assert second["start_time"] >= first["end_time"]
    with connect(database) as connection:
        complete = connection.execute(
            "SELECT run_date, count(*) FROM ops.ledger GROUP BY 1 ORDER BY 1"
        )
        assert complete.fetchall() == [(FIRST, 5), (SECOND, 3)]
    log = (server.folder / "worker.log").read_text()
    assert "Task run 'model fct_complaints' - " in log
    assert "Task run None" not in log


def test_a_run_that_starts_late_is_about_the_day_of_its_schedule(
    two_runs: list[dict[str, Any]],
) -> None:
    late = two_runs[1]
    assert late["parameters"] == {"platform": "local", "lag_days": 1}
    assert late["name"] == f"daily-{SECOND}-incremental"
    assert datetime.fromisoformat(late["start_time"]) > SCHEDULED


def test_the_automations_fire(
    server: Server,
    api: Api,
    two_runs: list[dict[str, Any]],
    impatient: list[str],
    channel: Slack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of them: on two runs that take longer than they may, and on a bad day's events."""
    deployment = {
        "prefect.resource.id": f"prefect.deployment.{uuid4()}",
        "prefect.resource.role": "deployment",
        "prefect.resource.name": "coretelecoms",
    }

    def send(name: str, resource: dict[str, str], payload: dict[str, Any] | None = None) -> None:
        event = {"id": str(uuid4()), "occurred": datetime.now(UTC).isoformat(), "event": name}
        related = [deployment] if name.startswith("prefect.flow-run.") else []
        api.send(event | {"resource": resource, "payload": payload or {}, "related": related})

    def fired() -> set[str]:
        return {
            event["resource"]["prefect.resource.name"]
            for event in api.events("prefect.automation.action.triggered")
        }

    assert fired() <= set(impatient)
    for state in ("Late", "Running"):  # and never starts; and never ends
        send(f"prefect.flow-run.{state}", {"prefect.resource.id": f"prefect.flow-run.{uuid4()}"})
    low = {"entity": "call_logs", "rows_read": 5, "usual": 900}
    calls = dict.fromkeys(("exact_duplicates", "missing_key", "duplicate_key"), 0)
    calls |= {"rows_read": 100, "orphan": 20, "loaded": 80}
    summary = Summary(FIRST, [calls], rejected={"agents": ["lost column"]}, low=[low])
    monkeypatch.setattr(publish, "emit_event", send)
    publish._events(Report("daily", "incremental", None, {}, summary))

    happened = {a["name"] for a in AUTOMATIONS if a["trigger"]["posture"] == "Reactive"}
    wanted = {*impatient, *happened}
    log = server.folder / "server.log"
    wait_for(lambda: wanted <= fired(), "the automations", log)
    assert fired() == wanted
    wait_for(lambda: happened <= set(channel.texts), "the messages", log)
    assert set(channel.texts) == happened  # the impatient ones have nobody to send them to


def test_each_completed_run_gives_a_day_more(
    server: Server, api: Api, two_runs: list[dict[str, Any]]
) -> None:
    """The alert that needs no run to be due counts from the last run that completed."""

    def counting_from() -> datetime | None:
        with sqlite3.connect(server.prefect_database) as database:
            ((start,),) = database.execute(
                # for a moment the bucket before is still there.
                "SELECT max(start) FROM automation_bucket JOIN automation ON automation.id = "
                "automation_id WHERE name = ?",
                (NOTHING_DUE,),
            )
        return datetime.fromisoformat(start).replace(tzinfo=UTC) if start else None

    def completed() -> datetime:
        return max(
            datetime.fromisoformat(event["occurred"])
            for event in api.events("prefect.flow-run.Completed")
            if "coretelecoms" in [other.get("prefect.resource.name") for other in event["related"]]
        )

    log = server.folder / "server.log"
    wait_for(lambda: counting_from() == completed(), "the last run", log)


def test_a_backfill_shares_its_days(
    server: Server, api: Api, two_runs: list[dict[str, Any]], database: str, postgres: str
) -> None:
    said = server.run(
        *("flows.backfill", "--from", str(SECOND), "--to", str(LATER[-1])),
        *("--deployment", "daily/backfill-day", "--plain"),
    )
    assert f"skipped    {SECOND}  complete in the ledger" in said
    for day in LATER:
        assert f"done       {day}" in said
    assert "2 of 2 days completed, 1 were complete in the ledger already." in said

    runs = api.runs("backfill-day")
    assert {(run["name"], run["state"]["name"], run["work_queue_name"]) for run in runs} == {
        (f"daily-{day}-incremental", "Completed", "backfill") for day in LATER
    }
    assert len({run["idempotency_key"] for run in runs}) == len(LATER)
    one, other = runs
    assert one["start_time"] < other["end_time"]
    assert other["start_time"] < one["end_time"]

    home = server.folder / "home"
    with new_database(postgres) as dsn:
        by_hand = Resources(
            platform="by hand",
            source=LocalStore(home / "sources"),
            lake=LocalStore(home / "lake"),
            agents_url=None,
            warehouse_dsn=dsn,
            web_forms_dsn=dsn,
        )
        with connect(dsn) as connection:
            create_all_tables(connection)
        for static in STATIC:
            load_landed(static.name, FIRST, by_hand)
        for day in (FIRST, SECOND, *LATER):
            for channel in CHANNELS:
                load_landed(channel, day, by_hand)
        found, expected = snapshot(database), snapshot(dsn)
        del found["ops.checkpoints"], expected["ops.checkpoints"]  # which a run clears
        assert not differing(found, expected)
    # builds took turns, and left no day out.
    with connect(database) as connection:
        unbuilt = connection.execute(
            "SELECT entity, run_date FROM ops.ledger EXCEPT "
            "SELECT entity, run_date FROM analytics.built_run_dates"
        )
        assert unbuilt.fetchall() == []


def test_no_request_is_refused(server: Server) -> None:
    """By default some of these get 503, and a client sleeps two seconds."""

    async def answers() -> list[int]:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            flow = (await client.post("/flows/", json={"name": "any"})).json()["id"]
            asked = []
            for n in range(60):
                asked.append(client.post("/flow_runs/", json={"flow_id": flow}))
                asked.append(client.post("/variables/", json={"name": f"v{n}", "value": "false"}))
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert set(asyncio.run(answers())) == {201}
    # it is Prefect's own file: what one server wrote, the next one shows, however it is started.
    with sqlite3.connect(server.prefect_database) as database:
        there = (
            "SELECT count(*) FROM flow_run JOIN flow ON flow.id = flow_id WHERE flow.name = 'any'"
        )
        assert database.execute(there).fetchone() == (60,)
