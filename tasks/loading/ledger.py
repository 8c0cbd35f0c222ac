"""The ledger: one row for every entity and run date, saying where each source row went."""

from psycopg import sql

from blocks.database import Connection
from tasks.entities.references import Loaded, Silver, ledger_columns
from tasks.loading.tables import names


def write_ledger(connection: Connection, loaded: Loaded, silver: Silver, flow_run_id: str) -> None:
    """Write the row, in place of an earlier one of that entity and run date."""
    columns = ("entity", "run_date", *ledger_columns("count", "static", "seconds"))
    row = {name: getattr(loaded, name) for name in columns}
    row |= {"bronze_fingerprint": silver.fingerprint, "flow_run_id": flow_run_id or None}
    updates = [
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name))
        for name in [*row, "loaded_at"]
        if name not in ("entity", "run_date")
    ]
    connection.execute(
        sql.SQL(
            "INSERT INTO ops.ledger ({}) VALUES ({}) "
            "ON CONFLICT (entity, run_date) DO UPDATE SET {}"
        ).format(
            names(list(row)),
            sql.SQL(", ").join(map(sql.Placeholder, row)),
            sql.SQL(", ").join(updates),
        ),
        row,
    )
