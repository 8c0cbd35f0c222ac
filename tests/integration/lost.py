"""Ten sample days on a database that is lost then, with what makes it hard to bring it back.

Customers and agents change between them, a date is delivered again, deliveries are rejected, some
orphans were replayed and some still wait.
"""

import asyncio
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from blocks import samples
from blocks.database import connect
from blocks.errors import DayRejectedError
from blocks.resources import Resources
from flows.replay import replay_quarantine
from tasks.loading.tables import create_all_tables
from tests.conftest import drop_schemas
from tests.integration.by_hand import CHANNELS, load_one
from tests.integration.snapshot import ALL, Tables, snapshot

DAYS = [date(2025, 11, 20) + timedelta(days=n) for n in range(10)]
CUSTOMERS, AGENTS = "customers/customers_dataset.csv", "agents/agents.csv"
# when the rebuild itself did its work
CLOCKS = {
    *("quarantined_at", "updated_at", "ingest_seconds", "transform_seconds", "load_seconds"),
}
Row = list[str]


@dataclass
class Lost:
    """A database that was lost, and the lake that is left of it."""

    home: Path
    dsn: str
    tables: Tables


def all_tables(dsn: str) -> Tables:
    """Every table of ours, but for checkpoints, and what the last build had to do."""
    tables = snapshot(dsn, ALL, volatile=CLOCKS)
    del tables["ops.checkpoints"]
    return {name: rows for name, rows in tables.items() if ".build_" not in name}


def lose(dsn: str) -> None:
    """Drop all that is in the database."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        drop_schemas(connection)


def deliver(file: Path, header: Row, rows: Sequence[Row]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    file.write_text(text.getvalue())


def live(resources: Resources, sources: Path) -> None:
    """Ten days."""

    def load(day: date, *names: str) -> None:
        for name in names:
            load_one(name, day, resources)

    def rejected(name: str, day: date) -> None:
        with pytest.raises(DayRejectedError):
            load_one(name, day, resources)

    for day in DAYS:
        samples.ensure(sources, resources.web_forms_dsn, day)
    with connect(resources.warehouse_dsn) as connection:
        create_all_tables(connection)
    (header, *people), (agents_header, *agents) = (
        list(csv.reader(io.StringIO((sources / file).read_text()))) for file in (CUSTOMERS, AGENTS)
    )
    late = [row for n, row in enumerate(people) if n % 20 == 0]
    later = [row for n, row in enumerate(people) if n % 20 == 1]
    people = [row for n, row in enumerate(people) if n % 20 > 1]

    deliver(sources / CUSTOMERS, header, people)
    load(DAYS[0], "customers", "agents")
    for day in DAYS[:5]:
        load(day, *CHANNELS)

    # tracked fields change, and others; then the date is delivered again, with other values.
    for n, row in enumerate(people):
        if n % 7 == 3:
            row[6] = f"{n} Moved Street, Akron, OH 44301"
        if n % 11 == 5:
            row[5] = f"moved{n}@example.com"
    for n, row in enumerate(agents):
        if n % 10 == 3:
            row[2] = "Senior"
    deliver(sources / CUSTOMERS, header, people)
    deliver(sources / AGENTS, agents_header, agents)
    load(DAYS[5], "customers", "agents")
    load(DAYS[5], *CHANNELS)
    for n, row in enumerate(people):
        if n % 14 == 3:
            row[6] = f"{n} Corrected Avenue, Reno, NV 89501"
    deliver(sources / CUSTOMERS, header, [*people[5:], *people[:4]])  # one isn't there any more
    load(DAYS[5], "customers")
    for day in DAYS[6:8]:
        load(day, *CHANNELS)

    # a day that is corrected, and one whose correction is rejected.
    calls = sources / f"call logs/call_logs_day_{DAYS[2]}.csv"
    lines = calls.read_text().splitlines(keepends=True)
    calls.write_text("".join([lines[0], *lines[50:]]).replace("Backlog", "Resolved"))
    load(DAYS[2], "call_logs")
    media = sources / f"social_medias/media_complaint_day_{DAYS[3]}.json"
    columns = json.loads(media.read_text())
    columns["customeR iD"] = dict.fromkeys(columns["customeR iD"], "nobody")
    media.write_text(json.dumps(columns))
    rejected("sm_complaints", DAYS[3])  # a replay will publish the date as it was
    calls = sources / f"call logs/call_logs_day_{DAYS[7]}.csv"
    calls.write_text(calls.read_text().replace("-", "~"))
    rejected("call_logs", DAYS[7])

    # people who were missing arrive; a replay frees orphans of the first days, and of those alone.
    deliver(sources / CUSTOMERS, header, [*people, *late])
    load(DAYS[8], "customers", *CHANNELS)
    run = replay_quarantine(start=DAYS[0], end=DAYS[4], return_state=True)
    assert asyncio.run(run).is_completed()  # type: ignore[arg-type]
    deliver(sources / CUSTOMERS, header, [*people, *late, *later])
    load(DAYS[9], "customers", "call_logs", "sm_complaints")

    # deliveries that nothing was published of.
    with psycopg.connect(resources.web_forms_dsn) as connection:
        table = sql.Identifier("customer_complaints", f"web_form_request_{DAYS[9]:%Y_%m_%d}")
        connection.execute(sql.SQL("UPDATE {} SET \"customeR iD\" = 'nobody'").format(table))
    rejected("web_complaints", DAYS[9])
    deliver(sources / CUSTOMERS, header, people[:10])
    rejected("customers", DAYS[9])
    # frees nobody, and builds the warehouse
    run = replay_quarantine(start=DAYS[9] + timedelta(days=1), return_state=True)
    assert asyncio.run(run).is_completed()
