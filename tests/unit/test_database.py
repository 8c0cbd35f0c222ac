"""Connections: what the message says when there is none, and what it never says."""

import pytest
from psycopg.conninfo import conninfo_to_dict

from blocks.database import connect, with_environment
from blocks.errors import ConfigurationError, DatabaseUnavailableError


@pytest.mark.parametrize("dsn", ["postgresql://u:not-%shown@h/d", "host=h not-%shown"])
def test_an_unreadable_dsn_is_not_quoted(dsn: str) -> None:
    with pytest.raises(ConfigurationError) as caught, connect(dsn):
        pass
    assert "shown" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_dsn_takes_along_what_libpqs_variables_add(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PASSWORD": "secret", "PORT": "5433", "SERVICE": "x", "HOST": ""}.items():
        monkeypatch.setenv(f"PG{name}", value)
    found = conninfo_to_dict(with_environment("postgresql://someone@db:5434/forms"))
    assert found == {
        **{"user": "someone", "host": "db", "port": "5434", "dbname": "forms"},
        **{"password": "secret", "service": "x"},
    }


def test_a_server_that_is_away_is_transient_and_named_without_its_password() -> None:
    dsn = "postgresql://someone:secret@127.0.0.1:1/warehouse?connect_timeout=2"
    with pytest.raises(DatabaseUnavailableError) as caught, connect(dsn):
        pass
    assert caught.value.where == "database warehouse at 127.0.0.1:1"
    assert "secret" not in str(caught.value)
    assert "someone" not in str(caught.value)
