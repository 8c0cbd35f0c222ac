"""The ledger: one row for every entity and run date, saying where each source row went."""

from blocks.database import Connection
from tasks.entities.references import Loaded, Silver, ledger_columns
from tasks.loading.tables import upsert


def write_ledger(connection: Connection, loaded: Loaded, silver: Silver, flow_run_id: str) -> None:
    """Write the row, in place of an earlier one of that entity and run date."""
    columns = ("entity", "run_date", *ledger_columns("count", "static", "seconds"))
    row = {name: getattr(loaded, name) for name in columns}
    row |= {"bronze_fingerprint": silver.fingerprint, "flow_run_id": flow_run_id or None}
    upsert(connection, "ledger", row, touched="loaded_at")
