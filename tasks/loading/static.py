"""Silver → conformed, for customers and agents: an upsert that leaves unchanged rows alone."""

import time
from contextlib import suppress
from datetime import datetime

from psycopg import sql

from blocks.database import Connection
from blocks.errors import TransientError
from blocks.resources import Resources
from tasks.entities.model import Entity
from tasks.entities.references import Loaded, Silver
from tasks.lake.bronze import prove_made_from
from tasks.lake.records import Record
from tasks.loading import locks, tables
from tasks.loading.audit import audit, forget_rejection
from tasks.loading.copying import (
    OnRows,
    column_types,
    copy,
    encoded,
    read_slices,
    replaced,
)
from tasks.loading.ledger import load_time, record, write_ledger
from tasks.loading.rejected import replace_rejected
from tasks.loading.versions import note_versions

_INCOMING = sql.Identifier("pg_temp", "incoming")


def load_static(
    entity: Entity,
    silver: Silver,
    resources: Resources,
    flow_run_id: str = "",
    on_rows: OnRows | None = None,
    *,
    accept: bool = False,
    again: Record | None = None,
) -> Loaded:
    """Load customers or agents, all or nothing; the ledger row it wrote.

    Rows that the source no longer has stay: complaints refer to them. A second load of the same
    entity waits for the first. `accept`: whatever the audit finds. `again`: the load of a lost
    database that this one stands for, at whose time the rows came. Raises DayRejectedError.
    """
    started = time.monotonic()
    with locks.at_work(resources.warehouse_dsn, entity.name, wait=True) as connection:
        if not (accept or again):
            audit(connection, entity, silver, resources, flow_run_id)
        with connection.transaction():
            batches = _copy_incoming(connection, entity, silver, resources, on_rows)
            at = load_time(connection, again)
            updated = _update(connection, entity, silver, at)
            inserted = _insert(connection, entity, silver, at)
            if entity.versioned:
                note_versions(connection, entity, silver.run_date, at)
            field_problems = replace_rejected(connection, entity, silver, resources, flow_run_id)
            prove_made_from(silver, resources.lake)
            locks.prove_held(connection, entity.name)
            loaded = Loaded.of(
                silver,
                time.monotonic() - started,
                orphan=0,
                loaded=silver.rows,
                field_problems=field_problems,
                inserted=inserted,
                updated=updated,
                unchanged=silver.rows - inserted - updated,
                batches=batches,
            )
            run = {
                "flow_run_id": flow_run_id or None,
                "loaded_at": at,
                "recorded": again is not None and again.written,
            }
            write_ledger(connection, loaded, silver, run)
            forget_rejection(connection, silver)
        with suppress(TransientError):  # it is published: the next run writes the record
            record(connection, resources.lake)
    return loaded


def _copy_incoming(
    connection: Connection,
    entity: Entity,
    silver: Silver,
    resources: Resources,
    on_rows: OnRows | None,
) -> int:
    connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA"
        ).format(tables.names(entity.columns), tables.conformed(entity))
    )
    batches = copied = 0
    frames = read_slices(resources, silver.key, entity.columns, silver.rows)
    types = column_types(connection, tables.conformed(entity), entity.columns)
    for rows, pieces in encoded(frames, types):
        copied += copy(connection, _INCOMING, entity.columns, rows, pieces)
        batches += 1
        if on_rows:
            on_rows(rows)
    if copied != silver.rows:
        raise replaced(silver, copied)
    connection.execute("ANALYZE incoming")
    return batches


def _update(connection: Connection, entity: Entity, silver: Silver, at: datetime) -> int:
    """Rows whose content changed; their run date never goes back, so that history stays in order.

    The source has no date of its own: what was read last is what holds, whatever its run date.
    """
    return _changed(
        connection,
        entity,
        silver,
        at,
        """
        UPDATE {table} AS there
        SET ({columns}) = ROW ({incoming}), last_changed_at = {at},
            run_date = greatest(there.run_date, {run_date})
        FROM incoming
        WHERE there.{key} = incoming.{key}
          AND ROW ({there}) IS DISTINCT FROM ROW ({incoming})
        """,
    )


def _insert(connection: Connection, entity: Entity, silver: Silver, at: datetime) -> int:
    return _changed(
        connection,
        entity,
        silver,
        at,
        """
        INSERT INTO {table} ({columns}, first_loaded_at, last_changed_at, run_date)
        SELECT {columns}, {at}, {at}, {run_date} FROM incoming
        WHERE NOT EXISTS (SELECT FROM {table} AS there WHERE there.{key} = incoming.{key})
        """,
    )


def _changed(
    connection: Connection, entity: Entity, silver: Silver, at: datetime, statement: str
) -> int:
    done = connection.execute(
        sql.SQL(statement).format(
            table=tables.conformed(entity),
            columns=tables.names(entity.columns),
            incoming=_of("incoming", entity.columns),
            there=_of("there", entity.columns),
            key=sql.Identifier(entity.key),
            run_date=sql.Literal(silver.run_date),
            at=sql.Literal(at),
        )
    )
    return done.rowcount


def _of(table: str, columns: tuple[str, ...]) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(table, name) for name in columns)
