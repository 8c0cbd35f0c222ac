"""Behind PgBouncer: session mode works, the others are refused before anything is loaded."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from blocks.database import connect
from blocks.errors import ConfigurationError, DatabaseUnavailableError
from blocks.pooler import refuse_pooler

Pool = Callable[[str], AbstractContextManager[str]]


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pool_that_shares_sessions_is_refused(pooled: Pool, mode: str) -> None:
    with pooled(mode) as dsn, pytest.raises(ConfigurationError, match="shares sessions"):
        refuse_pooler(dsn)


def test_a_pool_in_session_mode_is_fine(
    pooled: Pool,
) -> None:
    with pooled("session") as dsn:
        refuse_pooler(dsn)


def test_the_server_itself_is_fine(debian: str) -> None:
    refuse_pooler(debian)


def test_what_a_pooler_refuses_says_where_to_look(pooled: Pool) -> None:
    """PgBouncer gives one code for a wrong database and for a limit that passes."""
    with pooled("session") as dsn:
        limited = f"{dsn}?options=-c%20lock_timeout%3D5s"
        with pytest.raises(DatabaseUnavailableError, match="PgBouncer"), connect(limited):
            pass
