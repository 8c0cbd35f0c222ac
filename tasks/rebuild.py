"""Rebuild of a lost database from the lake alone, as tasks (docs/contract.md#recovery)."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from prefect import task
from prefect.states import State
from psycopg import sql

from blocks.database import Connection, address, connect, is_there
from blocks.errors import SourceMissingError, TerminalError
from blocks.resolving import resolve
from blocks.resources import Resources
from blocks.settings import settings
from tasks.cleaning.silver import refine
from tasks.entities.contracts import ENTITIES, STATIC
from tasks.entities.references import Loaded, ledger_columns
from tasks.gate import empty_static_tables
from tasks.lake.bronze import landed
from tasks.lake.records import Record, read_records, unrecorded
from tasks.loading import tables
from tasks.loading.day import load_day
from tasks.loading.emptying import empty_all_tables, truncate
from tasks.loading.static import load_static
from tasks.loading.versions import versions
from tasks.retention import first_kept
from tasks.stage import OPTIONS, logger, stage
from tasks.warehouse import PROJECT


@dataclass(frozen=True)
class Plan:
    """What the database doesn't have yet of what the lake has a record of."""

    static: Sequence[Record]  # in the order in which they were loaded
    days: dict[date, list[Record]]
    done: Sequence[date]  # days that are there
    rejected: Sequence[Record]
    unrecorded: Sequence[tuple[str, date]]  # bronze that no record is about: left out


@dataclass(frozen=True)
class Again:
    """A load that was played again."""

    rows: int
    as_before: bool  # every count of its row of the ledger


@task(name="empty_database", task_run_name="empty_database", **OPTIONS)
def empty_database(platform: str) -> None:
    """Remove every row of ours; tables stay, with their grants and what was added to them.

    Raises TerminalError, before anything is removed, for what others have built on them.
    """
    with (
        stage("empty_database"),
        connect(resolve(platform).warehouse_dsn, autocommit=True, purpose="rebuild") as connection,
    ):
        empty_all_tables(connection, [path.stem for path in (PROJECT / "models").rglob("*.sql")])


@task(name="find_records", task_run_name="find_records", **OPTIONS)
def find_records(platform: str) -> Plan:
    """What is to be loaded again. A rebuild that was cut short goes on.

    Raises SourceMissingError for a lake without records, and TerminalError for a database that has
    rows which no rebuild from this lake has left.
    """
    with stage("find_records"):
        resources = resolve(platform)
        records = read_records(resources.lake)
        if not records:
            raise SourceMissingError(
                "The lake has no record of a load",
                where=resources.lake.url,
                todo="name the lake of the database that was lost",
            )
        known = {record.entity for record in records if not record.rejected}
        if lost := [static.name for static in STATIC if static.name not in known]:
            raise SourceMissingError(
                f"The lake has no record of a load of {' or '.join(lost)}: all complaints would be "
                "orphans",
                where=resources.lake.uri("loads/"),
                todo="restore loads/ from a copy of the lake",
            )
        empty = set(empty_static_tables(platform))
        with connect(resources.warehouse_dsn, purpose="rebuild") as connection:
            rows = connection.execute("SELECT entity, run_date, loaded_at FROM ops.ledger")
            there = {(entity, day): at for entity, day, at in rows if entity in ENTITIES}
            loaded = _loaded(records, there)
            full = {static.name for static in STATIC} - empty
            if (
                # of several loads of customers for one date the last one has the row.
                {(r.entity, r.run_date): r.at for r in loaded} != there
                or {name for name, _ in there if ENTITIES[name].is_static} != full
            ):
                raise TerminalError(
                    "The database has rows that are not a part of what the lake has a record of",
                    where=address(resources.warehouse_dsn),
                    todo="rebuild into an empty database; or, to remove what is there first: "
                    "python -m flows.rebuild --replace",
                )
            plan = _plan(
                records,
                loaded,
                _incomplete(connection, resources),
                unrecorded(resources.lake, records),
            )
            if plan.static or plan.days:
                _forget_build(connection)
        return plan


# retention has removed what doesn't load of the dates before `kept`.
_INCOMPLETE = """
    SELECT entity, run_date FROM ops.ledger
    LEFT JOIN (
        SELECT entity, run_date, count(*) AS records FROM quarantine.records GROUP BY 1, 2
    ) AS quarantined USING (entity, run_date)
    LEFT JOIN (
        SELECT entity, run_date, count(*) AS problems FROM ops.field_problems GROUP BY 1, 2
    ) AS noted USING (entity, run_date)
    WHERE run_date >= coalesce(%(kept)s, '-infinity'::date) AND (
        coalesce(records, 0) <> missing_key + duplicate_key + orphan
        OR coalesce(problems, 0) <> field_problems
    )
    ORDER BY 1, 2
"""


