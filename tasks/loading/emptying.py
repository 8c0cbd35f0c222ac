"""Emptying the conformance layer's tables for a rebuild (docs/contract.md#recovery)."""

from collections.abc import Sequence

from psycopg import sql

from blocks.database import Connection
from blocks.errors import TerminalError
from tasks.entities.contracts import COMPLAINTS
from tasks.loading import tables


def empty_all_tables(connection: Connection, models: Sequence[str]) -> None:
    """Remove every row of ours; tables stay, with their grants and what was added to them.

    `models` names what dbt builds in `analytics`. Customers and agents come last: a database with
    those and no ledger is one in which this was cut short. Raises TerminalError, before anything is
    removed, for what others have built on tables that have to be emptied, dropped or built from
    nothing.
    """
    conformed = [name for name in tables.ALL if name.startswith("conformed.")]
    _refuse_dependents(connection, models)
    truncate(connection, [name for name in tables.ALL if name not in conformed])
    # one by one: to drop thousands at once takes more locks than a server has room for.
    for (partition,) in connection.execute(
        """
        SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = ANY (%s::regclass[])
        """,
        [[f"conformed.{entity.name}" for entity in COMPLAINTS]],
    ).fetchall():
        name = sql.Identifier("conformed", partition)
        connection.execute(sql.SQL("DROP TABLE {}").format(name))
    truncate(connection, conformed)
    tables.clear_staging(connection)


# a foreign key forbids TRUNCATE; DROP, and dbt's full refresh, would take views along, too.
_DEPENDENTS = """
    WITH parents AS (SELECT to_regclass(name)::oid AS oid FROM unnest(%(tables)s::text[]) AS name),
    replaced AS (
        SELECT inhrelid AS oid FROM pg_inherits JOIN parents ON parents.oid = inhparent
        UNION
        SELECT oid FROM pg_class
        WHERE relnamespace = to_regnamespace('analytics') AND relname = ANY (%(models)s)
          AND relkind = 'r'
    ),
    dependents AS (
        SELECT conrelid AS oid FROM pg_constraint
        WHERE contype = 'f' AND confrelid IN (TABLE parents UNION TABLE replaced)
        UNION
        SELECT ev_class FROM pg_depend JOIN pg_rewrite ON pg_rewrite.oid = objid
        WHERE classid = 'pg_rewrite'::regclass AND refclassid = 'pg_class'::regclass
          AND refobjid IN (TABLE replaced)
    )
    SELECT format('%%s (owner %%s)', oid::regclass, pg_get_userbyid(relowner))
    FROM dependents JOIN pg_class USING (oid)
    WHERE oid NOT IN (TABLE parents UNION TABLE replaced) AND relpersistence <> 't'
      AND NOT (relnamespace = to_regnamespace('analytics') AND relname = ANY (%(models)s))
    ORDER BY 1
"""


def _refuse_dependents(connection: Connection, models: Sequence[str]) -> None:
    rows = connection.execute(_DEPENDENTS, {"tables": list(tables.ALL), "models": list(models)})
    if found := [name for (name,) in rows]:
        raise TerminalError(
            f"The tables can't be emptied and built again: {', '.join(found)} depends on them",
            where=f"database {connection.info.dbname}",
            todo="nothing was changed: ask the owner to drop it (of a table, its foreign key) and "
            "to make it again afterwards; then run the rebuild again",
        )


def truncate(connection: Connection, names: Sequence[str]) -> None:
    """Remove all rows of tables, given by their names with the schema."""
    listed = sql.SQL(", ").join(map(tables.identifier, names))
    connection.execute(sql.SQL("TRUNCATE {}").format(listed))
