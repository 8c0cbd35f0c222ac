"""The same day by other tools, as their users run them: cleaned by the tool, then loaded by it.

Each writes the table `usual`, and adds its keys with the SQL that all of them share. None of them
keeps bronze or silver, field problems, quarantine or ledger.
"""

import shutil
import subprocess
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import psycopg

from bench.contenders import ADD_KEYS, COLUMNS, RAW_COLUMNS, TABLE, Contender, Day
from tasks.entities.contracts import CALL_LOGS

CHOICES = {f.name: {c.lower(): c for c in f.choices} for f in CALL_LOGS.fields if f.choices}
RAW = ", ".join(f"{name} text" for name in RAW_COLUMNS)
SECONDS = "%Y-%m-%d %H:%M:%S"


def polars_cleaned(day: Day) -> pl.DataFrame:
    """The clean rows, orphans among them."""
    text = pl.scan_csv(day.csv, new_columns=["line", *RAW_COLUMNS], infer_schema=False)
    start, end = pl.col("call_start_time"), pl.col("call_end_time")
    clean = (
        text.select(pl.col(RAW_COLUMNS).str.strip_chars().replace("", None))
        .with_columns(
            pl.col(name).str.to_lowercase().replace_strict(known, default=None)
            for name, known in CHOICES.items()
        )
        .with_columns(
            start.str.to_datetime(SECONDS, strict=False),
            end.str.to_datetime(SECONDS, strict=False),
            pl.col("call_logs_generation_date").str.to_date(strict=False),
        )
        .with_columns(pl.when(end >= start).then(end), request_date=start.dt.date())
        .drop_nulls("call_id")
        .unique("call_id", keep="last")
    )
    return clean.select(CALL_LOGS.columns).collect()


def polars_adbc(day: Day) -> float:
    """Polars, and its `write_database` by ADBC."""
    began = _begin(day)
    polars_cleaned(day).write_database("usual", day.dsn, engine="adbc", if_table_exists="append")
    return _with_keys(day, began)


def polars_pgpq(day: Day) -> float:
    """Polars, encoded by pgpq, sent by psycopg."""
    from pgpq import ArrowToPostgresBinaryEncoder

    began = _begin(day)
    table = polars_cleaned(day).to_arrow(compat_level=pl.CompatLevel.oldest())
    encoder = ArrowToPostgresBinaryEncoder(table.schema)
    with (
        psycopg.connect(day.dsn) as connection,
        connection.cursor().copy("COPY usual FROM STDIN (FORMAT binary)") as pipe,
    ):
        pipe.write(encoder.write_header())
        for batch in table.to_batches(max_chunksize=10_000):
            pipe.write(encoder.write_batch(batch))
        pipe.write(encoder.finish())
    return _with_keys(day, began)


def _duckdb_cleaned(day: Day) -> str:
    chosen = ", ".join(
        f"CASE lower({name}) {_cases(known)} END AS {name}" for name, known in CHOICES.items()
    )
    stripped = ", ".join(f"nullif(trim({name}), '') AS {name}" for name in RAW_COLUMNS)
    names = ["line", *RAW_COLUMNS]
    return f"""
        WITH source AS (
            SELECT row_number() OVER () AS place, {stripped}
            FROM read_csv('{day.csv}', header = true, all_varchar = true, names = {names})
        ), newest AS (
            SELECT * FROM source WHERE call_id IS NOT NULL
            QUALIFY row_number() OVER (PARTITION BY call_id ORDER BY place DESC) = 1
        ), typed AS (
            SELECT * REPLACE (
                {chosen}, try_cast(call_start_time AS timestamp) AS call_start_time,
                try_cast(call_end_time AS timestamp) AS call_end_time,
                try_cast(call_logs_generation_date AS date) AS call_logs_generation_date
            ) FROM newest
        ), whole AS (
            SELECT * REPLACE (
                CASE WHEN call_end_time >= call_start_time THEN call_end_time END AS call_end_time
            ), call_start_time::date AS request_date FROM typed
        )
        SELECT {COLUMNS} FROM whole
    """


def duckdb_adbc(day: Day) -> float:
    """DuckDB, its result sent by ADBC as it comes."""
    import duckdb
    from adbc_driver_postgresql import dbapi

    began = _begin(day)
    rows = duckdb.sql(_duckdb_cleaned(day)).to_arrow_reader(100_000)  # type: ignore[union-attr]
    with dbapi.connect(day.dsn) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest("usual", rows, mode="append")
        connection.commit()
    return _with_keys(day, began)


