"""A day of calls that every tool writes its own way, and what it has to become."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg

from blocks.resources import Resources
from tasks.cleaning.silver import refine
from tasks.entities.contracts import AGENTS, CALL_LOGS, CUSTOMERS
from tasks.entities.model import Entity
from tasks.entities.references import Loaded, Silver
from tasks.loading.day import load_day
from tasks.loading.static import load_static
from tasks.reading.land import land
from tests import oracle
from tests.comparison import same, start_empty, stored
from tests.oracle import Outcome

DAY = date(2025, 11, 20)
KNOWN_CUSTOMERS, KNOWN_AGENTS = ["1319", "1320"], ["7", "1001"]
LABELS = {
    "call_id": "call ID",
    "customer_id": "customeR iD",
    "complaint_category": "COMPLAINT_catego ry",
    "agent_id": "agent ID",
    "call_start_time": "call_start_time",
    "call_end_time": "call_end_time",
    "resolution_status": "resolutionstatus",
    "call_logs_generation_date": "callLogsGenerationDate",
}


def _at(hour: int, minute: int, microsecond: int = 0) -> datetime:
    return datetime(2025, 11, 20, hour, minute, 0, microsecond, tzinfo=UTC)


# what a person would say of the day; numbers are numbers, and a gap makes a column one of floats.
CALLS: list[dict[str, Any]] = [
    {
        "call_id": 100_000 + number,
        "customer_id": (1319, 1320, 5)[number % 3],  # nobody is 5
        "complaint_category": ("Payments", "network FAILURE ", None, "a\rb")[number % 4],
        "agent_id": None if number == 3 else (7, 1001)[number % 2],
        "call_start_time": _at(10, number),
        "call_end_time": None if number == 4 else _at(11, number, 250_000 if number == 5 else 0),
        "resolution_status": ("Resolved", 'said "soon",\nor\rnever', "Blocked")[number % 3],
        "call_logs_generation_date": DAY,
    }
    for number in range(12)
]


def text_of(value: Any) -> str | None:
    """A value as the plainest of writers has it."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    return None if value is None else str(value)


PLAIN = [{column: text_of(value) for column, value in call.items()} for call in CALLS]
EXPECTED = oracle.interpret("call_logs", PLAIN, KNOWN_CUSTOMERS, KNOWN_AGENTS)


def know(resources: Resources) -> Resources:
    """Fill the database with the customers and agents."""
    start_empty(resources)
    for entity, keys in ((CUSTOMERS, KNOWN_CUSTOMERS), (AGENTS, KNOWN_AGENTS)):
        labels = [f.source_label for f in entity.fields]
        text = "\n".join([",".join(labels), *(key + "," * (len(labels) - 1) for key in keys)])
        resources.source.write(entity.source_on(DAY), text.encode())
        load_static(entity, refined(entity, resources), resources)
    return resources


def refined(entity: Entity, resources: Resources) -> Silver:
    """The day's source, landed and cleaned."""
    return refine(entity, land(entity, DAY, resources), resources)


def check(entity: Entity, resources: Resources, expected: Outcome) -> None:
    """Load the day: rows and counts are the oracle's."""
    loaded: Loaded = load_day(entity, refined(entity, resources), resources)
    with psycopg.connect(resources.warehouse_dsn) as connection:
        dated = {key: row | {"run_date": DAY} for key, row in expected.conformed.items()}
        same(stored(connection, entity.name, DAY), dated)
    same({name: getattr(loaded, name) for name in expected.counts}, expected.counts)


def place(resources: Resources, ending: str, entity: Entity = CALL_LOGS) -> Path:
    """Where a tool has to write the day."""
    path = Path(resources.source.uri(entity.source_on(DAY))).with_suffix(ending)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
