"""Earlier values of static entities, each from a run date on (docs/contract.md#versions)."""

from collections.abc import Iterable
from datetime import date, datetime

from psycopg import sql

from blocks.database import Connection
from tasks.entities.model import Entity


def versions(entity: Entity) -> sql.Identifier:
    """The table with the versions of a static entity."""
    return sql.Identifier("conformed", entity.versions)


def note_versions(connection: Connection, entity: Entity, run_date: date, at: datetime) -> None:
    """Note what the load of a run date has changed in the conformed table, at its time."""
    changed = sql.SQL("SELECT *, {} AS loaded_for FROM {} WHERE last_changed_at = {}").format(
        sql.Literal(run_date), _conformed(entity), sql.Literal(at)
    )
    _note(connection, entity, changed)


def take_over_versions(connection: Connection, entity: Entity) -> None:
    """Begin the table: with what dbt's snapshots have kept until 0.1, and with what is loaded.

    The snapshots go. If an earlier release has made new ones since, what is loaded is noted.
    """
    name = f"snap_{entity.name}"
    begins, has_snapshot = connection.execute(
        sql.SQL("SELECT NOT EXISTS (SELECT FROM {}), to_regclass(%s) IS NOT NULL").format(
            versions(entity)
        ),
        [f"analytics.{name}"],
    ).fetchone() or (False, False)
    snapshot = sql.Identifier("analytics", name)
    if begins and has_snapshot:
        _replay(connection, entity, snapshot)
    if begins or has_snapshot:
        loaded = sql.SQL("SELECT *, run_date AS loaded_for FROM {}")
        _note(connection, entity, loaded.format(_conformed(entity)))
    if has_snapshot:
        connection.execute(sql.SQL("DROP TABLE {}").format(snapshot))


def _replay(connection: Connection, entity: Entity, snapshot: sql.Identifier) -> None:
    """Note the rows of a snapshot in the order in which dbt saw them: every first, second, …"""
    rows = sql.SQL(
        "SELECT *, run_date AS loaded_for, "
        "row_number() OVER (PARTITION BY {} ORDER BY dbt_valid_from) AS turn FROM {}"
    ).format(sql.Identifier(entity.key), snapshot)
    turns = connection.execute(
        sql.SQL("SELECT DISTINCT turn FROM ({}) AS seen ORDER BY turn").format(rows)
    ).fetchall()
    for (turn,) in turns:
        seen = sql.SQL("SELECT * FROM ({}) AS seen WHERE turn = {}")
        _note(connection, entity, seen.format(rows, sql.Literal(turn)))


# With no version there is none to look for.
_BEGIN = """
    INSERT INTO {versions} ({columns}, valid_from)
    SELECT {arriving_columns}, loaded_for FROM ({arriving}) AS arriving
"""
# A change takes effect on the run date that brought it, or on the newest version's if that is
# later. It replaces what took effect there before; if it only takes that back, the version before
# goes on. Look-ups by the key cost what changed, whatever the statistics say.
_NOTE = """
    WITH arriving AS ({arriving}),
    noted AS MATERIALIZED (
        SELECT {arriving_columns}, coalesce(before.valid_from, effective.run_date) AS valid_from
        FROM arriving
        CROSS JOIN LATERAL (
            SELECT greatest(arriving.loaded_for, max(there.valid_from)) AS run_date
            FROM {versions} AS there WHERE there.{key} = arriving.{key}
        ) AS effective
        LEFT JOIN LATERAL (
            SELECT * FROM {versions} AS there
            WHERE there.{key} = arriving.{key} AND there.valid_from < effective.run_date
            ORDER BY there.valid_from DESC
            LIMIT 1
        ) AS before ON ROW ({before_fields}) IS NOT DISTINCT FROM ROW ({arriving_fields})
    ),
    taken_back AS (
        DELETE FROM {versions} AS there USING noted
        WHERE there.{key} = noted.{key} AND there.valid_from > noted.valid_from
    )
    INSERT INTO {versions} AS there ({columns}, valid_from)
    SELECT {columns}, valid_from FROM noted
    ON CONFLICT ({key}, valid_from) DO UPDATE SET ({versioned}) = ROW ({excluded_versioned})
    WHERE ROW ({there_versioned}) IS DISTINCT FROM ROW ({excluded_versioned})
"""


def _note(connection: Connection, entity: Entity, arriving: sql.Composed) -> None:
    """Note the rows of a query: the key, the versioned columns, and the date they are loaded for.

    A version is another when a field is; what derives from the field goes with it.
    """
    columns = (entity.key, *entity.versioned)
    fields = [field.name for field in entity.fields if field.versioned]
    any_version = sql.SQL("SELECT FROM {} LIMIT 1").format(versions(entity))
    begins = connection.execute(any_version).fetchone() is None
    connection.execute(
        sql.SQL(_BEGIN if begins else _NOTE).format(
            arriving=arriving,
            versions=versions(entity),
            key=sql.Identifier(entity.key),
            columns=_of(columns),
            arriving_columns=_of(columns, "arriving"),
            arriving_fields=_of(fields, "arriving"),
            before_fields=_of(fields, "before"),
            versioned=_of(entity.versioned),
            there_versioned=_of(entity.versioned, "there"),
            excluded_versioned=_of(entity.versioned, "excluded"),
        )
    )


def _conformed(entity: Entity) -> sql.Identifier:
    return sql.Identifier("conformed", entity.name)


def _of(columns: Iterable[str], *table: str) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(*table, name) for name in columns)
