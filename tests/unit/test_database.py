"""Connections: what the message says when there is none, and what it never says."""

import pytest

from blocks.database import connect
from blocks.errors import ConfigurationError, DatabaseUnavailableError


@pytest.mark.parametrize("dsn", ["postgresql://u:not-%shown@h/d", "host=h not-%shown"])
def test_an_unreadable_dsn_is_not_quoted(dsn: str) -> None:
    with pytest.raises(ConfigurationError) as caught, connect(dsn):
        pass
    assert "shown" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_server_that_is_away_is_transient_and_named_without_its_password() -> None:
    dsn = "postgresql://someone:secret@127.0.0.1:1/warehouse?connect_timeout=2"
    with pytest.raises(DatabaseUnavailableError) as caught, connect(dsn):
        pass
    assert caught.value.where == "database warehouse at 127.0.0.1:1"
    assert "secret" not in str(caught.value)
    assert "someone" not in str(caught.value)
