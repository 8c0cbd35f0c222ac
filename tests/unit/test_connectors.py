"""Connection strings as blocks and back: what libpq reads must stay the same."""

import pytest
from prefect_sqlalchemy import (  # type: ignore[import-untyped]
    ConnectionComponents,
    SqlAlchemyConnector,
)
from psycopg.conninfo import conninfo_to_dict

from blocks.connectors import DRIVER, connector, dsn
from blocks.errors import ConfigurationError

STRINGS = {
    "plain": "postgresql://loader:secret@db.example.com:5433/complaints",
    "no password": "postgresql://loader@db.example.com/complaints",
    "special characters": "postgresql://lo%40der:p%2Fa%3As%40s%25%20w+rd@db/comp%20laints",
    "unix socket": "postgresql://postgres:@/db?host=/var/run/some%20where",
    "ipv6": "postgresql://loader@[::1]:5432/db",
    "several hosts": "postgresql://loader:secret@one:5432,two:5433/db?target_session_attrs=any",
    "options": "postgresql://db/x?sslmode=verify-full&options=-c%20statement_timeout%3D1s",
    "keywords": r"host=db user=loader password='it\'s a secret' dbname=complaints sslmode=require",
}


@pytest.mark.parametrize("given", STRINGS.values(), ids=STRINGS)
def test_there_and_back(given: str) -> None:
    wanted = {name: value for name, value in conninfo_to_dict(given).items() if value}
    assert conninfo_to_dict(dsn(connector(given, "A_SETTING"))) == wanted


@pytest.mark.parametrize("port", [None, 5433])
@pytest.mark.parametrize("host", ["/var/run/some where", "@abstract", "one,two", "::1", "db"])
def test_a_block_that_somebody_filled_in(host: str, port: int | None) -> None:
    """In its own field Prefect takes any host that libpq takes."""
    parts = {"host": host, "username": "loader", "database": "complaints"}
    components = ConnectionComponents(driver=DRIVER, port=port, **parts)
    wanted = {"host": host, "user": "loader", "dbname": "complaints"}
    found = conninfo_to_dict(dsn(SqlAlchemyConnector(connection_info=components)))
    assert found == wanted | ({"port": str(port)} if port else {})


@pytest.mark.parametrize("given", STRINGS.values(), ids=STRINGS)
def test_the_password_is_masked(given: str) -> None:
    made = connector(given, "A_SETTING")
    password = conninfo_to_dict(given).get("password")
    for shown in (repr(made), str(made), made.model_dump_json()):
        assert not password or str(password) not in shown


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://u:s3cret@host:port/db",
        "postgresql://u:s3cret@host/db?nonsense=1",
        "mysql://u:s3cret@host/db",
        "u:s3cret@host",
        "postgresql://u@host/db?sslpassword=s3cret",
    ],
)
def test_what_is_none(given: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        connector(given, "A_SETTING")
    assert caught.value.where == "A_SETTING"
    assert "s3cret" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
