"""Silver → conformed, for complaints: a day built beside its table, then swapped in whole."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO

import polars as pl
import psycopg
from psycopg import sql

from blocks.database import Connection
from blocks.resources import Resources
from tasks.entities.contracts import STATIC
from tasks.entities.model import Entity
from tasks.entities.references import Loaded, Silver
from tasks.loading import locks, tables
from tasks.loading.copying import FileReplacedError, OnRows, copy_day
from tasks.loading.ledger import write_ledger
from tasks.loading.rejected import ORPHANS, replace_rejected
from tasks.loading.swap import swap_in


def load_day(
    entity: Entity,
    silver: Silver,
    resources: Resources,
    flow_run_id: str = "",
    on_rows: OnRows | None = None,
) -> Loaded:
    """Load a day of complaints as its partition; the ledger row it wrote.

    Until the last moment the conformed tables are as they were; batches copied before a failure
    are not copied again. Raises RunDateBusyError when another run loads the same day.
    """
    started = time.monotonic()
    with (
        locks.at_work(resources.warehouse_dsn, entity.name, silver.run_date) as connection,
        _no_resuming_after_rejection(connection, entity, silver),
    ):
        staged = copy_day(connection, entity, silver, resources, on_rows)
        orphans = _find_orphans(connection, entity, silver)
        with connection.transaction():
            orphan = _remove_orphans(connection, entity, silver)
            field_problems = replace_rejected(
                connection, entity, silver, resources, flow_run_id, orphans
            )
            _add_key(connection, entity, silver)
            swap_in(connection, entity, silver.run_date)
            loaded = Loaded(
                entity=entity.name,
                run_date=silver.run_date,
                rows_read=silver.rows_read,
                exact_duplicates=silver.exact_duplicates,
                missing_key=silver.missing_key,
                duplicate_key=silver.duplicate_key,
                orphan=orphan,
                loaded=staged.rows - orphan,
                field_problems=field_problems,
                batches=staged.batches,
                batches_resumed=staged.batches_resumed,
                ingest_seconds=silver.ingest_seconds,
                transform_seconds=silver.seconds,
                load_seconds=time.monotonic() - started,
            )
            write_ledger(connection, loaded, silver, flow_run_id)
    return loaded


@contextmanager
def _no_resuming_after_rejection(
    connection: Connection, entity: Entity, silver: Silver
) -> Iterator[None]:
    """Forget the batches of a day that PostgreSQL rejected.

    Whoever mends the cause changes what the rows become: those copied before may not stay.
    """
    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError, FileReplacedError):
        with suppress(psycopg.Error), connection.transaction():
            name = tables.day_name(entity.name, silver.run_date)
            connection.execute(
                sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("staging", name))
            )
            connection.execute(
                "DELETE FROM ops.checkpoints WHERE entity = %s AND run_date = %s",
                [entity.name, silver.run_date],
            )
        raise


def _staged(entity: Entity, silver: Silver) -> sql.Identifier:
    return sql.Identifier("staging", tables.day_name(entity.name, silver.run_date))


def _find_orphans(connection: Connection, entity: Entity, silver: Silver) -> pl.DataFrame:
    """Staged rows whose customer or agent is missing or unknown.

    They stay in the session's table `orphans`. This is a transaction of its own: the final one
    must not hold even a reader's lock on customers and agents while it waits for its swap.
    """
    reasons, joins, unknown = [], [], []
    for static in STATIC:
        parts = {
            "key": sql.Identifier(static.key),
            "table": tables.conformed(static),
            "alias": sql.Identifier(static.name),
            "missing": sql.Literal(f"{static.key} is missing"),
            "unknown": sql.Literal(f"{static.key} is unknown"),
        }
        reasons.append(
            sql.SQL(
                "CASE WHEN staged.{key} IS NULL THEN {missing} "
                "WHEN {alias}.{key} IS NULL THEN {unknown} END"
            ).format(**parts)
        )
        joins.append(
            sql.SQL("LEFT JOIN {table} AS {alias} ON {alias}.{key} = staged.{key}").format(**parts)
        )
        unknown.append(sql.SQL("{alias}.{key} IS NULL").format(**parts))
    with connection.transaction():
        connection.execute(
            sql.SQL(
                """
                CREATE TEMPORARY TABLE orphans AS
                SELECT staged.ctid AS place, staged.{key} AS record_key,
                       concat_ws('; ', {reasons}) AS reason
                FROM {staged} AS staged {joins}
                WHERE {unknown}
                """
            ).format(
                key=sql.Identifier(entity.key),
                staged=_staged(entity, silver),
                reasons=sql.SQL(", ").join(reasons),
                joins=sql.SQL(" ").join(joins),
                unknown=sql.SQL(" OR ").join(unknown),
            )
        )
        with connection.cursor().copy(
            "COPY (SELECT record_key, reason FROM orphans) TO STDOUT (FORMAT csv)"
        ) as pipe:
            text = BytesIO()
            for part in pipe:
                text.write(part)
    if not text.tell():
        return pl.DataFrame(schema=ORPHANS)
    text.seek(0)
    return pl.read_csv(text, has_header=False, schema=ORPHANS)


def _remove_orphans(connection: Connection, entity: Entity, silver: Silver) -> int:
    done = connection.execute(
        sql.SQL("DELETE FROM {} WHERE ctid = ANY (ARRAY(SELECT place FROM orphans))").format(
            _staged(entity, silver)
        )
    )
    return done.rowcount


def _add_key(connection: Connection, entity: Entity, silver: Silver) -> None:
    """The primary key, and the check by which ATTACH knows every row's date without reading it."""
    name = tables.day_name(entity.name, silver.run_date)
    connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
    connection.execute(
        sql.SQL(
            "ALTER TABLE {staged} ADD PRIMARY KEY (run_date, {key}), "
            "ADD CONSTRAINT {check} CHECK (run_date = {run_date})"
        ).format(
            staged=_staged(entity, silver),
            key=sql.Identifier(entity.key),
            check=sql.Identifier(f"{name}_check"),
            run_date=sql.Literal(silver.run_date),
        )
    )
