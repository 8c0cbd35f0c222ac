"""The database without erased people: personal columns, quarantine, field problems, statistics."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl
from psycopg import sql

from blocks.database import Connection, connect, is_there
from blocks.resources import Resources
from tasks.cleaning.erased import identifying_values, without_people
from tasks.entities.contracts import ENTITIES
from tasks.entities.model import Entity
from tasks.lake.erasures import Erasures
from tasks.loading import locks, tables

_ROWS = 50_000  # of quarantine, at a time


def identifying_values_in_rows(
    entity: Entity, erasures: Erasures, resources: Resources
) -> set[tuple[str, ...]]:
    """By what rows without a key are known to be of erased people, as the database has it."""
    found: set[tuple[str, ...]] = set()
    with connect(resources.warehouse_dsn, purpose="erase") as connection:
        if not is_there(connection, f"conformed.{entity.name}"):
            return found
        ids = _erased(_everybody(connection, entity), entity, erasures)
        for columns in entity.recognised_by:
            rows = connection.execute(
                sql.SQL("SELECT {} FROM {} WHERE {} = ANY (%s)").format(
                    tables.names(columns), tables.conformed(entity), sql.Identifier(entity.key)
                ),
                [ids],
            )
            found |= {(*columns, *map(str, row)) for row in rows if None not in row}
        for _, records in _quarantined(connection, entity):
            found |= identifying_values(entity, records, erasures)
    return found


def erase_rows(static: Entity, erasures: Erasures, resources: Resources) -> Counter[str]:
    """Remove the erased people of a static entity from all tables; how many rows were found where.

    All or nothing; then what they leave in PostgreSQL's files and statistics is vacuumed. The
    warehouse is changed in place, not built: its rows and keys stay what they are. No load of the
    entity and no build goes on meanwhile.
    """
    dsn, found = resources.warehouse_dsn, Counter[str]()
    with (
        locks.held(dsn, "dbt", wait=True),
        locks.at_work(dsn, static.name, wait=True) as connection,
    ):
        if not is_there(connection, f"conformed.{static.name}"):
            return found
        places = _with_personal_columns(connection, static)
        with connection.transaction():
            for place, columns in places.items():
                found[place] = _erase_columns(connection, static, place, columns, erasures)
            found["quarantine.records"] = _erase_records(connection, static, erasures)
            found["ops.field_problems"] = _erase_problems(connection, static, erasures)
        for place in (*places, *_A_ROW):  # also after a call that was killed before it did
            connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(tables.identifier(place)))
        _forget_statistics_of_empty(connection)
    return found


# of a table without a row ANALYZE keeps the statistics, which have values of rows that are gone.
_A_ROW = {
    "quarantine.records": """
        INSERT INTO quarantine.records (entity, run_date, issue, reason, record)
        VALUES ('', 'epoch', 'orphan', '', '{}')
    """,
    "ops.field_problems": "INSERT INTO ops.field_problems VALUES ('', 'epoch', '', '', '')",
}


def _forget_statistics_of_empty(connection: Connection) -> None:
    for place, insert in _A_ROW.items():
        table = tables.identifier(place)
        with connection.transaction():  # nobody else sees the row
            there = sql.SQL("SELECT FROM {} LIMIT 1").format(table)
            if connection.execute(there).fetchone() is None:
                connection.execute(insert)
                connection.execute(sql.SQL("ANALYZE {}").format(table))
                connection.execute(sql.SQL("DELETE FROM {}").format(table))


def _referring(static: Entity) -> list[Entity]:
    return [e for e in ENTITIES.values() if static in e.references.values()]


def _with_personal_columns(connection: Connection, static: Entity) -> dict[str, list[str]]:
    """Tables of ours with the entity's key and personal columns: versions and dimensions, too."""
    rows = connection.execute(
        """
        SELECT nspname || '.' || relname, array_agg(attname::text ORDER BY attnum)
        FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        JOIN pg_attribute ON attrelid = pg_class.oid
        WHERE nspname IN ('conformed', 'analytics') AND relkind = 'r'
          AND pg_has_role(relowner, 'USAGE')
          AND attname = ANY (%s) AND attgenerated = '' AND NOT attisdropped
          AND EXISTS (
              SELECT FROM pg_attribute AS key
              WHERE key.attrelid = pg_class.oid AND key.attname = %s AND NOT key.attisdropped
          )
        GROUP BY 1 ORDER BY 1 DESC
        """,
        [list(static.personal), static.key],
    )
    return dict(rows.fetchall())


