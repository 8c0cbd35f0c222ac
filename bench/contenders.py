"""Ways to bring one day of call logs from raw CSV to a table with keys, ours and the usual ones.

Each gets a database with customers and agents loaded, and gives the seconds it took. Ours also
writes bronze, silver, field problems, quarantine and ledger; that is inside its time.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import psycopg

from blocks.resources import Resources
from blocks.stores.local import LocalStore
from tasks.cleaning.silver import refine
from tasks.entities.contracts import CALL_LOGS
from tasks.entities.references import Silver
from tasks.loading import binary
from tasks.loading.day import load_day
from tasks.reading.land import land

RUN_DATE = date(2025, 11, 21)
BATCH = 100_000
COLUMNS = ", ".join(CALL_LOGS.columns)
# the source's, after the number of the row
RAW_COLUMNS = (
    *("call_id", "customer_id", "complaint_category", "agent_id", "call_start_time"),
    *("call_end_time", "resolution_status", "call_logs_generation_date"),
)
TABLE = ", ".join(f"{name} {kind}" for name, kind in CALL_LOGS.sql_types().items())
ADD_KEYS = """
    DELETE FROM {table} t WHERE NOT EXISTS (
        SELECT FROM conformed.customers c WHERE c.customer_id = t.customer_id
    ) OR NOT EXISTS (SELECT FROM conformed.agents a WHERE a.agent_id = t.agent_id);
    ALTER TABLE {table} ADD PRIMARY KEY (call_id);
    ALTER TABLE {table} ADD FOREIGN KEY (customer_id) REFERENCES conformed.customers (customer_id);
    ALTER TABLE {table} ADD FOREIGN KEY (agent_id) REFERENCES conformed.agents (agent_id);
