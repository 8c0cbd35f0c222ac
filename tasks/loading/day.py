"""Silver → conformed, for complaints: a day built next to its table, then swapped in whole."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import sql

from blocks.database import Connection
from blocks.errors import TransientError
from blocks.resources import Resources
from tasks.entities.model import Entity
from tasks.entities.references import Loaded, Silver
from tasks.lake.bronze import forget_kept, prove_made_from
from tasks.lake.parquet import FileReplacedError
from tasks.lake.records import Record
from tasks.loading import locks, tables
from tasks.loading.audit import audit, forget_rejection
from tasks.loading.copying import OnRows, copy_day
from tasks.loading.ledger import load_time, record, write_ledger
from tasks.loading.orphans import find_orphans, static_as_of
from tasks.loading.rejected import replace_rejected
from tasks.loading.swap import refuse_dependents, swap_in


def load_day(
    entity: Entity,
    silver: Silver,
    resources: Resources,
    flow_run_id: str = "",
    on_rows: OnRows | None = None,
    *,
    accept: bool = False,
    again: Record | None = None,
) -> Loaded:
    """Load a day of complaints as its partition; the ledger row it wrote.

    Until the last moment the conformed tables are as they were; batches copied before a failure
    are not copied again. `accept`: whatever the audit finds. `again`: the load of a lost database
    that this one stands for; it knows the customers and agents that were known then. Raises
    DayRejectedError, and RunDateBusyError when another run loads the same day.
    """
    started = time.monotonic()
    with (
        locks.at_work(resources.warehouse_dsn, entity.name, silver.run_date) as connection,
        _no_resuming_after_rejection(connection, entity, silver),
    ):
        refuse_dependents(connection, entity, silver.run_date)
        with connection.transaction():
            # one snapshot: a rebuild has to know which customers and agents it held.
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            as_of = again.static_as_of if again else static_as_of(connection)
            orphans = find_orphans(connection, entity, silver, resources, as_of if again else None)
        if not (accept or again):
            audit(connection, entity, silver, resources, flow_run_id, orphans)
        staged = copy_day(connection, entity, silver, resources, orphans["row"], on_rows)
        with connection.transaction():
            field_problems = replace_rejected(
                connection, entity, silver, resources, flow_run_id, orphans
            )
            _add_key(connection, entity, silver)
            prove_made_from(silver, resources.lake)
            swap_in(connection, entity, silver.run_date)
            locks.prove_held(connection, entity.name, silver.run_date)
            loaded = Loaded.of(
                silver,
                time.monotonic() - started,
                orphan=orphans.height,
                loaded=silver.rows - orphans.height,
                field_problems=field_problems,
                batches=staged.batches,
                batches_resumed=staged.batches_resumed,
            )
            run = {
                "flow_run_id": flow_run_id or None,
                "loaded_at": load_time(connection, again),
                "static_as_of": as_of,
                "recorded": again is not None and again.written,
            }
            write_ledger(connection, loaded, silver, run)
            forget_rejection(connection, silver)
        with suppress(TransientError):  # it is published: the next run writes the record
            record(connection, resources.lake)
            if not again:
                forget_kept(silver, resources.lake)
    return loaded


@contextmanager
def _no_resuming_after_rejection(
    connection: Connection, entity: Entity, silver: Silver
) -> Iterator[None]:
    """Forget the batches of a day that PostgreSQL rejected.

    A fix changes what the rows become: those copied before may not stay.
    """
    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError, FileReplacedError):
        with suppress(psycopg.Error), connection.transaction():
            tables.drop_staged(connection, entity.name, silver.run_date)
        raise


def _add_key(connection: Connection, entity: Entity, silver: Silver) -> None:
    """The primary key, of the rows that are there."""
    name = tables.day_name(entity.name, silver.run_date)
    connection.execute(
        sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (run_date, {})").format(
            sql.Identifier("staging", name), sql.Identifier(entity.key)
        )
    )
