"""Run dates of a backfill: which there are, which are loaded, whether static data comes first."""

import asyncio
from datetime import date, timedelta

from prefect.variables import Variable

from blocks.database import connect, is_there
from blocks.errors import RunDateError
from blocks.resolving import resolve
from tasks.entities.contracts import COMPLAINTS, complaints_on
from tasks.gate import FIRST_RUN, empty_static_tables, read_first_run
from tasks.loading import tables


def days_between(start: date, end: date) -> list[date]:
    """Every day from `start` to `end`, both included. Raises RunDateError when they are turned."""
    if end < start:
        raise RunDateError(
            f"The range ends ({end}) before it starts ({start})", todo="swap the two dates"
        )
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


def loaded_days(platform: str, days: list[date]) -> list[date]:
    """Those of `days` that are whole: the ledger has their channels, and the tables the rows."""
    with connect(resolve(platform).warehouse_dsn, purpose="backfill") as connection:
        if not is_there(connection, "ops.ledger"):
            return []
        rows = connection.execute(
            """
            SELECT run_date, array_agg(entity) FROM ops.ledger
            WHERE run_date = ANY (%s) GROUP BY run_date ORDER BY run_date
            """,
            [days],
        )
        complete = [d for d, there in rows if {e.name for e in complaints_on(d)} <= set(there)]
        lost = {day for _, day in tables.lost_days(connection)}
        return [day for day in complete if day not in lost]


def loaded_rows(platform: str, day: date) -> int:
    """How many complaints of a run date the ledger has as loaded."""
    with connect(resolve(platform).warehouse_dsn, purpose="backfill") as connection:
        row = connection.execute(
            "SELECT sum(loaded)::bigint FROM ops.ledger WHERE run_date = %s AND entity = ANY (%s)",
            [day, [entity.name for entity in COMPLAINTS]],
        ).fetchone()
    return (row and row[0]) or 0


async def needs_static(platform: str) -> bool:
    """Whether the next run will take the static path (G1, G10). Raises FirstRunVariableError."""
    if read_first_run(await Variable.aget(FIRST_RUN)):
        return True
    return bool(await asyncio.to_thread(empty_static_tables, platform))
