"""A day's finished staging table becomes the partition of its date, all at once for readers.

Who waits for whom, in short: the first load of a date locks nobody out who reads. A reload must
drop the older partition, for which nobody may be reading the table: it asks for that moment
briefly, and steps back for those who queued up behind it.
"""

import time
from datetime import date
from itertools import chain, repeat

from psycopg import errors as pg
from psycopg import sql

from blocks.database import Connection
from blocks.errors import DatabaseUnavailableError, TerminalError
from tasks.entities.model import Entity
from tasks.loading import locks, tables

PATIENCE_SECONDS = 300.0
# readers that come while we ask for their table wait behind us this long at most, a table.
_ASK_MS = 100
# longer than PostgreSQL's deadlock_timeout, after which an autovacuum gives way.
_WRITERS_MS = 10_000
_PAUSES_SECONDS = (0.25, 0.5, 1, 2, 4)


def swap_in(connection: Connection, entity: Entity, run_date: date) -> None:
    """Attach the day's staging table in place of an older partition, in the open transaction.

    Raises DatabaseUnavailableError when readers left no gap for that long.
    """
    give_up = time.monotonic() + PATIENCE_SECONDS
    pauses = chain(_PAUSES_SECONDS, repeat(_PAUSES_SECONDS[-1]))
    while True:
        try:
            # an attempt that fails gives back every lock it got.
            with connection.transaction():
                _attempt(connection, entity, run_date)
            connection.execute("SET LOCAL lock_timeout = 0")
            return
        except (pg.LockNotAvailable, pg.DeadlockDetected):
            if time.monotonic() > give_up:
                raise DatabaseUnavailableError(
                    f"Other sessions held {' or '.join(_tables(entity))} "
                    f"for {PATIENCE_SECONDS:.0f} seconds{_blockers(connection, entity)}",
                    where=f"swapping in {entity.name} of {run_date}",
                    todo="end the sessions that read or lock these tables, then run again: "
                    "the copied batches are kept",
                ) from None
        time.sleep(next(pauses))


def _attempt(connection: Connection, entity: Entity, run_date: date) -> None:
    name = tables.day_name(entity.name, run_date)
    parent, partition = tables.conformed(entity), sql.Identifier("conformed", name)
    statics = [tables.conformed(static) for static in entity.references.values()]
    keys = [
        sql.SQL("ADD FOREIGN KEY ({}) {}").format(sql.Identifier(f.name), tables.references(static))
        for f, static in entity.references.items()
    ]
    parts = {
        "staged": sql.Identifier("staging", name),
        "partition": partition,
        "parent": parent,
        "statics": sql.SQL(", ").join(statics),
        "locked": sql.SQL(", ").join([parent, *statics, partition]),
        "keys": sql.SQL(", ").join(keys),
        "run_date": sql.Literal(run_date),
        "check": sql.Identifier(f"{name}_check"),
    }

    def run(statements: str) -> None:
        connection.execute(sql.SQL(statements).format(**parts))

    # one swap at a time: what follows takes several tables' locks.
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [locks.key("swap")])
    connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(_WRITERS_MS))
    # foreign keys are checked under these; they hold up writers and vacuums, no reader.
    if statics:
        run("LOCK TABLE {statics} IN SHARE ROW EXCLUSIVE MODE")
    run("LOCK TABLE ONLY {parent} IN SHARE UPDATE EXCLUSIVE MODE")
    granted = _grants(connection, name)
    if _is_attached(connection, entity, name):
        run("LOCK TABLE {partition} IN SHARE UPDATE EXCLUSIVE MODE")
        # checked here in bulk, before the moment in which readers wait.
        if statics:
            run("ALTER TABLE {staged} {keys}")
        connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(_ASK_MS))
        # attaching a table that has foreign keys of its own drops their triggers on the
        # referenced tables, which nobody may be reading then.
        run("LOCK TABLE ONLY {locked} IN ACCESS EXCLUSIVE MODE")
        # without DETACH, which would make new triggers on the referenced tables.
        run("DROP TABLE {partition}")
    for column in tables.identity_columns(connection, entity):
        parts["identity"] = sql.Identifier(column)
        run("ALTER TABLE {staged} ALTER COLUMN {identity} DROP DEFAULT")
    # where there was no older day ATTACH adds the foreign keys, and checks them in bulk.
    run(
        "ALTER TABLE {staged} SET SCHEMA conformed; "
        "ALTER TABLE {parent} ATTACH PARTITION {partition} FOR VALUES IN ({run_date}); "
        "ALTER TABLE {partition} DROP CONSTRAINT IF EXISTS {check}, "
        "ALTER COLUMN run_date DROP DEFAULT, RESET (autovacuum_enabled)"
    )
    for privilege, grantee in granted:
        parts |= {"grantee": grantee}
        run(f"GRANT {privilege} ON {{partition}} TO {{grantee}}")


