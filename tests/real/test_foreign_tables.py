"""The web-forms table stands on another server, and is read through postgres_fdw."""

from collections.abc import Iterator

import psycopg
import pytest

from blocks.database import connect
from blocks.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    SourceMissingError,
    TerminalError,
)
from tasks.reading.table import read_table

NOWHERE = 1  # a port on which nobody listens


@pytest.fixture
def here(debian: str) -> Iterator[str]:
    """A database whose forms are a foreign table of another database (`there`), as documented."""
    server = psycopg.conninfo.conninfo_to_dict(debian)
    with psycopg.connect(debian, autocommit=True) as connection:
        for name in ("forms_here", "forms_there"):
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name}")
        connection.execute("DROP ROLE IF EXISTS forms_reader")
        connection.execute("CREATE ROLE forms_reader LOGIN")
    with psycopg.connect(debian, dbname="forms_there", autocommit=True) as there:
        there.execute("ALTER DATABASE forms_there SET TimeZone = 'Asia/Tokyo'")
        there.execute("ALTER DATABASE forms_there SET DateStyle = 'German'")
        there.execute(
            'CREATE TABLE forms (request_id bigint, "customeR iD" numeric(8, 1), '
            "request_date timestamptz, note text)"
        )
        there.execute(
            "INSERT INTO forms SELECT n, 1319, '2025-11-20 01:30:00+05:30', 'é' "
            "FROM generate_series(1, 3) AS n"
        )
        there.execute("GRANT SELECT ON forms TO forms_reader")
    with psycopg.connect(debian, dbname="forms_here", autocommit=True) as connection:
        connection.execute("CREATE EXTENSION postgres_fdw")
        connection.execute(
            "CREATE SERVER there FOREIGN DATA WRAPPER postgres_fdw OPTIONS "
            f"(host '{server['host']}', port '{server['port']}', dbname 'forms_there', "
            "options '-c row_security=off -c lock_timeout=100ms')"
        )
        connection.execute(
            "CREATE USER MAPPING FOR postgres SERVER there "
            "OPTIONS (user 'forms_reader', password_required 'false')"
        )
        connection.execute("CREATE SCHEMA customer_complaints")
        connection.execute(
            "IMPORT FOREIGN SCHEMA public FROM SERVER there INTO customer_complaints"
        )
    yield psycopg.conninfo.make_conninfo(debian, dbname="forms_here")
    with psycopg.connect(debian, autocommit=True) as connection:
        for name in ("forms_here", "forms_there"):
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        connection.execute("DROP ROLE forms_reader")


@pytest.fixture
def there(here: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(here, dbname="forms_there", autocommit=True) as connection:
        yield connection


def rows_of(dsn: str) -> list[tuple[str | None, ...]]:
    with (
        connect(dsn) as connection,
        read_table(connection, "customer_complaints", "forms") as source,
    ):
        return [tuple(source.labels), *(row for frame in source.frames for row in frame.rows())]


def test_it_is_read_as_a_table_is(here: str) -> None:
    assert rows_of(here) == [
        ("request_id", "customeR iD", "request_date", "note"),
        *((f"{n}", "1319.0", "2025-11-19 20:00:00+00", "é") for n in (1, 2, 3)),
    ]


def test_rows_that_a_policy_hides_there_are_refused(here: str, there: psycopg.Connection) -> None:
    there.execute("ALTER TABLE forms ENABLE ROW LEVEL SECURITY")
    there.execute("CREATE POLICY one ON forms USING (request_id = 1)")
    with pytest.raises(ConfigurationError, match="row-level security may hide rows"):
        rows_of(here)


def test_a_lock_there_is_an_error(here: str, there: psycopg.Connection) -> None:
    with there.transaction():
        there.execute("LOCK TABLE forms")
        with pytest.raises(TerminalError, match="another server"):
            rows_of(here)


def test_a_table_that_is_not_there_is_missing(here: str, there: psycopg.Connection) -> None:
    there.execute("DROP TABLE forms")
    with pytest.raises(SourceMissingError, match="forms"):
        rows_of(here)


def test_a_server_out_of_reach_may_come_back(here: str) -> None:
    with psycopg.connect(here, autocommit=True) as connection:
        connection.execute(f"ALTER SERVER there OPTIONS (SET port '{NOWHERE}')")
    with pytest.raises(DatabaseUnavailableError):
        rows_of(here)


def test_a_privilege_that_is_missing_there(here: str, there: psycopg.Connection) -> None:
    there.execute("REVOKE SELECT ON forms FROM forms_reader")
    with pytest.raises(ConfigurationError, match="a privilege is missing there"):
        rows_of(here)