def _erase_columns(
    connection: Connection, static: Entity, table: str, columns: list[str], erasures: Erasures
) -> int:
    parts = {
        "table": tables.identifier(table),
        "key": sql.Identifier(static.key),
        "columns": tables.names(columns),
        "nothing": sql.SQL(", ").join(
            sql.SQL("{} = NULL").format(sql.Identifier(column)) for column in columns
        ),
    }
    known = sql.SQL("SELECT DISTINCT {key} FROM {table} WHERE num_nonnulls({columns}) > 0")
    erased = _erased(connection.execute(known.format(**parts)), static, erasures)
    update = sql.SQL(
        "UPDATE {table} SET {nothing} WHERE {key} = ANY (%s) AND num_nonnulls({columns}) > 0"
    )
    return connection.execute(update.format(**parts), [erased]).rowcount


def _everybody(connection: Connection, static: Entity) -> Any:
    query = sql.SQL("SELECT {} FROM {}")
    return connection.execute(query.format(sql.Identifier(static.key), tables.conformed(static)))


def _erased(keys: Any, static: Entity, erasures: Erasures) -> list[str]:
    return [key for (key,) in keys if erasures.has(static.name, static.key, key)]


def _quarantined(
    connection: Connection, entity: Entity
) -> Iterator[tuple[list[tuple[date, str, dict[str, Any]]], pl.DataFrame]]:
    """Its records in quarantine: run date, digest and JSON of each; and the same as a frame."""
    schema = {field.name: pl.String() for field in entity.fields}
    with connection.cursor(name="records") as cursor:
        cursor.execute(
            "SELECT run_date, md5(record::text), record FROM quarantine.records WHERE entity = %s",
            [entity.name],
        )
        while rows := cursor.fetchmany(_ROWS):
            yield rows, pl.DataFrame([record for *_, record in rows], schema=schema)


def _erase_records(connection: Connection, static: Entity, erasures: Erasures) -> int:
    found = 0
    for entity in (static, *_referring(static)):
        changed = []
        for rows, frame in _quarantined(connection, entity):
            kept, theirs = without_people(entity, frame, erasures)
            for number in theirs:
                run_date, digest, record = rows[number]
                left = kept.row(number, named=True)
                left = {name: left.get(name) for name in record}
                if left != record:
                    changed.append((json.dumps(left), entity.name, run_date, digest))
        # by a digest: a value given to a statement may end in the server's log.
        connection.cursor().executemany(
            "UPDATE quarantine.records SET record = %s "
            "WHERE entity = %s AND run_date = %s AND md5(record::text) = %s",
            changed,
        )
        found += len(changed)
    return found


def _erase_problems(connection: Connection, static: Entity, erasures: Erasures) -> int:
    keys = connection.execute(
        "SELECT DISTINCT record_key FROM ops.field_problems WHERE entity = %s", [static.name]
    )
    found = connection.execute(
        "UPDATE ops.field_problems SET original_value = '' "
        "WHERE entity = %s AND record_key = ANY (%s) AND original_value <> ''",
        [static.name, _erased(keys, static, erasures)],
    ).rowcount
    people = _erased(_everybody(connection, static), static, erasures)
    for entity in _referring(static):
        for field in (f for f, other in entity.references.items() if other is static):
            found += connection.execute(
                sql.SQL(
                    "UPDATE ops.field_problems AS problem SET original_value = '' "
                    "FROM {table} AS row WHERE problem.entity = %s "
                    "AND row.run_date = problem.run_date AND row.{key} = problem.record_key "
                    "AND row.{reference} = ANY (%s) AND original_value <> ''"
                ).format(
                    table=tables.conformed(entity),
                    key=sql.Identifier(entity.key),
                    reference=sql.Identifier(field.name),
                ),
                [entity.name, people],
            ).rowcount
    return found
