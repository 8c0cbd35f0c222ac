"""Connections: what people are told when there is none, and what they are never told."""

import pytest

from blocks.database import connect
from blocks.errors import ConfigurationError, DatabaseUnavailableError


@pytest.mark.parametrize("dsn", ["postgresql://u:not-%told@h/d", "host=h not-%told"])
def test_an_unreadable_dsn_is_not_quoted(dsn: str) -> None:
    with pytest.raises(ConfigurationError) as told, connect(dsn):
        pass
    assert "told" not in str(told.value)
    assert told.value.__suppress_context__


def test_a_server_that_is_away_is_transient_and_named_without_its_password() -> None:
    dsn = "postgresql://someone:secret@127.0.0.1:1/warehouse?connect_timeout=2"
    with pytest.raises(DatabaseUnavailableError) as told, connect(dsn):
        pass
    assert told.value.where == "database warehouse at 127.0.0.1:1"
    assert "secret" not in str(told.value)
    assert "someone" not in str(told.value)
