"""The conformance layer's tables: their names, their making, and clearing what no load can use."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from psycopg import sql

from blocks.database import Connection
from tasks.entities.contracts import COMPLAINTS, ENTITIES
from tasks.entities.model import Entity
from tasks.loading import locks
from tasks.loading.readers import let_read
from tasks.loading.versions import take_over_versions, versions

_SCHEMA = Path(__file__).with_name("schema.sql")
# what a run writes to for good, and alters.
ALL = (
    *(f"conformed.{entity}" for entity in ENTITIES),
    *(f"conformed.{entity.versions}" for entity in ENTITIES.values() if entity.versioned),
    *(f"ops.{table}" for table in ("ledger", "field_problems", "rejected_days", "checkpoints")),
    "quarantine.records",
)


def conformed(entity: Entity) -> sql.Identifier:
    """The entity's conformed table."""
    return sql.Identifier("conformed", entity.name)


def identifier(table: str) -> sql.Identifier:
    """A table by its name with its schema, such as those of `ALL`."""
    return sql.Identifier(*table.split(".", 1))


def day_name(entity_name: str, run_date: date) -> str:
    """Name of a day's table, in `staging` while it is built and in `conformed` as a partition.

    >>> day_name("call_logs", date(2025, 11, 21))
    'call_logs_20251121'
    """
    return f"{entity_name}_{run_date.isoformat().replace('-', '')}"


def names(columns: tuple[str, ...] | list[str]) -> sql.Composable:
    """Columns as a list for a statement."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))


# where default_tablespace names the one that the database has anyway, PostgreSQL refuses
# partitioned tables.
_NO_OWN_TABLESPACE = """
    SELECT set_config('default_tablespace', '', true)
    FROM pg_database JOIN pg_tablespace ON pg_tablespace.oid = dattablespace
    WHERE datname = current_database() AND spcname = current_setting('default_tablespace')
"""


def create_all_tables(connection: Connection, readers: str = "") -> None:
    """Make the schemas and tables that aren't there yet; any number of runs may do so at once.

    Raises ConfigurationError when the roles that are to read them (`readers`) aren't there.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [locks.key("create tables")])
        connection.execute(_NO_OWN_TABLESPACE)
        connection.execute(sql.SQL(_SCHEMA.read_text("utf-8")))
        for entity in ENTITIES.values():
            columns = _columns(entity)
            connection.execute(_table(entity, columns))
            _add_new_columns(connection, entity.name, columns)
            if entity.versioned:
                columns = {name: columns[name] for name in (entity.key, *entity.versioned)}
                connection.execute(_versions_table(entity, columns))
                _add_new_columns(connection, entity.versions, columns)
                take_over_versions(connection, entity)
        if readers:
            let_read(connection, readers)


def _columns(entity: Entity) -> dict[str, sql.Composable]:
    keys = {field.name: references(static) for field, static in entity.references.items()}
    return {
        name: sql.SQL("{} {} {}").format(
            sql.Identifier(name), sql.SQL(kind), keys.get(name, sql.SQL(""))
        )
        for name, kind in entity.sql_types().items()
    }


def references(static: Entity) -> sql.Composed:
    """The end of a foreign key to a static entity."""
    return sql.SQL("REFERENCES {} ({})").format(conformed(static), sql.Identifier(static.key))


def _table(entity: Entity, columns: Mapping[str, sql.Composable]) -> sql.Composed:
    of_static = """
        first_loaded_at timestamptz NOT NULL DEFAULT now(),
        last_changed_at timestamptz NOT NULL DEFAULT now(),
        run_date date NOT NULL,
        PRIMARY KEY ({key})
    )"""
    of_day = """
        run_date date NOT NULL,
        PRIMARY KEY (run_date, {key})
    ) PARTITION BY LIST (run_date)"""
    return sql.SQL(
        "CREATE TABLE IF NOT EXISTS {table} ({columns},"
        + (of_static if entity.is_static else of_day)
    ).format(
        table=conformed(entity),
        columns=sql.SQL(", ").join(columns.values()),
        key=sql.Identifier(entity.key),
    )


def _versions_table(entity: Entity, columns: Mapping[str, sql.Composable]) -> sql.Composed:
    return sql.SQL(
        """
        CREATE TABLE IF NOT EXISTS {table} (
            {columns},
            valid_from date NOT NULL,
            PRIMARY KEY ({key}, valid_from)
        )"""
    ).format(
        table=versions(entity),
        columns=sql.SQL(", ").join(columns.values()),
        key=sql.Identifier(entity.key),
    )


def upsert(connection: Connection, table: str, row: Mapping[str, object], touched: str) -> None:
    """Write a row of `ops` in place of an earlier one of its entity and run date, now."""
    updates = [
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name))
        for name in {**row, touched: None}
        if name not in ("entity", "run_date")
    ]
    connection.execute(
        sql.SQL(
            "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT (entity, run_date) DO UPDATE SET {}"
        ).format(
            sql.Identifier("ops", table),
            names(list(row)),
            sql.SQL(", ").join(map(sql.Placeholder, row)),
            sql.SQL(", ").join(updates),
        ),
        row,
    )