"""


@dataclass(frozen=True)
class Day:
    """Where a contender finds its input."""

    dsn: str
    folder: Path  # with `source/`, in the published shape
    rows: int

    @property
    def resources(self) -> Resources:
        """The day as a platform."""
        return Resources(
            platform="bench",
            source=LocalStore(self.folder / "source"),
            lake=LocalStore(self.folder / "lake"),
            agents_url=None,
            warehouse_dsn=self.dsn,
            web_forms_dsn=self.dsn,
        )

    @property
    def csv(self) -> Path:
        """The raw source."""
        return self.folder / "source" / CALL_LOGS.source_on(RUN_DATE)


def cleaned(day: Day) -> Silver:
    """The same Polars cleaning for all who use it."""
    return refine(CALL_LOGS, land(CALL_LOGS, RUN_DATE, day.resources), day.resources)


def slices(day: Day, silver: Silver) -> Iterator[pl.DataFrame]:
    """The clean rows, 100,000 at a time."""
    scan = pl.scan_parquet(day.resources.lake.uri(silver.key)).select(CALL_LOGS.columns)
    for first in range(0, silver.rows, BATCH):
        yield scan.slice(first, BATCH).collect()


def ours(day: Day) -> float:
    """Raw CSV to attached partition, quarantine and ledger."""
    began = time.perf_counter()
    load_day(CALL_LOGS, cleaned(day), day.resources)
    return time.perf_counter() - began


def floor(day: Day) -> float:
    """COPY of rows that are clean already, then keys in bulk: nothing can do without this."""
    return _floor(day, lambda frame: [_csv(frame, "%Y-%m-%d %H:%M:%S%.f")], "csv")


def floor_own_text(day: Day) -> float:
    """The same with timestamps as Polars writes them, with T and zeros: slower to read."""
    return _floor(day, lambda frame: [_csv(frame)], "csv")


def floor_binary(day: Day) -> float:
    """The same in the format that PostgreSQL reads fastest, made by this project."""
    names = {"timestamp": "timestamp without time zone"}
    types = {name: names.get(kind, kind) for name, kind in CALL_LOGS.sql_types().items()}
    return _floor(day, lambda frame: binary.rows(frame, types), "binary")


def _csv(frame: pl.DataFrame, moments: str | None = None) -> bytes:
    return frame.write_csv(include_header=False, datetime_format=moments).encode()


def _floor(day: Day, encode: Callable[[pl.DataFrame], Iterable[bytes]], kind: str) -> float:
    """Seconds from the encoded rows on."""
    silver = cleaned(day)
    with psycopg.connect(day.dsn) as connection:
        known = (
            "SELECT customer_id FROM conformed.customers",
            "SELECT agent_id FROM conformed.agents",
        )
        customers, agents = ({row[0] for row in connection.execute(query)} for query in known)
        parts = [binary.HEAD] if kind == "binary" else []
        for frame in slices(day, silver):
            is_known = pl.col("customer_id").is_in(customers) & pl.col("agent_id").is_in(agents)
            parts.extend(encode(frame.filter(is_known)))
        began = time.perf_counter()
        connection.execute(f"CREATE TABLE usual ({TABLE})")
        with connection.cursor().copy(f"COPY usual FROM STDIN (FORMAT {kind})") as pipe:
            for part in parts:
                pipe.write(part)
        connection.execute(ADD_KEYS.partition(";")[2].format(table="usual"))
        connection.commit()
        return time.perf_counter() - began


def upsert(day: Day) -> float:
    """The usual way: COPY to staging, then INSERT … ON CONFLICT into a table with its keys."""
    with psycopg.connect(day.dsn) as connection:
        connection.execute(f"CREATE TABLE usual ({TABLE})")
        connection.execute(ADD_KEYS.format(table="usual"))
    began = time.perf_counter()
    silver = cleaned(day)
    with psycopg.connect(day.dsn) as connection:
        connection.execute(f"CREATE TEMPORARY TABLE staging ({TABLE})")
        with connection.cursor().copy("COPY staging FROM STDIN (FORMAT csv)") as pipe:
            for frame in slices(day, silver):
                pipe.write(frame.write_csv(include_header=False))
        _insert(connection, "staging", "usual")
    return time.perf_counter() - began


def _insert(connection: psycopg.Connection[Any], staging: str, table: str) -> None:
    changes = ", ".join(f"{name} = excluded.{name}" for name in CALL_LOGS.columns[1:])
    connection.execute(
        f"""
        INSERT INTO {table} ({COLUMNS})
        SELECT {COLUMNS} FROM {staging}
        WHERE customer_id IN (SELECT customer_id FROM conformed.customers)
          AND agent_id IN (SELECT agent_id FROM conformed.agents)
        ON CONFLICT (call_id) DO UPDATE SET {changes}
        """
    )


def dlt_default(day: Day) -> float:
    """dlt as it comes, fed with the clean rows as Arrow; then the SQL for orphans and keys."""
    return _dlt(day, {})


def dlt_fastest(day: Day) -> float:
    """dlt with its fastest file format for PostgreSQL; then the SQL for orphans and keys."""
    return _dlt(day, {"loader_file_format": "csv"})


def _dlt(day: Day, options: dict[str, Any]) -> float:
    import dlt

    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.postgres(day.dsn.replace(":@/", ":none@localhost/")),
        dataset_name="dlt_bench",
        pipelines_dir=str(day.folder / "dlt"),
    )
    began = time.perf_counter()
    silver = cleaned(day)
    frames = dlt.resource((f.to_arrow() for f in slices(day, silver)), name="call_logs")
    pipeline.run(frames, write_disposition="append", **options).raise_on_failed_jobs()
    with psycopg.connect(day.dsn) as connection:
        connection.execute(ADD_KEYS.format(table="dlt_bench.call_logs"))
    return time.perf_counter() - began


def pandas_usual(day: Day) -> float:
    """pandas `apply` a column, `to_sql(method="multi")` and an upsert, by 100,000 rows."""
    import pandas as pd
    from sqlalchemy import create_engine

    choices = {f.name: {c.lower(): c for c in f.choices} for f in CALL_LOGS.fields if f.choices}

    def moment(text: str) -> pd.Timestamp | None:
        try:
            return pd.Timestamp(text)
        except ValueError:
            return None

    with psycopg.connect(day.dsn) as connection:
        connection.execute(f"CREATE TABLE usual ({TABLE})")
        connection.execute(ADD_KEYS.format(table="usual"))
    engine = create_engine(day.dsn.replace("postgresql://", "postgresql+psycopg://"))
    began = time.perf_counter()
    frame = pd.read_csv(day.csv, dtype=str, keep_default_na=False).iloc[:, 1:]
    frame.columns = RAW_COLUMNS
    for name in frame.columns:
        frame[name] = frame[name].apply(str.strip)
    frame = frame.drop_duplicates().drop_duplicates("call_id", keep="last")
    for name, known in choices.items():
        frame[name] = frame[name].apply(lambda text, known=known: known.get(text.lower()))
    for name in ("call_start_time", "call_end_time", "call_logs_generation_date"):
        frame[name] = frame[name].apply(moment)
    frame["request_date"] = frame["call_start_time"].apply(lambda at: at.date() if at else None)
    for first in range(0, len(frame), BATCH):
        with engine.begin() as alchemy:
            frame.iloc[first : first + BATCH].to_sql(
                "staging", alchemy, if_exists="replace", index=False,
                method="multi", chunksize=5_000,
            )  # fmt: skip
            raw: Any = alchemy.connection.driver_connection
            raw.execute(
                "ALTER TABLE staging ALTER call_logs_generation_date TYPE date, "
                "ALTER request_date TYPE date"
            )
            _insert(raw, "staging", "usual")
    return time.perf_counter() - began


@dataclass(frozen=True)
class Contender:
    """What gives the seconds it took, and the table it made."""

    run: Callable[[Day], float]
    table: str = "usual"


OURS = "this project"
CONTENDERS = {
    "COPY floor": Contender(floor),
    "COPY floor, Polars' timestamps": Contender(floor_own_text),
    "COPY floor, binary": Contender(floor_binary),
    OURS: Contender(ours, "conformed.call_logs"),
    "upsert SQL": Contender(upsert),
    "dlt, fastest": Contender(dlt_fastest, "dlt_bench.call_logs"),
    "dlt, defaults": Contender(dlt_default, "dlt_bench.call_logs"),
    "pandas": Contender(pandas_usual),
}
