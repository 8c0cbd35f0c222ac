"""One person in every place that the pipeline has, and the search for what is known of them."""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import polars as pl
import psycopg
from psycopg import sql

ID = "7"
# in whatever spelling, of two addresses, an old one and the new one
KNOWN_OF_THEM = (
    *("zebediah", "quackenbush", "zeb.quack", "second.zeb", "1931-02-27"),
    *("wobble street", "zanzibar", "0199 777"),
)
STRANGER = "ottoline@hotmail.com"
FIRST, SECOND, THIRD = date(2025, 11, 20), date(2025, 11, 21), date(2025, 11, 22)
_CUSTOMERS = ("customer_id", "name", "Gender", "DATE of biRTH", "signup_date", "email", "address")
_CALLS = (
    *("", "call ID", "customeR iD", "COMPLAINT_catego ry", "agent ID", "call_start_time"),
    *("call_end_time", "resolutionstatus", "callLogsGenerationDate"),
)
_SM = (
    *("complaint_id", "customeR iD", "COMPLAINT_catego ry", "agent ID", "resolutionstatus"),
    *("request_date", "resolution_date", "media_channel", "MediaComplaintGenerationDate"),
)
_WEB = (
    *("column1", "request_id", "customeR iD", "COMPLAINT_catego ry", "agent ID"),
    *("resolutionstatus", "request_date", "resolution_date", "webFormGenerationDate"),
)


def deliver(folder: Path, dsn: str, day: date) -> None:
    """All sources of a day; the person's address is another one from the second day on."""
    born, since, phone = "1931-02-27", "2024-05-06", "+1 555 0199 777"
    where = "12 Wobble Street, Nowhere" if day == FIRST else "99 Zanzibar Road, Salem, OR 97301"
    name, email = "zebediah  o'QUACKENBUSH", "Zeb.Quack@Gmial.com"
    _csv(
        folder / "customers/customers_dataset.csv",
        (*_CUSTOMERS, "phone"),
        ("c0", "Ottoline X", "F", "1980-02-03", since, STRANGER, "1 A St, Salem, OR 97301", "1"),
        (" 7.0", "Zebediah O'Quackenbush", "M", born, since, "zeb.quack@x", "12 Wobble Street", ""),
        ("7", name, email, born, f"{since} or {born}", email, where, phone),
        (
            "",
            name,
            "F",
            born,
            since,
            "second.zeb@gmail.com",
            "",
            phone,
        ),  # known by name and birth
        ("", "Z. Quackenbush", "F", "", since, "zeb.quack@@gmail.om", where, ""),  # by the e-mail
        ("", "Ottoline X", "F", "1980-02-03", since, STRANGER, "", ""),
    )
    _csv(folder / "agents/agents.csv", ("iD", "NamE", "experience", "state"), ("a0", "A", "", ""))
    at = (f"{day} 09:00:00", f"{day} 09:05:00", "Resolved", str(day))
    _csv(
        folder / f"call logs/call_logs_day_{day}.csv",
        (*_CALLS, "note"),
        ("0", "call-0", "c0", "Payments", "a0", *at, f"ask {STRANGER}"),
        ("1", "call-1", "7", "Payments", "a0", *at, "ask Zebediah"),
        ("2", "call-2", "7.0", "call zeb.quack", "a0", *at, ""),  # a field problem
        ("3", "call-3", "7", "or 0199 777", "a9", *at, ""),  # an orphan
        ("4", "", "7", "or 0199 777", "a0", *at, ""),  # without a key
    )
    complaint = ["sm-0", "7", "Payments", "a0", "Backlog", str(day), "", "TWITTER", str(day)]
    media = folder / f"social_medias/media_complaint_day_{day}.json"
    media.parent.mkdir(parents=True, exist_ok=True)
    media.write_text(json.dumps([dict(zip(_SM, complaint, strict=True))]))
    with psycopg.connect(dsn) as connection:
        table = sql.Identifier("customer_complaints", f"web_form_request_{day:%Y_%m_%d}")
        columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(c)) for c in _WEB)
        connection.execute("CREATE SCHEMA IF NOT EXISTS customer_complaints")
        connection.execute(sql.SQL("CREATE TABLE {} ({})").format(table, columns))
        marks = sql.SQL(", ").join([sql.Placeholder()] * len(_WEB))
        row = ["0", "web-0", "7", "Payments", "a0", "Backlog", str(day), "", str(day)]
        connection.execute(sql.SQL("INSERT INTO {} VALUES ({})").format(table, marks), row)


def _csv(file: Path, *rows: Sequence[str]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.getvalue())


def found_in_files(*folders: Path) -> dict[str, list[str]]:
    """Files that have something of the person, however they keep it; with what they have."""
    found = {}
    for folder in folders:
        for file in (path for path in folder.rglob("*") if path.is_file()):
            if has := _of_them(*_texts(file)):
                found[str(file.relative_to(folder))] = has
    return found


def _texts(file: Path) -> Iterator[str]:
    data = file.read_bytes()
    yield data.decode("utf-8", "replace")
    yield data.decode("utf-16-le", "replace")
    if data[:4] == b"PAR1":
        frame = pl.read_parquet(file, glob=False)
        yield from frame.columns
        yield frame.select(pl.all().cast(pl.String)).write_csv()
    if data[:2] == b"\x1f\x8b":
        yield gzip.decompress(data).decode("utf-8", "replace")


def found_in_tables(dsn: str) -> dict[str, list[str]]:
    """Tables of all schemas but those of the sources, and the planner's statistics, likewise."""
    found = {}
    with psycopg.connect(dsn) as connection:
        tables = connection.execute(
            """
            SELECT nspname, relname
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE relkind IN ('r', 'm', 'v') AND nspname !~ '^pg_toast'
              AND nspname NOT IN ('pg_catalog', 'information_schema', 'customer_complaints')
            UNION ALL VALUES ('pg_catalog', 'pg_stats')
            """
        ).fetchall()
        for schema, table in tables:
            rows = sql.SQL("SELECT row::text FROM {} AS row").format(sql.Identifier(schema, table))
            if has := _of_them(*(text for (text,) in connection.execute(rows))):
                found[f"{schema}.{table}"] = has
    return found


def _of_them(*texts: str) -> list[str]:
    return [known for known in KNOWN_OF_THEM if any(known in text.casefold() for text in texts)]
