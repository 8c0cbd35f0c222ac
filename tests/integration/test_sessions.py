"""Sessions in databases of others: limits of a role, locks, privileges, refusals, encodings."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from blocks import database, embedded, waiting
from blocks.database import connect, refuse_database
from blocks.errors import ConfigurationError, DatabaseUnavailableError, TerminalError
from tasks import warehouse
from tasks.loading.tables import create_all_tables
from tasks.warehouse import environment

LIMITS = {
    "statement_timeout": "400ms",
    "lock_timeout": "400ms",
    "idle_in_transaction_session_timeout": "400ms",
    "idle_session_timeout": "400ms",
    "transaction_timeout": "400ms",
    "default_transaction_isolation": "serializable",
    "client_encoding": "SQL_ASCII",
}
ROLE = "a plain role"


@pytest.fixture
def admin(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's session in the test's database; a plain role is there meanwhile."""
    with psycopg.connect(database, autocommit=True) as connection:
        role = sql.Identifier(ROLE)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        yield connection
        connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO PUBLIC").format(name))


@pytest.fixture
def plain(admin: psycopg.Connection[Any], database: str) -> str:
    """The plain role's DSN."""
    return database.replace("postgres:@", f"{ROLE.replace(' ', '%20')}:@")


def test_no_limit_of_the_role_holds(admin: psycopg.Connection[Any], plain: str) -> None:
    for name, value in LIMITS.items():
        admin.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(
                sql.Identifier(ROLE), sql.Identifier(name), sql.Literal(value)
            )
        )
    given = environment(plain)
    as_dbt: dict[str, Any] = {
        "options": given["PGOPTIONS"],
        "client_encoding": given["PGCLIENTENCODING"],
    }
    with (
        connect(plain) as ours,
        connect(plain) as idle,
        psycopg.connect(plain, **as_dbt) as dbts,
    ):
        ours.execute("SELECT pg_sleep(0.3)")
        dbts.execute("SELECT pg_sleep(0.5)")
        ours.execute("SELECT pg_sleep(0.3)")
        for connection in (ours, idle, dbts):
            found = connection.execute("SHOW transaction_isolation").fetchone()
            assert found == ("read committed",)
        assert ours.execute("SHOW client_encoding").fetchone() == ("UTF8",)


@pytest.mark.parametrize("limit", [name for name in LIMITS if name.endswith("timeout")])
def test_a_limit_that_ends_a_session_all_the_same_is_transient(database: str, limit: str) -> None:
    def wait_for_it() -> None:
        with connect(database, autocommit=limit == "idle_session_timeout") as connection:
            connection.execute(sql.SQL("SET {} = '20ms'").format(sql.Identifier(limit)))
            time.sleep(0.05)
            connection.execute("SELECT pg_advisory_lock(1), pg_sleep(0.05)")

    with psycopg.connect(database) as holder:
        holder.execute("SELECT pg_advisory_lock(1)")
        with pytest.raises(DatabaseUnavailableError):
            wait_for_it()


