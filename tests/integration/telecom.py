"""A telecom of a few people, its sources in the published shape, for whole runs on bad input.

Everybody has a name, an e-mail address and a street that occur nowhere else: found in anything but
the tables and the lake they have leaked. So has the database's password.
"""

import asyncio
import csv
import io
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.sorting import FlowRunSort, LogSort
from prefect.logging.handlers import APILogWorker
from prefect.states import State
from prefect.variables import Variable

from blocks.resolving import forget
from blocks.settings import settings
from flows.daily import daily
from tasks import warehouse
from tasks.gate import FIRST_RUN
from tests.integration.forker import nothing
from tests.integration.snapshot import Tables, snapshot

DAY = date(2025, 11, 21)
PASSWORD = "pa55phrase-of-the-warehouse"
NAMES = ("Zebulon Quagmire", "Ottoline Xanthos", "Peregrine Wolfhound")
EMAILS = ("zebulon.q@gmail.com", "ottoline@hotmail.com", "peregrine@yahoo.com")
STREETS = ("17 Nightingale Mews", "4 Thimbleberry Court", "99 Larkspur Crossing")
SECRETS = (PASSWORD, *NAMES, *EMAILS, *STREETS)

CALL_LOGS = f"call logs/call_logs_day_{DAY}.csv"
SM_COMPLAINTS = f"social_medias/media_complaint_day_{DAY}.json"
WEB_COMPLAINTS = f"web_form_request_{DAY:%Y_%m_%d}"
CUSTOMERS = "customers/customers_dataset.csv"
AGENTS = "agents/agents.csv"

CUSTOMERS_HEADER = ["customer_id", "name", "Gender", "DATE of biRTH", "signup_date", "email"]
CUSTOMERS_HEADER += ["address"]
CALL_LOGS_HEADER = ["", "call ID", "customeR iD", "COMPLAINT_catego ry", "agent ID"]
CALL_LOGS_HEADER += ["call_start_time", "call_end_time", "resolutionstatus"]
CALL_LOGS_HEADER += ["callLogsGenerationDate"]
SM_HEADER = ["complaint_id", "customeR iD", "COMPLAINT_catego ry", "agent ID", "resolutionstatus"]
SM_HEADER += ["request_date", "resolution_date", "media_channel", "MediaComplaintGenerationDate"]
WEB_HEADER = ["column1", "request_id", "customeR iD", "COMPLAINT_catego ry", "agent ID"]
WEB_HEADER += ["resolutionstatus", "request_date", "resolution_date", "webFormGenerationDate"]


def csv_text(header: Sequence[str], *rows: Sequence[str]) -> str:
    """A CSV file's text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def call(number: int, customer: str = "c0", agent: str = "a0", **changed: str) -> list[str]:
    """A row of call logs, in the published order of columns."""
    values = {
        "": str(number),
        "call ID": f"call-{number}",
        "customeR iD": customer,
        "COMPLAINT_catego ry": "Payments",
        "agent ID": agent,
        "call_start_time": f"{DAY} 09:00:00",
        "call_end_time": f"{DAY} 09:05:00",
        "resolutionstatus": "Resolved",
        "callLogsGenerationDate": str(DAY),
    }
    return list((values | changed).values())


def customers() -> str:
    """The customers file. Nobody's street has a ZIP code: their addresses are field problems."""
    people = zip(NAMES, EMAILS, STREETS, strict=True)
    return csv_text(
        CUSTOMERS_HEADER,
        *(
            [f"c{i}", name, "F", "1980-02-03", "2024-05-06", email, f"{street}, Nowhere"]
            for i, (name, email, street) in enumerate(people)
        ),
    )


def agents() -> str:
    """The agents file."""
    return csv_text(
        ["iD", "NamE", "experience", "state"],
        *([f"a{i}", name, "Senior", "Ohio"] for i, name in enumerate(NAMES)),
    )


def call_logs(*rows: Sequence[str]) -> str:
    """A call-log file of these rows, or of six; who isn't known is an orphan."""
    return csv_text(
        CALL_LOGS_HEADER,
        *(rows or [*(call(i, f"c{i % 3}", f"a{i % 3}") for i in range(5)), call(5, NAMES[0])]),
    )


def sm_complaints() -> str:
    """Social media's JSON, by column."""
    rows = [
        [f"sm{i}", f"c{i}", "Payments", f"a{i}", "Backlog", str(DAY), "", "TWITTER", str(DAY)]
        for i in range(3)
    ]
    by_column = zip(SM_HEADER, zip(*rows, strict=True), strict=True)
    return json.dumps({name: dict(enumerate(values)) for name, values in by_column})