def _add_new_columns(
    connection: Connection, table: str, columns: Mapping[str, sql.Composable]
) -> None:
    """A column that the contract gained since the table was made; NULL in the rows that are in."""
    there = connection.execute(
        """
        SELECT attname FROM pg_attribute
        WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
        """,
        [f"conformed.{table}"],
    )
    known = {name for (name,) in there}
    for name, column in columns.items():
        if name not in known:
            connection.execute(
                sql.SQL("ALTER TABLE {} ADD COLUMN {}").format(
                    sql.Identifier("conformed", table), column
                )
            )


def identity_columns(connection: Connection, entity: Entity) -> list[str]:
    """Columns that a DBA added as identity columns to the entity's conformed table."""
    rows = connection.execute(
        "SELECT attname FROM pg_attribute "
        "WHERE attrelid = to_regclass(%s) AND attidentity <> '' AND NOT attisdropped",
        [f"conformed.{entity.name}"],
    )
    return [name for (name,) in rows]


def same_columns(connection: Connection, one: str, other: str) -> bool:
    """Whether two tables have the same columns: names, types, NOT NULL, generated or not."""
    row = connection.execute(
        """
        SELECT count(*) FROM (
            SELECT attname, atttypid, atttypmod, attcollation, attnotnull, attgenerated
            FROM pg_attribute
            WHERE attrelid IN (to_regclass(%s), to_regclass(%s))
              AND attnum > 0 AND NOT attisdropped
            GROUP BY 1, 2, 3, 4, 5, 6 HAVING count(*) <> 2
        ) AS in_one_alone
        """,
        [one, other],
    ).fetchone()
    return row == (0,)


def lost_days(connection: Connection) -> list[tuple[str, date]]:
    """Entities and run dates of complaints whose rows the ledger has, and the tables don't.

    Somebody dropped, detached or emptied the partition.
    """
    rows = connection.execute(
        """
        SELECT entity, run_date
        FROM ops.ledger
        LEFT JOIN pg_inherits
            ON inhrelid = to_regclass(
                format('conformed.%%I', entity || '_' || to_char(run_date, 'YYYYMMDD'))
            )
            AND inhparent = to_regclass(format('conformed.%%I', entity))
        WHERE entity = ANY (%s) AND loaded > 0
          AND (inhrelid IS NULL OR pg_relation_size(inhrelid) = 0)
        ORDER BY run_date, entity
        """,
        [[entity.name for entity in COMPLAINTS]],
    )
    return [(entity, run_date) for entity, run_date in rows]


def clear_staging(connection: Connection) -> int:
    """Remove staging tables without a checkpoint and checkpoints without a table; how many.

    A day that is being loaded at this moment is left alone.
    """
    candidates = connection.execute(_UNUSABLE).fetchall()
    return sum(_clear_one(connection, *candidate) for candidate in candidates)


# to_date would raise on a foreign table's name, and take the 31st of November for the 1st.
_UNUSABLE = """
    WITH tables AS (
        SELECT relname AS name FROM pg_class
        WHERE relnamespace = 'staging'::regnamespace AND relkind = 'r'
    ),
    checkpoints AS (
        SELECT entity, run_date, entity || '_' || to_char(run_date, 'YYYYMMDD') AS name
        FROM ops.checkpoints
    )
    SELECT name, entity, run_date
    FROM tables FULL JOIN checkpoints USING (name)
    WHERE tables.name IS NULL OR checkpoints.name IS NULL
"""


def _clear_one(connection: Connection, name: str, entity: str | None, run_date: date | None) -> int:
    if entity is None or run_date is None:
        stem, _, digits = name.rpartition("_")
        try:
            entity, run_date = stem, date.fromisoformat(digits)
        except ValueError:
            return 0  # none of ours
        if entity not in ENTITIES or day_name(entity, run_date) != name:
            return 0
    with connection.transaction():
        number = locks.key(entity, run_date)
        free = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [number]).fetchone()
        # what was read before the lock was taken may be out of date.
        still = [row[0] for row in connection.execute(_UNUSABLE).fetchall()]
        if free != (True,) or name not in still:
            return 0
        drop_staged(connection, entity, run_date)
    return 1


def drop_staged(connection: Connection, entity: str, run_date: date) -> None:
    """Remove a day's staging table and its checkpoint."""
    name = sql.Identifier("staging", day_name(entity, run_date))
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))
    connection.execute(
        "DELETE FROM ops.checkpoints WHERE entity = %s AND run_date = %s", [entity, run_date]
    )


def cleanup_checkpoints(connection: Connection, run_date: date) -> int:
    """Remove the run date's checkpoints; how many."""
    done = connection.execute("DELETE FROM ops.checkpoints WHERE run_date = %s", [run_date])
    return done.rowcount
