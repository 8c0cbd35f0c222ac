"""The web-forms table is read as text, whole, in physical order."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from blocks.database import Connection, connect
from blocks.errors import DatabaseUnavailableError, SourceMissingError
from tasks.reading.table import read_table

TABLE = sql.Identifier("customer_complaints", "forms")


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database, purpose="test") as connection:
        connection.execute("CREATE SCHEMA customer_complaints")
        yield connection


def rows_of(connection: Connection) -> list[tuple[str | None, ...]]:
    with read_table(connection, "customer_complaints", "forms") as source:
        return [tuple(source.labels), *(row for frame in source.frames for row in frame.rows())]


def test_values_are_text_as_postgres_spells_them(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE customer_complaints.forms (column1 bigint, gone int, "
        '"customeR iD" text, at timestamp, day date, yes boolean, rate float8, "a""b,c" text)'
    )
    connection.execute("ALTER TABLE customer_complaints.forms DROP COLUMN gone")
    connection.execute("SET DateStyle = 'German'")
    connection.execute("SET extra_float_digits = -10")
    connection.execute(
        "INSERT INTO customer_complaints.forms VALUES "
        "(1, ' x ', '2025-11-20 10:00:00.5', '2025-11-20', true, 0.1, E'q\"u,o\\nte\\rx'), "
        "(2, '', NULL, NULL, NULL, NULL, 'NULL'), (3, '=', NULL, NULL, NULL, NULL, '')"
    )
    assert rows_of(connection) == [
        ("column1", "customeR iD", "at", "day", "yes", "rate", 'a"b,c'),
        ("1", " x ", "2025-11-20 10:00:00.5", "2025-11-20", "true", "0.1", 'q"u,o\nte\rx'),
        ("2", "", None, None, None, None, "NULL"),
        ("3", "=", None, None, None, None, ""),
    ]


def test_rows_come_in_physical_order(connection: Connection) -> None:
    connection.execute("CREATE TABLE customer_complaints.forms (id int PRIMARY KEY, v text)")
    connection.execute(
        "INSERT INTO customer_complaints.forms "
        "SELECT n * 7919 % 50000, 'v' FROM generate_series(0, 49999) AS n"
    )
    connection.execute("UPDATE customer_complaints.forms SET v = 'moved' WHERE id % 1000 = 0")
    connection.execute("ANALYZE customer_complaints.forms")
    connection.execute("SET LOCAL enable_seqscan = off")
    by_place = connection.execute(
        "SELECT id::text, v FROM customer_complaints.forms ORDER BY ctid"
    ).fetchall()
    assert rows_of(connection)[1:] == by_place


def test_no_row(connection: Connection) -> None:
    connection.execute("CREATE TABLE customer_complaints.forms (a text, b text)")
    assert rows_of(connection) == [("a", "b")]


def test_a_view_is_read_too(connection: Connection) -> None:
    connection.execute("CREATE VIEW customer_complaints.forms AS SELECT 1 AS a, 'x' AS b")
    assert rows_of(connection) == [("a", "b"), ("1", "x")]


def test_a_missing_table_is_named(connection: Connection) -> None:
    with pytest.raises(SourceMissingError, match=r"no table customer_complaints\.forms"):
        rows_of(connection)


@pytest.fixture
def large(database: str) -> str:
    """The database with a table of 50 MB: far from over when its first frame is there."""
    with psycopg.connect(database) as connection:
        connection.execute("CREATE SCHEMA customer_complaints")
        connection.execute(
            "CREATE TABLE customer_complaints.forms AS "
            "SELECT n::text AS a, repeat('x', 1000) AS b FROM generate_series(1, 50000) AS n"
        )
    return database


def read_large(dsn: str, after_first_frame: Callable[[Connection], None]) -> None:
    with (
        connect(dsn) as connection,
        read_table(connection, "customer_complaints", "forms") as source,
    ):
        next(source.frames)
        after_first_frame(connection)
        list(source.frames)


def test_left_half_read_it_hides_no_other_error(large: str) -> None:
    def fail(_: Connection) -> None:
        raise LookupError("what matters")

    with pytest.raises(LookupError, match="what matters"):
        read_large(large, fail)


def test_a_connection_that_breaks_is_transient(large: str) -> None:
    def cut(connection: Connection) -> None:
        with psycopg.connect(large, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])

    with pytest.raises(DatabaseUnavailableError):
        read_large(large, cut)
