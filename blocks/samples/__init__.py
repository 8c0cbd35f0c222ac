"""Sample sources of the embedded default, in the published shape (docs/contract.md#sources).

Made on first use of a run date, and the same on every machine. `static` has the people,
`complaints` what they complain about, `dirt` what is wrong with it.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path

from blocks.samples import complaints, static
from blocks.stores.local import LocalStore

Row = list[str]

# the published places that registration checks, too (tests/unit/test_contracts.py holds them).
AGENTS_FILE = "agents/agents.csv"
WEB_FORMS_SCHEMA = "customer_complaints"

_MARKER = ".as_of"
_LOCK = 20_251_120  # any number of our own: the advisory lock of a process that makes samples


def ensure(sources: Path, dsn: str, run_date: date, *, web_forms: bool = True) -> bool:
    """Make the sample sources of a run date where they are not there yet; whether any were made.

    Files go into the folder `sources`, the web forms (if wanted) into the database, which also
    keeps two runs from making the same ones. What is there stays as it is, save for the customers
    and agents files this module made: they move forward to the run date.
    Raises DatabaseUnavailableError, ConfigurationError.
    """
    from psycopg import sql

    from blocks import database

    store = LocalStore(sources)
    with database.connect(dsn, purpose="sample sources") as connection:
        # two days may be made at once; the lock ends with the transaction.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        made = [
            _static(store, "customers/customers_dataset.csv", run_date, customers_csv),
            _static(store, AGENTS_FILE, run_date, agents_csv),
            _daily(store, f"call logs/call_logs_day_{run_date}.csv", run_date, call_logs_csv),
            _daily(
                store,
                f"social_medias/media_complaint_day_{run_date}.json",
                run_date,
                sm_complaints_json,
            ),
        ]
        name = f"web_form_request_{run_date:%Y_%m_%d}"
        table = sql.Identifier(WEB_FORMS_SCHEMA, name)
        if not web_forms:
            return any(made)
        found = connection.execute(
            "SELECT FROM pg_catalog.pg_tables WHERE schemaname = %s AND tablename = %s",
            (WEB_FORMS_SCHEMA, name),
        ).fetchone()
        if found is None:
            # IF NOT EXISTS asks for the right to make one before it looks.
            schema = sql.Identifier(WEB_FORMS_SCHEMA)
            there = connection.execute("SELECT to_regnamespace(%s)", (WEB_FORMS_SCHEMA,)).fetchone()
            if there == (None,):
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
            labels, rows = web_complaints(run_date)
            columns = [sql.SQL("{} text").format(sql.Identifier(label)) for label in labels]
            connection.execute(
                sql.SQL("CREATE TABLE {} ({})").format(table, sql.SQL(", ").join(columns))
            )
            with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
                for row in rows:
                    copy.write_row(row)
            made.append(True)
    return any(made)


def customers_csv(as_of: date) -> bytes:
    """The customers file as it stood on a date."""
    return _csv(static.CUSTOMERS_HEADER, static.customers(as_of))


def agents_csv(as_of: date) -> bytes:
    """The agents file as it stood on a date."""
    return _csv(static.AGENTS_HEADER, static.agents(as_of))


def call_logs_csv(run_date: date) -> bytes:
    """The call logs of a run date, with the unnamed index column that pandas writes."""
    rows = complaints.rows(complaints.CALL_LOGS, run_date)
    return _csv(("", *complaints.CALL_LOGS.columns), ([str(i), *row] for i, row in enumerate(rows)))


def sm_complaints_json(run_date: date) -> bytes:
    """The social media complaints of a run date, column by column as pandas writes them."""
    rows = complaints.rows(complaints.SM_COMPLAINTS, run_date)
    columns = {
        label: {str(i): row[at] or None for i, row in enumerate(rows)}
        for at, label in enumerate(complaints.SM_COMPLAINTS.columns)
    }
    return json.dumps(columns, separators=(",", ":")).encode()


def web_complaints(run_date: date) -> tuple[tuple[str, ...], list[list[str | None]]]:
    """Column names and rows of a run date's web forms; empty values are NULL."""
    rows = complaints.rows(complaints.WEB_COMPLAINTS, run_date)
    return (
        ("column1", *complaints.WEB_COMPLAINTS.columns),
        [[str(i), *(value or None for value in row)] for i, row in enumerate(rows)],
    )


def _daily(store: LocalStore, key: str, run_date: date, content: Callable[[date], bytes]) -> bool:
    if (store.root / key).exists():
        return False
    store.write(key, content(run_date))
    return True


def _static(store: LocalStore, key: str, run_date: date, content: Callable[[date], bytes]) -> bool:
    # these files have no date in their names: a marker next to them has it.
    marker = f"{key.rpartition('/')[0]}/{_MARKER}"
    there = (store.root / key).exists()
    stood = _as_of(store.read(marker))
    if there and (stood is None or stood >= run_date):
        return False  # somebody's own file, or as new already
    as_of = max(run_date, stood or run_date)
    # the marker first: cut off in between, the old file stays ours and is renewed a day later.
    store.write(marker, as_of.isoformat().encode())
    store.write(key, content(as_of))
    return True


def _as_of(marker: bytes | None) -> date | None:
    try:
        return date.fromisoformat((marker or b"").decode().strip())
    except ValueError:
        return None


def _csv(header: Sequence[str], rows: Iterable[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()