def duckdb_postgres(day: Day) -> float:
    """DuckDB with its own extension for PostgreSQL, once that has downloaded it."""
    import duckdb

    began = _begin(day)
    connection = duckdb.connect()
    connection.execute(f"LOAD postgres; ATTACH '{day.dsn}' AS there (TYPE postgres)")
    connection.execute(f"INSERT INTO there.usual {_duckdb_cleaned(day)}")
    connection.close()
    return _with_keys(day, began)


def raw_sql(day: Day) -> float:
    """COPY of the raw CSV to a table of text, and all the rest in PostgreSQL (16 or newer)."""
    began = _begin(day)
    with psycopg.connect(day.dsn) as connection:
        connection.execute(f"CREATE TEMPORARY TABLE raw (place serial, line text, {RAW})")
        names = ", ".join(("line", *RAW_COLUMNS))
        statement = f"COPY raw ({names}) FROM STDIN (FORMAT csv, HEADER)"
        with connection.cursor().copy(statement) as pipe, day.csv.open("rb") as file:
            while block := file.read(1 << 20):
                pipe.write(block)
        connection.execute(_insert_clean("raw"))
    return _with_keys(day, began)


def pgloader(day: Day) -> float:
    """pgloader to a table of text, the rest in PostgreSQL (16 or newer)."""
    began = _begin(day)
    with psycopg.connect(day.dsn) as connection:
        connection.execute(f"CREATE TABLE raw (place serial, line text, {RAW})")
        host, database = connection.info.host, connection.info.dbname
    names = ", ".join(("line", *RAW_COLUMNS))
    commands = day.folder / f"{database}.load"
    commands.write_text(
        f"LOAD CSV FROM '{day.csv}' ({names})\n"
        f"INTO postgresql://postgres@unix:{host}:5432/{database}\n"
        f"TARGET TABLE raw ({names})\n"
        "WITH skip header = 1, fields terminated by ',', fields optionally enclosed by '\"';\n"
    )
    subprocess.run(["pgloader", "--quiet", str(commands)], check=True, stdout=subprocess.DEVNULL)
    with psycopg.connect(day.dsn) as connection:
        connection.execute(_insert_clean("raw"))
    return _with_keys(day, began)


def _insert_clean(raw: str) -> str:
    stripped = ", ".join(f"nullif(btrim({name}), '') AS {name}" for name in RAW_COLUMNS)
    typed = dict.fromkeys(("call_start_time", "call_end_time"), "timestamp")
    typed["call_logs_generation_date"] = "date"
    values = {name: name for name in RAW_COLUMNS}
    values |= {n: f"CASE lower({n}) {_cases(known)} END" for n, known in CHOICES.items()}
    values |= {
        n: f"CASE WHEN pg_input_is_valid({n}, '{kind}') THEN {n}::{kind} END"
        for n, kind in typed.items()
    }
    chosen = ", ".join(f"{value} AS {name}" for name, value in values.items())
    final = {name: name for name in CALL_LOGS.columns} | {
        "call_end_time": "CASE WHEN call_end_time >= call_start_time THEN call_end_time END",
        "request_date": "call_start_time::date",
    }
    return f"""
        WITH stripped AS (SELECT place, {stripped} FROM {raw}),
        newest AS (
            SELECT DISTINCT ON (call_id) * FROM stripped WHERE call_id IS NOT NULL
            ORDER BY call_id, place DESC
        ), typed AS (SELECT {chosen} FROM newest)
        INSERT INTO usual ({COLUMNS}) SELECT {", ".join(final.values())} FROM typed
    """


def _cases(known: dict[str, str]) -> str:
    return " ".join(f"WHEN '{low}' THEN '{choice}'" for low, choice in known.items())


def _begin(day: Day) -> float:
    with psycopg.connect(day.dsn) as connection:
        connection.execute(f"CREATE TABLE usual ({TABLE})")
    return time.perf_counter()


def _with_keys(day: Day, began: float) -> float:
    with psycopg.connect(day.dsn) as connection:
        connection.execute(ADD_KEYS.format(table="usual"))
    return time.perf_counter() - began


def _has_extension() -> bool:
    kept = f".duckdb/extensions/v{version('duckdb')}/*/postgres_scanner.duckdb_extension"
    return any(Path.home().glob(kept))


PEERS = {
    "Polars and pgpq": (polars_pgpq, find_spec("pgpq")),
    "Polars and ADBC": (polars_adbc, find_spec("adbc_driver_postgresql")),
    "DuckDB and ADBC": (duckdb_adbc, find_spec("adbc_driver_postgresql")),
    "DuckDB, its extension": (duckdb_postgres, find_spec("duckdb") and _has_extension()),
    "raw COPY and SQL": (raw_sql, True),
    "pgloader and SQL": (pgloader, shutil.which("pgloader")),
}
# those that this machine has
HERE = {name: Contender(run) for name, (run, there) in PEERS.items() if there}
