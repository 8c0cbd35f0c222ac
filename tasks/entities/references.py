"""What stages hand each other: small references (addresses and counts), never data."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Bronze:
    """A source, landed: all columns text, content unchanged, rows in file order."""

    entity: str
    run_date: date
    key: str  # in the lake: bronze/{entity}/{run_date}.parquet
    source: str  # address for people
    fingerprint: str  # SHA-256 of the source's bytes
    rows: int
    unexpected_columns: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()  # a day of zero rows, a column outside the contract
    seconds: float = 0.0


@dataclass(frozen=True)
class Silver:
    """A bronze file, cleaned: what loads, what doesn't, and counts for docs/contract.md#ledger."""

    entity: str
    run_date: date
    key: str  # silver/{entity}/{run_date}.parquet: canonical columns, typed, plus source_row
    problems_key: str  # problems/…: source_row, record_key, field, original_value
    rejects_key: str  # rejects/…: source_row, issue, reason, record_key, record (JSON text)
    bronze_key: str
    fingerprint: str
    rows_read: int
    exact_duplicates: int
    missing_key: int
    duplicate_key: int
    rows: int  # of the silver file
    field_problems: int  # of the problems file
    ingest_seconds: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class Loaded:
    """One row of the ledger: where every source row of an entity and run date went."""

    entity: str
    run_date: date
    rows_read: int
    exact_duplicates: int
    missing_key: int
    duplicate_key: int
    orphan: int
    loaded: int
    field_problems: int
    inserted: int | None = None  # static entities only, as the next two
    updated: int | None = None
    unchanged: int | None = None
    batches: int = 0  # copied by this attempt
    batches_resumed: int = 0  # found committed by an earlier attempt
    ingest_seconds: float = 0.0
    transform_seconds: float = 0.0
    load_seconds: float = 0.0