def test_who_holds_a_lock_is_said_and_after_a_while_it_is_an_error(
    admin: psycopg.Connection[Any], plain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(database, "LOCK_SECONDS", 1)
    admin.execute("CREATE TABLE locked ()")
    admin.execute(f'GRANT USAGE ON SCHEMA public TO "{ROLE}"'.encode())
    admin.execute(f'GRANT SELECT ON locked TO "{ROLE}"'.encode())
    admin.execute("SET application_name = 'somebody at work'")
    holder = f"session {admin.info.backend_pid} of postgres (somebody at work)"
    heard: list[str] = []
    token = waiting.listener.set(heard.append)
    with admin.transaction():
        admin.execute("LOCK TABLE locked")
        with pytest.raises(DatabaseUnavailableError) as caught, connect(plain) as connection:
            connection.execute("SELECT FROM locked")
    waiting.listener.reset(token)
    assert set(heard) == {f"waiting for a lock of {holder}"}
    assert caught.value.what == f"A lock was not free in time, because of {holder}"


def test_a_session_of_dbt_that_waits_for_a_lock(
    admin: psycopg.Connection[Any], database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is dbt's own: we look on, say who holds the lock, and end the wait."""
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.1)
    admin.execute("CREATE TABLE locked ()")
    holder = f"session {admin.info.backend_pid} of postgres"
    heard: list[str] = []
    token = waiting.listener.set(heard.append)
    with (
        admin.transaction(),
        psycopg.connect(database, application_name=warehouse.DBT) as dbts,
        waiting.watched_over(database, warehouse.DBT, 0.5) as waited_for,
    ):
        admin.execute("LOCK TABLE locked")
        with pytest.raises(psycopg.errors.QueryCanceled):
            dbts.execute("SELECT FROM locked")
    waiting.listener.reset(token)
    assert heard[0] == f"waiting for a lock of {holder}"
    assert waited_for[0] == holder


def test_a_missing_privilege_names_the_object_and_the_grant(
    admin: psycopg.Connection[Any], plain: str
) -> None:
    create_all_tables(admin)
    name = admin.info.dbname
    admin.execute(
        sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
    )
    with pytest.raises(ConfigurationError) as caught, connect(plain) as connection:
        connection.execute("SELECT FROM conformed.customers")
    assert "conformed" in caught.value.what
    for schema in ("conformed", "staging", "quarantine", "ops"):
        grant = f'GRANT USAGE, CREATE ON SCHEMA {schema} TO "{ROLE}"'
        assert grant in caught.value.todo
        admin.execute(grant.encode())
    assert f'GRANT TEMPORARY ON DATABASE {name} TO "{ROLE}"' in caught.value.todo
    with pytest.raises(ConfigurationError) as caught, connect(plain) as connection:
        connection.execute("SELECT FROM conformed.customers")
    assert "customers" in caught.value.what
    assert f'ALTER TABLE conformed.agents OWNER TO "{ROLE}"' in caught.value.todo
    with pytest.raises(ConfigurationError, match="GRANT TEMPORARY"), connect(plain) as connection:
        connection.execute("CREATE TEMPORARY TABLE mine ()")


def test_a_database_that_only_reads(admin: psycopg.Connection[Any], plain: str) -> None:
    role = sql.Identifier(ROLE)
    admin.execute(sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(role))
    with pytest.raises(TerminalError, match="only reads") as caught, connect(plain) as connection:
        connection.execute("CREATE SCHEMA ours")
    assert "standby" in caught.value.todo


@pytest.mark.parametrize(
    ("change", "dsn", "kind"),
    [
        ("", "/nowhere", ConfigurationError),
        ("NOLOGIN", "", ConfigurationError),
        ("CONNECTION LIMIT 0", "", DatabaseUnavailableError),
        ("", "&port=1", DatabaseUnavailableError),
        ("", "&sslmode=require&host=127.0.0.1&port=1", DatabaseUnavailableError),
    ],
)
def test_a_refusal_is_sorted_by_its_code_and_says_what_libpq_said(
    admin: psycopg.Connection[Any], plain: str, change: str, dsn: str, kind: type[Exception]
) -> None:
    if change:
        admin.execute(f'ALTER ROLE "{ROLE}" {change}'.encode())
    with pytest.raises(psycopg.Error) as said:
        psycopg.connect(refused := _with(plain, dsn))
    with pytest.raises(kind) as caught, connect(refused):
        pass
    assert type(caught.value) is kind
    assert str(said.value).splitlines()[0].rpartition(": ")[2] in str(caught.value)


def _with(dsn: str, more: str) -> str:
    if more.startswith("/"):
        start, _, end = dsn.partition("/test_")
        return f"{start}{more}?{end.partition('?')[2]}"
    return dsn + more


def test_a_standby_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with embedded.server(tmp_path / "data") as server:
        connection = psycopg.connect(embedded.dsn(server), autocommit=True)
        connection.execute("SELECT 1")
        connection.close()
    (tmp_path / "data/standby.signal").touch()
    with embedded.server(tmp_path / "data") as server:
        dsn = embedded.dsn(server)
        with pytest.raises(ConfigurationError, match="standby"), connect(dsn) as inside:
            refuse_database(inside)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_of_another_encoding_is_refused(postgres: str, encoding: str) -> None:
    name = f"in_{encoding.lower()}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'".encode()
        )
        dsn = postgres.replace("/postgres?", f"/{name}?")
        with pytest.raises(ConfigurationError, match=encoding), connect(dsn) as inside:
            refuse_database(inside)
        connection.execute(f"DROP DATABASE {name}".encode())