def _incomplete(connection: Connection, resources: Resources) -> set[tuple[str, date]]:
    """Dates of complaints that have lost rows which their ledger counts: they are loaded again.

    Raises TerminalError for customers and agents: their loads rest on each other.
    """
    kept = {"kept": first_kept(settings().keep_rejected)}
    found = [
        (entity, run_date)
        for entity, run_date in connection.execute(_INCOMPLETE, kept)
        if entity in ENTITIES
    ]
    lost = [f"{entity} of {day}" for entity, day in found if ENTITIES[entity].is_static]
    for static in (static for static in STATIC if static.versioned):
        query = sql.SQL(
            "SELECT 1 FROM {table} WHERE NOT EXISTS "
            "(SELECT FROM {versions} AS version WHERE version.{key} = {table}.{key}) LIMIT 1"
        ).format(
            table=tables.conformed(static),
            versions=versions(static),
            key=sql.Identifier(static.key),
        )
        if connection.execute(query).fetchone():
            lost.append(f"conformed.{static.versions}")
    if lost:
        raise TerminalError(
            f"Rows are lost of what the ledger counts: {', '.join(lost)}",
            where=address(resources.warehouse_dsn),
            todo="load everything again: python -m flows.rebuild --replace",
        )
    return {*found, *tables.lost_days(connection)}


def _loaded(records: Sequence[Record], there: Mapping[tuple[str, date], datetime]) -> list[Record]:
    """The loads that the ledger has: of customers and agents all in their order, up to the last."""
    last: dict[str, datetime] = {}
    for (entity, _), at in there.items():
        last[entity] = max(at, last.get(entity, at))
    loads = [record for record in records if not record.rejected]
    return [
        r
        for r in loads
        if (
            r.entity in last and r.at <= last[r.entity]
            if ENTITIES[r.entity].is_static
            else there.get((r.entity, r.run_date)) == r.at
        )
    ]


def _plan(
    records: Sequence[Record],
    loaded: Sequence[Record],
    lost: Collection[tuple[str, date]],
    left_out: Sequence[tuple[str, date]],
) -> Plan:
    there = {(r.entity, r.at) for r in loaded if (r.entity, r.run_date) not in lost}
    loads = [record for record in records if not record.rejected]
    todo = [record for record in loads if (record.entity, record.at) not in there]
    days: dict[date, list[Record]] = {}
    for record in todo:
        if not ENTITIES[record.entity].is_static:
            days.setdefault(record.run_date, []).append(record)
    all_days = {record.run_date for record in loads if not ENTITIES[record.entity].is_static}
    return Plan(
        static=[record for record in todo if ENTITIES[record.entity].is_static],
        days=dict(sorted(days.items())),
        done=sorted(all_days - days.keys()),
        rejected=[record for record in records if record.rejected],
        unrecorded=left_out,
    )


def _forget_build(connection: Connection) -> None:
    """Nothing counts as built: what is loaded again is as old as it was."""
    if is_there(connection, "analytics.built_run_dates"):
        truncate(connection, ["analytics.built_run_dates"])


@task(name="load_again", **OPTIONS)
def load_again(record: Record, platform: str) -> Again:
    """Bronze → silver → conformed, as it was recorded; the source is not asked.

    Raises SourceMissingError, SourceUnreadableError, TerminalError for bronze that doesn't match
    its manifest.
    """
    entity = ENTITIES[record.entity]
    with stage(f"load_again_{entity.name}") as on_rows:
        resources = resolve(platform)
        bronze = landed(entity.name, record.run_date, resources.lake, record.fingerprint)
        silver = refine(entity, bronze, resources)
        into = load_static if entity.is_static else load_day
        run = record.row.get("flow_run_id") or ""
        loaded = into(entity, silver, resources, run, on_rows, again=record)
        other = list(_other_counts(record, loaded))
        for said in other:
            logger().warning("%s of %s: %s", entity.name, record.run_date, said)
        return Again(loaded.loaded, not other)


def _other_counts(record: Record, loaded: Loaded) -> Iterator[str]:
    """Counts that are not those of the record: rules have changed since, or people were erased."""
    for column, title in ledger_columns("count", "static").items():
        was, now = record.row.get(column), getattr(loaded, column)
        if was is not None and was != now:
            yield f"{title}: {now:,} now, {was:,} before"


def counts(plan: Plan, ends: Mapping[date, State[Any]], played: Sequence[Again]) -> str:
    """What became of a plan, in numbers."""
    completed = sum(end.is_completed() for end in ends.values())
    said = f"{completed} of {len(plan.days)} days loaded again"
    if plan.done:
        said += f", {len(plan.done)} were already"
    if other := sum(not each.as_before for each in played):
        said += f"; {other} loads with other counts than before (the log says which)"
    if plan.unrecorded:
        said += f"; left out, for loads/ has no record of their bronze: {_named(plan.unrecorded)}"
    return said


def _named(dates: Sequence[tuple[str, date]]) -> str:
    first = ", ".join(f"{entity} of {day}" for entity, day in dates[:5])
    return first + (f" and {len(dates) - 5} more" if len(dates) > 5 else "")


@task(name="restore_rejections", task_run_name="restore_rejections", **OPTIONS)
def restore_rejections(rejected: Sequence[Record], platform: str) -> int:
    """The deliveries that were rejected, and stay so, in `ops.rejected_days`; how many."""
    with (
        stage("restore_rejections"),
        connect(resolve(platform).warehouse_dsn, purpose="rebuild") as connection,
    ):
        for record in rejected:
            connection.execute(
                """
                INSERT INTO ops.rejected_days
                SELECT * FROM jsonb_populate_record(NULL::ops.rejected_days, %s::jsonb)
                ON CONFLICT DO NOTHING
                """,
                [json.dumps({**record.row, "recorded": True})],
            )
        return len(rejected)
