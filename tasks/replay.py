"""Replay of quarantine: days whose orphans have found their customer and agent, from bronze."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import chain

from prefect import task
from psycopg import sql

from blocks.database import Connection, connect
from blocks.resolving import resolve
from tasks.entities.contracts import COMPLAINTS
from tasks.entities.model import Entity
from tasks.entities.references import Bronze
from tasks.lake.bronze import landed
from tasks.loading import tables
from tasks.loading.keys import cleaned_key
from tasks.stage import OPTIONS, logger, stage


@dataclass(frozen=True)
class Replay:
    """A channel's day worth loading again: so many orphans, of whom so many are free to load."""

    entity: str
    run_date: date
    fingerprint: str  # of the delivery that is published
    orphans: int
    free: int


@task(name="find_freed_orphans", task_run_name="find_freed_orphans", **OPTIONS)
def find_freed_orphans(platform: str, start: date | None, end: date | None) -> list[Replay]:
    """Days of a range that hold orphans whose customer and agent are both in by now."""
    with (
        stage("find_freed_orphans"),
        connect(resolve(platform).warehouse_dsn, purpose="replay") as connection,
    ):
        found = _freed(connection, start, end)
        free = sum(replay.free for replay in found)
        logger().info("%s orphans can be loaded now, on %s channel days", free, len(found))
        return found


@task(name="find_bronze", **OPTIONS)
def find_bronze(entity: str, run_date: date, fingerprint: str, platform: str) -> Bronze:
    """The bronze file of a delivery, as it landed. Raises SourceMissingError."""
    with stage(f"find_bronze_{entity}"):
        return landed(entity, run_date, resolve(platform).lake, fingerprint)


@task(name="count_orphans", task_run_name="count_orphans", **OPTIONS)
def count_orphans(platform: str, start: date | None, end: date | None) -> int:
    """How many orphans of a range are in quarantine."""
    with (
        stage("count_orphans"),
        connect(resolve(platform).warehouse_dsn, purpose="replay") as connection,
    ):
        row = connection.execute(
            """
            SELECT count(*) FROM quarantine.records
            WHERE issue = 'orphan'
              AND run_date
                  BETWEEN coalesce(%s::date, '-infinity') AND coalesce(%s::date, 'infinity')
            """,
            [start, end],
        ).fetchone()
        return row[0] if row else 0


def counts(freed: Mapping[date, int], left: int | None) -> tuple[str, str]:
    """How many orphans were freed and how many remain; and why some do when all days are loaded."""
    days = sum(number > 0 for number in freed.values())
    on = f" on {days:,} run date{'s' * (days > 1)}" if days else ""
    remain = "" if left is None else f", {left:,} remain in quarantine"
    why = ": their customer or agent is still unknown" if left else ""
    return f"{sum(freed.values()):,} orphans freed{on}{remain}", why


def _freed(connection: Connection, start: date | None, end: date | None) -> list[Replay]:
    found = [_freed_of(connection, entity, start, end) for entity in COMPLAINTS]
    return sorted(chain(*found), key=lambda replay: (replay.run_date, replay.entity))


def _freed_of(
    connection: Connection, entity: Entity, start: date | None, end: date | None
) -> Iterator[Replay]:
    joins: list[sql.Composable] = []
    there: list[sql.Composable] = [sql.SQL("true")]
    for field, static in entity.references.items():
        parts = {
            "table": tables.conformed(static),
            "alias": sql.Identifier(f"of {field.name}"),
            "key": sql.Identifier(static.key),
            # a record holds values as they came.
            "value": cleaned_key(sql.SQL("record ->> {}").format(sql.Literal(field.name))),
            "since": sql.Literal(field.since),
        }
        joins.append(
            sql.SQL("LEFT JOIN {table} AS {alias} ON {alias}.{key} = {value}").format(**parts)
        )
        there.append(
            sql.SQL("({alias}.{key} IS NOT NULL OR records.run_date < {since})").format(**parts)
        )
    rows = connection.execute(
        sql.SQL(
            """
            SELECT entity, records.run_date, bronze_fingerprint, count(*),
                   count(*) FILTER (WHERE {there})
            FROM quarantine.records JOIN ops.ledger USING (entity, run_date) {joins}
            WHERE issue = 'orphan' AND entity = %s
              AND records.run_date
                  BETWEEN coalesce(%s::date, '-infinity') AND coalesce(%s::date, 'infinity')
            GROUP BY entity, records.run_date, bronze_fingerprint
            HAVING bool_or({there})
            """
        ).format(joins=sql.SQL(" ").join(joins), there=sql.SQL(" AND ").join(there)),
        [entity.name, start, end],
    )
    return (Replay(*row) for row in rows)
