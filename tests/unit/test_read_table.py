"""The web-forms table is read as text, whole, in physical order."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from time import sleep

import psycopg
import pytest
from psycopg import sql

from blocks.database import Connection, connect
from blocks.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    SourceMissingError,
    TerminalError,
)
from tasks.reading import table as module
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


MANY_TYPES = {
    "timestamptz": ("'2025-11-20 01:00:00.123456+05:30'", "2025-11-19 19:30:00.123456+00"),
    "timestamp": ("'2025-11-20 01:00:00'", "2025-11-20 01:00:00"),
    "date": ("'2025-11-20'", "2025-11-20"),
    "numeric": ("1319.0", "1319.0"),
    "numeric(10,2)": ("1319", "1319.00"),
    "bigint": ("1319", "1319"),
    "float8": ("1319", "1319"),
    "uuid": ("'00000000-0000-0000-0000-000000000001'", "00000000-0000-0000-0000-000000000001"),
    "jsonb": ("""'{"a": [1.50]}'""", '{"a": [1.50]}'),
    "text[]": ("'{a,\"b c\"}'", '{a,"b c"}'),
    "character(3)": ("'a'", "a"),
    "mood": ("'fine'", "fine"),
    "whole": ("7", "7"),
    "pair": ("(1,'x')", "(1,x)"),
    "bytea": ("'a'", "\\x61"),
    "interval": ("'36 hours'", "36:00:00"),
    "tstzrange": ("'[2025-11-20 00:00+01,)'", '["2025-11-19 23:00:00+00",)'),
}


def test_every_type_is_the_text_that_postgres_shows_in_utc(connection: Connection) -> None:
    connection.execute("CREATE TYPE mood AS ENUM ('fine')")
    connection.execute("CREATE TYPE pair AS (a int, b text)")
    connection.execute("CREATE DOMAIN whole AS int CHECK (value > 0)")
    connection.execute("SET TimeZone = 'Asia/Tokyo'")
    columns = ", ".join(f"c{place} {kind}" for place, kind in enumerate(MANY_TYPES))
    connection.execute(f"CREATE TABLE customer_complaints.forms ({columns})")
    values = ", ".join(value for value, _ in MANY_TYPES.values())
    connection.execute(f"INSERT INTO customer_complaints.forms VALUES ({values})")
    assert rows_of(connection)[1] == tuple(text for _, text in MANY_TYPES.values())


def test_a_partitioned_table_is_read_too(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE customer_complaints.forms (a int, b text) PARTITION BY LIST (a)"
    )
    for part in (1, 2):
        connection.execute(
            f"CREATE TABLE part_{part} PARTITION OF customer_complaints.forms "
            f"FOR VALUES IN ({part})"
        )
    connection.execute("INSERT INTO customer_complaints.forms VALUES (2, 'x'), (1, 'y'), (2, 'z')")
    assert rows_of(connection) == [("a", "b"), ("1", "y"), ("2", "x"), ("2", "z")]


@pytest.fixture
def reader(connection: Connection) -> Iterator[str]:
    """A role that may read the schema, not more."""
    connection.execute("CREATE ROLE forms_reader")
    connection.execute("CREATE TABLE customer_complaints.forms (a text, b text)")
    connection.execute("INSERT INTO customer_complaints.forms VALUES ('1', 'x'), ('2', 'y')")
    connection.execute("GRANT USAGE ON SCHEMA customer_complaints TO forms_reader")
    connection.commit()
    yield "forms_reader"
    connection.rollback()
    connection.execute("RESET ROLE")
    connection.execute("DROP OWNED BY forms_reader")
    connection.execute("DROP ROLE forms_reader")
    connection.commit()


def test_rows_that_a_policy_hides_are_refused(connection: Connection, reader: str) -> None:
    connection.execute(f"GRANT SELECT ON customer_complaints.forms TO {reader}")
    connection.execute("ALTER TABLE customer_complaints.forms ENABLE ROW LEVEL SECURITY")
    connection.execute("CREATE POLICY one ON customer_complaints.forms USING (a = '1')")
    connection.commit()
    connection.execute(f"SET ROLE {reader}")
    connection.commit()
    refused = r"Row-level security.*forms_reader.*table customer_complaints\.forms.*BYPASSRLS"
    with pytest.raises(ConfigurationError, match=refused):
        rows_of(connection)


def test_a_view_whose_owner_sees_a_part_of_the_rows_is_refused(
    connection: Connection, reader: str
) -> None:
    connection.execute(f"GRANT SELECT ON customer_complaints.forms TO {reader}")
    connection.execute("ALTER TABLE customer_complaints.forms ENABLE ROW LEVEL SECURITY")
    connection.execute("CREATE POLICY one ON customer_complaints.forms USING (a = '1')")
    connection.execute("ALTER TABLE customer_complaints.forms RENAME TO hidden")
    connection.execute(
        "CREATE VIEW customer_complaints.forms AS SELECT * FROM customer_complaints.hidden"
    )
    connection.execute(f"ALTER VIEW customer_complaints.forms OWNER TO {reader}")
    connection.commit()
    with pytest.raises(ConfigurationError, match=r"below the table.*row-level security"):
        rows_of(connection)


def test_a_grant_that_is_missing_is_named(connection: Connection, reader: str) -> None:
    connection.execute(f"SET ROLE {reader}")
    connection.commit()
    with pytest.raises(
        ConfigurationError, match=r'GRANT SELECT ON "customer_complaints"\."forms" TO forms_reader'
    ):
        rows_of(connection)


@pytest.mark.parametrize("kind", ["table", "view", "partitioned"])
def test_a_lock_is_waited_for_and_then_its_holder_named(
    kind: str, connection: Connection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_WAIT_SECONDS", 0.1)
    locked = {"table": "customer_complaints.forms", "view": "below", "partitioned": "part_1"}[kind]
    connection.execute(
        {
            "table": "CREATE TABLE customer_complaints.forms (a text)",
            "view": "CREATE TABLE below (a text); "
            "CREATE VIEW customer_complaints.forms AS SELECT a FROM below",
            "partitioned": "CREATE TABLE customer_complaints.forms (a text) PARTITION BY LIST (a); "
            "CREATE TABLE part_1 PARTITION OF customer_complaints.forms FOR VALUES IN ('1')",
        }[kind]
    )
    connection.commit()
    with psycopg.connect(database, application_name="nightly export") as other:
        other.execute(f"LOCK TABLE {locked}")
        named = f"locked for 0.1 seconds by session {other.info.backend_pid} of .*nightly export"
        with pytest.raises(TerminalError, match=named):
            rows_of(connection)
    assert rows_of(connection) == [("a",)]


def test_time_limits_of_the_role_do_not_cut_the_read(large: str) -> None:
    with connect(large) as connection:
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout"):
            connection.execute(f"SET {limit} = '50ms'")
        connection.commit()
        with read_table(connection, "customer_complaints", "forms") as source:
            next(source.frames)
            sleep(0.2)
            assert sum(frame.height for frame in source.frames) > 10_000
        # and they hold again once the read is over.
        connection.commit()
        assert connection.execute("SHOW statement_timeout").fetchone() == ("50ms",)


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


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_is_not_utf8(postgres: str, encoding: str) -> None:
    """It is only read: what it can say in UTF-8 is read so, bytes of no encoding are refused."""
    name = f"forms_in_{encoding.lower()}"
    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'".encode()
        )
        try:
            refused = pytest.raises(TerminalError, match="can't be written in UTF-8")
            with (
                nullcontext() if encoding == "LATIN1" else refused,
                connect(postgres.replace("/postgres?", f"/{name}?")) as there,
            ):
                there.execute("CREATE SCHEMA customer_complaints")
                there.execute("CREATE TABLE customer_complaints.forms (v text)")
                if encoding == "LATIN1":
                    there.execute("INSERT INTO customer_complaints.forms VALUES ('é')")
                    assert rows_of(there) == [("v",), ("é",)]
                else:
                    # as a client of that database writes it, which nothing converts.
                    there.execute("SET client_encoding = 'SQL_ASCII'")
                    there.execute(b"INSERT INTO customer_complaints.forms VALUES ('\xe9')")
                    rows_of(there)
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
