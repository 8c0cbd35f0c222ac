"""What dbt says of PostgreSQL's errors, without the values that they quote.

A message's DETAIL quotes the row at fault, and so may the message itself: of a value in the wrong
form, or what a trigger says. dbt writes both into its log, `run_results.json` and Prefect's log.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2  # type: ignore[import-untyped]

from blocks.database_errors import names_alone


def said(error: psycopg2.Error) -> str:
    """The error in the server's words, as far as they quote no value of a row."""
    diag = error.diag
    if diag.sqlstate is None:  # libpq's own, of the connection
        return str(error)
    parts = [f"{type(error).__name__} ({diag.sqlstate})"]
    if names_alone(diag):
        parts.append(diag.message_primary or "")
    about = {
        "schema": diag.schema_name,
        "table": diag.table_name,
        "column": diag.column_name,
        "constraint": diag.constraint_name,
    }
    parts += [f"{kind} {name}" for kind, name in about.items() if name]
    return ", ".join(filter(None, parts))


def quote_no_values() -> None:
    """From here on dbt-postgres passes on what `said` gives.

    It has no setting for it: a method of its connection manager is wrapped, once a process. To go
    when dbt-postgres can leave out DETAIL.
    """
    from dbt.adapters.postgres.connections import PostgresConnectionManager as Manager

    original = Manager.exception_handler
    if getattr(original, "quotes_no_values", False):
        return

    @contextmanager
    def exception_handler(self: Any, sql: Any) -> Iterator[None]:
        with original(self, sql):
            try:
                yield
            except psycopg2.DatabaseError as error:
                raise psycopg2.DatabaseError(said(error)) from None

    exception_handler.quotes_no_values = True  # type: ignore[attr-defined]
    Manager.exception_handler = exception_handler  # type: ignore[method-assign]