def web_complaints(connection: psycopg.Connection[Any], header: Sequence[str] = WEB_HEADER) -> None:
    """The web forms' table, made again."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS customer_complaints")
    connection.execute(f"DROP TABLE IF EXISTS customer_complaints.{WEB_COMPLAINTS}")
    columns = ", ".join(f'"{name}" text' for name in header)
    connection.execute(f"CREATE TABLE customer_complaints.{WEB_COMPLAINTS} ({columns})")
    row = ["0", "web0", "c0", "Payments", "a0", "Backlog", str(DAY), "", str(DAY)]
    marks = ", ".join(["%s"] * len(header))
    connection.execute(
        f"INSERT INTO customer_complaints.{WEB_COMPLAINTS} VALUES ({marks})", row[: len(header)]
    )


class Telecom:
    """Its sources in a folder and a database, and runs on them."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.sources, self.lake = folder / "sources", folder / "home" / "lake"
        self.dsn = dsn.replace("postgres:@", f"postgres:{PASSWORD}@")
        self.home = folder / "home"
        self.runs: list[Run] = []

    def deliver(self) -> None:
        """Good sources, in place of what there was."""
        shutil.rmtree(self.sources, ignore_errors=True)
        for address, text in {
            CUSTOMERS: customers(),
            AGENTS: agents(),
            CALL_LOGS: call_logs(),
            SM_COMPLAINTS: sm_complaints(),
        }.items():
            self.put(address, text)
        with psycopg.connect(self.dsn) as connection:
            web_complaints(connection)

    def put(self, address: str, data: str | bytes) -> None:
        path = self.sources / address
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)

    def run(self, **parameters: Any) -> "Run":
        state: State[Any] = asyncio.run(
            daily(DAY, return_state=True, **parameters)  # type: ignore[arg-type]
        )
        self.runs.append(Run(state))
        return self.runs[-1]

    def tables(self) -> Tables:
        """All that is loaded. (Checkpoints and staging stay for the run that resumes.)"""
        tables = snapshot(self.dsn, ("conformed", "quarantine", "ops"))
        del tables["ops.checkpoints"]
        return tables

    def landed(self, entity: str) -> dict[str, bytes]:
        """An entity's files in the lake."""
        files = self.lake.glob(f"*/{entity}/*")
        return {str(p.relative_to(self.lake)): p.read_bytes() for p in files if p.is_file()}

    def loaded_by(self) -> dict[str, str]:
        """Which flow run loaded each entity last, as the ledger has it."""
        with psycopg.connect(self.dsn) as connection:
            return dict(connection.execute("SELECT entity, flow_run_id FROM ops.ledger").fetchall())


class Run:
    """A daily run that ended, and everything that it wrote."""

    def __init__(self, state: State[Any]) -> None:
        self.state = state
        self.id = str(state.state_details.flow_run_id)
        self.message = state.message or ""

    def leaked(self) -> list[str]:
        """Secrets that it wrote anywhere but into the tables and the lake."""
        written = self.written()
        return [secret for secret in SECRETS if secret in written]

    def written(self) -> str:
        """Logs, states, names and artifacts on Prefect's server."""
        APILogWorker.instance().drain()  # blocks until the server has them
        with get_client(sync_client=True) as client:
            mine = FlowRunFilter(
                operator="or_",  # type: ignore[call-arg]
                id=FlowRunFilterId(any_=[self.state.state_details.flow_run_id]),  # type: ignore[list-item]
                parent_flow_run_id=FlowRunFilterParentFlowRunId(
                    any_=[self.state.state_details.flow_run_id]  # type: ignore[list-item]
                ),
            )
            runs = client.read_flow_runs(
                flow_run_filter=mine, sort=FlowRunSort.START_TIME_DESC, limit=200
            )
            ids = [run.id for run in runs]
            logs = client.read_logs(
                LogFilter(flow_run_id=LogFilterFlowRunId(any_=ids)),
                sort=LogSort.TIMESTAMP_ASC,
                limit=200,
            )
            flow_runs = {"flow_runs": {"id": {"any_": [str(each) for each in ids]}}, "limit": 200}
            asked = flow_runs | {"sort": "NAME_ASC"}
            # states come with the server's events, later than the run's end.
            while any(
                run["state_name"] in ("Pending", "Running")
                for run in client._client.post("/task_runs/filter", json=asked).json()
            ):
                time.sleep(0.05)  # each question keeps the server from writing them down
            answers = [
                client._client.post(path, json=flow_runs | {"sort": sort}).text
                for path, sort in (
                    ("/task_runs/filter", "NAME_ASC"),
                    ("/artifacts/filter", "CREATED_DESC"),
                    ("/flow_runs/filter", "NAME_ASC"),
                )
            ]
        return "\n".join([*(log.message for log in logs), *answers, self.message])


@contextmanager
def open_for_business(folder: Path, dsn: str) -> Iterator[Telecom]:
    """The telecom on the platform `local`, its first run done; dbt isn't built."""
    telecom = Telecom(folder, dsn)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "HOME": str(telecom.home),
            "SOURCE_URL": str(telecom.sources),
            "WAREHOUSE_DSN": telecom.dsn,
        }.items():
            patch.setenv(f"CORETELECOMS_{name}", value)
        patch.setattr(warehouse, "_build", nothing)
        settings.cache_clear()
        forget()
        Variable.unset(FIRST_RUN)
        telecom.deliver()
        first = telecom.run()
        assert first.state.is_completed(), first.message
        yield telecom
    Variable.unset(FIRST_RUN)
    settings.cache_clear()
    forget()
