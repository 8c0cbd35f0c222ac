"""What stages hand each other: small references (addresses and counts), never data."""

from dataclasses import dataclass, field, fields
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
    """One row of the ledger: where every source row of an entity and run date went.

    Its columns are declared here, with the words that people read; `ledger_columns` gives them.
    """

    entity: str
    run_date: date
    rows_read: int = field(metadata={"count": "read"})
    exact_duplicates: int = field(metadata={"count": "exact duplicates"})
    missing_key: int = field(metadata={"count": "missing key"})
    duplicate_key: int = field(metadata={"count": "duplicate key"})
    orphan: int = field(metadata={"count": "orphan"})
    loaded: int = field(metadata={"count": "loaded"})
    field_problems: int = field(metadata={"count": "field problems"})
    inserted: int | None = field(default=None, metadata={"static": "new"})  # of static entities
    updated: int | None = field(default=None, metadata={"static": "changed"})
    unchanged: int | None = field(default=None, metadata={"static": "unchanged"})
    ingest_seconds: float = field(default=0.0, metadata={"seconds": "ingest"})
    transform_seconds: float = field(default=0.0, metadata={"seconds": "transform"})
    load_seconds: float = field(default=0.0, metadata={"seconds": "load"})
    batches: int = 0  # copied by this attempt; not in the ledger, as the next one
    batches_resumed: int = 0  # found committed by an earlier attempt

    @classmethod
    def of(cls, silver: Silver, load_seconds: float, **counts: int) -> "Loaded":
        """The row of a silver file: what it counts, and what its load counted."""
        return cls(
            entity=silver.entity,
            run_date=silver.run_date,
            rows_read=silver.rows_read,
            exact_duplicates=silver.exact_duplicates,
            missing_key=silver.missing_key,
            duplicate_key=silver.duplicate_key,
            ingest_seconds=silver.ingest_seconds,
            transform_seconds=silver.seconds,
            load_seconds=load_seconds,
            **counts,
        )


def ledger_columns(*kinds: str) -> dict[str, str]:
    """The ledger's columns of some kinds, with their titles.

    >>> ledger_columns("seconds")
    {'ingest_seconds': 'ingest', 'transform_seconds': 'transform', 'load_seconds': 'load'}
    """
    found = {f.name: f.metadata for f in fields(Loaded)}
    return {name: about[k] for name, about in found.items() for k in kinds if k in about}
