"""Behind PgBouncer: session mode works, the others are refused before anything is loaded."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import psycopg
import pytest

from blocks.database import connect
from blocks.errors import ConfigurationError, DatabaseUnavailableError
from blocks.pooler import refuse_pooler

Pool = Callable[..., AbstractContextManager[str]]


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
    """PgBouncer gives one code for a wrong login and for a limit that passes: it is tried again."""
    with pooled("session") as dsn:
        wrong_database = dsn.replace("/postgres", "/nowhere")
        refused = f"{dsn}?options=-c%20lock_timeout%3D5s"
        for wrong in (wrong_database, refused):
            with pytest.raises(DatabaseUnavailableError) as caught, connect(wrong):
                pass
            assert "took no connection" in caught.value.what
            assert "user, password and database" in caught.value.todo
            assert "max_client_conn" in caught.value.todo


def test_a_full_pool_is_named(pooled: Pool) -> None:
    """The login was fine: the first statement waits for a session, and gets none."""
    with pooled("session", size=1) as dsn, psycopg.connect(dsn) as holder:
        holder.execute("SELECT 1")
        with pytest.raises(DatabaseUnavailableError) as caught, connect(dsn):
            pass
        assert "query_wait_timeout" in caught.value.what
        assert "default_pool_size" in caught.value.todo
