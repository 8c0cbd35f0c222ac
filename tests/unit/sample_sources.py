"""Sample sources as rows, for the tests that look into them."""

import csv
import io
import json
from datetime import date, timedelta
from functools import cache

from blocks import samples
from blocks.samples.static import LEVELS

DAYS = [date(2025, 11, 20) + timedelta(i) for i in range(4)]
Rows = list[dict[str, str]]


def from_csv(data: bytes) -> Rows:
    header, *rows = csv.reader(io.StringIO(data.decode(), newline=""))
    return [dict(zip(header, row, strict=True)) for row in rows]


@cache
def source(entity: str, day: date) -> Rows:
    """A source's rows under its own labels, empty values as empty text."""
    if entity == "customers":
        return from_csv(samples.customers_csv(day))
    if entity == "agents":
        return from_csv(samples.agents_csv(day))
    if entity == "call_logs":
        return from_csv(samples.call_logs_csv(day))
    if entity == "sm_complaints":
        columns = json.loads(samples.sm_complaints_json(day))
        index = list(columns["complaint_id"])
        return [{label: columns[label][i] or "" for label in columns} for i in index]
    labels, rows = samples.web_complaints(day)
    return [dict(zip(labels, (v or "" for v in row), strict=True)) for row in rows]


KEYS = {
    "customers": "customer_id",
    "agents": "iD",
    "call_logs": "call ID",
    "sm_complaints": "complaint_id",
    "web_complaints": "request_id",
}
CHANNELS = ("call_logs", "sm_complaints", "web_complaints")


def stripped(entity: str, day: date) -> list[tuple[str, ...]]:
    """The rows' contract columns without outer white space, the key first."""
    key = KEYS[entity]
    return [
        (row[key].strip(), *(v.strip() for k, v in row.items() if k not in ("", "column1", key)))
        for row in source(entity, day)
    ]


CHOICES = {
    "experience": LEVELS,
    "Gender": ("M", "F"),
    "COMPLAINT_catego ry": (
        "Technician Support",
        "Network Failure",
        "Router Delivery",
        "Payments",
    ),
    "resolutionstatus": ("Resolved", "Backlog", "In-Progress", "Blocked"),
    "media_channel": ("INSTAGRAM", "TWITTER", "FACEBOOK", "LINKEDIN"),
}


@cache
def known(entity: str, day: date) -> set[str]:
    return {key for key, *_ in stripped(entity, day) if key}
