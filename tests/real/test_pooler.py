"""Behind PgBouncer: session mode works, the others are refused before anything is loaded."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from blocks.errors import ConfigurationError
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