# what readers may do with the older partition, and what the schema's default privileges give.
_GRANTS = """
    SELECT DISTINCT privilege_type, grantee::regrole::text, grantee = 0
    FROM (
        SELECT relowner AS owner, relacl AS acl FROM pg_class WHERE oid = to_regclass(%s)
        UNION ALL
        SELECT defaclrole, defaclacl FROM pg_default_acl
        WHERE defaclnamespace = 'conformed'::regnamespace AND defaclobjtype = 'r'
          AND defaclrole = (SELECT oid FROM pg_roles WHERE rolname = current_user)
    ) AS found, aclexplode(acl)
    WHERE grantee <> owner
"""


def _grants(connection: Connection, partition: str) -> list[tuple[str, sql.Composable]]:
    """Privileges and roles that the new partition has to have."""
    rows = connection.execute(_GRANTS, [f"conformed.{partition}"]).fetchall()
    return [
        # regrole quotes the name as it must be
        (privilege, sql.SQL("PUBLIC") if public else sql.SQL(role))
        for privilege, role, public in rows
    ]


def refuse_dependents(connection: Connection, entity: Entity, run_date: date) -> None:
    """Raise TerminalError when something rests on the day's partition, which a reload drops."""
    rows = connection.execute(
        """
        SELECT DISTINCT dependent::regclass::text, pg_get_userbyid(relowner)
        FROM (
            SELECT ev_class AS dependent FROM pg_depend JOIN pg_rewrite ON pg_rewrite.oid = objid
            WHERE classid = 'pg_rewrite'::regclass AND refclassid = 'pg_class'::regclass
              AND refobjid = to_regclass(%(partition)s)
            UNION ALL
            SELECT conrelid FROM pg_constraint
            WHERE contype = 'f' AND confrelid = to_regclass(%(partition)s)
        ) AS found JOIN pg_class ON pg_class.oid = dependent
        WHERE dependent <> to_regclass(%(partition)s)
        ORDER BY 1
        """,
        {"partition": f"conformed.{tables.day_name(entity.name, run_date)}"},
    ).fetchall()
    if rows:
        found = ", ".join(f"{name} (owner {owner})" for name, owner in rows)
        raise TerminalError(
            f"{entity.name} of {run_date} can't be replaced: {found} depends on its partition",
            where=f"conformed.{tables.day_name(entity.name, run_date)}",
            todo="ask the owner to drop it, or to build it on the whole table, which stays; "
            "then run the date again",
        )


def _is_attached(connection: Connection, entity: Entity, name: str) -> bool:
    """Whether there is an older partition; a detached table is somebody's, and not ours to drop."""
    there, parent = connection.execute(
        """
        SELECT day IS NOT NULL,
               EXISTS (SELECT FROM pg_inherits WHERE inhrelid = day AND inhparent = parent)
        FROM (SELECT to_regclass(%s) AS day, to_regclass(%s) AS parent) AS found
        """,
        [f"conformed.{name}", f"conformed.{entity.name}"],
    ).fetchone() or (False, False)
    if there and not parent:
        raise TerminalError(
            f"conformed.{name} exists, but is no partition of conformed.{entity.name}",
            where=f"swapping in {name}",
            todo="somebody detached it: rename, move or drop it, then run again",
        )
    return bool(there)


def _blockers(connection: Connection, entity: Entity) -> str:
    rows = connection.execute(
        """
        SELECT DISTINCT pid, application_name
        FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE relation = ANY (%s::regclass[]) AND granted AND pid <> pg_backend_pid()
        ORDER BY pid
        """,
        [_tables(entity)],
    ).fetchall()
    if not rows:
        return ""
    sessions = ", ".join(f"{pid} {name}".strip() for pid, name in rows[:5])
    return f" (server processes: {sessions})"


def _tables(entity: Entity) -> list[str]:
    """The tables that a swap locks."""
    names = (entity.name, *(static.name for static in entity.references.values()))
    return [f"conformed.{name}" for name in names]
