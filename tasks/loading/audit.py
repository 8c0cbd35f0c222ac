"""Whether a day may be published: write, audit, publish (docs/contract.md#audit).

A day that fails stays out, and what was there before stays. Counts and reasons alone are said.
"""

from collections import Counter

import polars as pl
from psycopg import sql

from blocks.database import Connection
from blocks.errors import DayRejectedError
from blocks.resources import Resources
from tasks.entities.model import Entity
from tasks.entities.references import Silver
from tasks.lake.parquet import reading, scan
from tasks.loading import tables
from tasks.loading.ledger import record

ENOUGH_ROWS = 100  # read, before a share says anything
ENOUGH_VALUES = 20  # of a field, before "all refused" says anything
KEPT_SHARE = 0.5  # of a static table's rows that a new delivery has at least


def audit(
    connection: Connection,
    entity: Entity,
    silver: Silver,
    resources: Resources,
    flow_run_id: str,
    orphans: pl.DataFrame | None = None,
) -> None:
    """Raise DayRejectedError, and note the day in `ops.rejected_days`, when it fails a check."""
    said = {
        "quarantine share": _quarantine(entity, silver, resources, orphans),
        "lost column": _lost_columns(entity, silver, resources),
        "volume": _volume(connection, entity, silver) if entity.is_static else "",
    }
    failed = {check: what for check, what in said.items() if what}
    if not failed:
        return
    row = {
        "entity": entity.name,
        "run_date": silver.run_date,
        "failed_checks": list(failed),
        "rows_read": silver.rows_read,
        "exact_duplicates": silver.exact_duplicates,
        "missing_key": silver.missing_key,
        "duplicate_key": silver.duplicate_key,
        "orphan": orphans.height if orphans is not None else 0,
        "bronze_fingerprint": silver.fingerprint,
        "flow_run_id": flow_run_id or None,
        "recorded": False,
    }
    tables.upsert(connection, "rejected_days", row, touched="rejected_at")
    record(connection, resources.lake)
    raise DayRejectedError(
        f"{entity.name} of {silver.run_date} was not published: {'; '.join(failed.values())}",
        where=f"{resources.lake.uri(silver.bronze_key)}; ops.rejected_days",
        todo="ask the source's owner what changed, and run the date again with a good delivery; "
        "or, if it is right as it is, run it again with --accept (parameter `accept`). "
        "What was loaded before is as it was",
    )


def forget_rejection(connection: Connection, silver: Silver) -> None:
    """The date is published after all."""
    connection.execute(
        "DELETE FROM ops.rejected_days WHERE entity = %s AND run_date = %s",
        [silver.entity, silver.run_date],
    )


def _quarantine(
    entity: Entity, silver: Silver, resources: Resources, orphans: pl.DataFrame | None
) -> str:
    reasons = Counter(
        {
            f"{entity.key} is empty": silver.missing_key,
            f"{entity.key} comes again": silver.duplicate_key,
        }
    )
    if orphans is not None:
        reasons += Counter(dict(orphans["reason"].value_counts().iter_rows()))
    limit = resources.max_quarantine if entity.max_quarantine is None else entity.max_quarantine
    rows, read = reasons.total(), silver.rows_read
    if read < ENOUGH_ROWS or rows <= limit * read:
        return ""
    commonest = ", ".join(f"{reason} ({count:,})" for reason, count in reasons.most_common(3))
    return (
        f"{rows:,} of {read:,} rows would go to quarantine, {100 * rows / read:.1f} % where "
        f"{100 * limit:g} % are allowed: {commonest}"
    )


def _lost_columns(entity: Entity, silver: Silver, resources: Resources) -> str:
    """Fields of whose values cleaning refused every one."""
    lake = resources.lake
    names = [field.name for field in entity.fields]
    with reading(lake, silver.problems_key):
        counted = (
            scan(lake, silver.problems_key)
            .group_by("field")
            .len()
            .filter(pl.col("len") >= ENOUGH_VALUES)
        )
        refused = {f: n for f, n in counted.collect().iter_rows() if f in names}
    if not refused:
        return ""
    with reading(lake, silver.key):
        counts = scan(lake, silver.key).select(pl.col(name).count() for name in refused)
        kept = counts.collect().row(0, named=True)
    lost = sorted(name for name in refused if not kept[name])
    return ", ".join(f"all {refused[name]:,} values of {name} were refused" for name in lost)


def _volume(connection: Connection, entity: Entity, silver: Silver) -> str:
    """A static delivery that is a part of what is there, most likely cut off."""
    count = sql.SQL("SELECT count(*) FROM {}").format(tables.conformed(entity))
    row = connection.execute(count).fetchone()
    there = row[0] if row else 0
    if there < ENOUGH_ROWS or silver.rows >= KEPT_SHARE * there:
        return ""
    return f"{silver.rows:,} rows came where {there:,} are loaded: the delivery looks cut off"
