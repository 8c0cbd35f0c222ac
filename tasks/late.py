"""A source that is late is asked for again until it is there (docs/contract.md#late)."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from blocks.errors import ConfigurationError, SourceMissingError
from tasks.reporting.progress import board
from tasks.stage import logger

ASK_SECONDS = 60.0
Read = TypeVar("Read")


def deadline(wait_until: str | None) -> datetime | None:
    """The next moment that is `wait_until` (HH:MM, UTC). Raises ConfigurationError."""
    if wait_until is None:
        return None
    now = datetime.now(UTC)
    try:
        at = datetime.strptime(wait_until, "%H:%M").time()  # noqa: DTZ007 (a time of day)
    except ValueError:
        raise ConfigurationError(
            f"Not a time of day: {wait_until!r}",
            where="wait_until (--wait-until)",
            todo="give hours and minutes in UTC, such as 23:30",
        ) from None
    today = datetime.combine(now.date(), at, UTC)
    return today if today > now else today + timedelta(days=1)


def until_there(read: Callable[[], Read], step: str, until: datetime | None) -> Read:
    """What `read` gives, asked again every minute while the source is missing, until a moment.

    Nothing is held meanwhile: each attempt opens and closes what it needs.
    Raises what `read` raises, SourceMissingError only when the time is up.
    """
    while True:
        try:
            return read()
        except SourceMissingError as error:
            left = (until - datetime.now(UTC)).total_seconds() if until else 0.0
            if not until or left <= 0:
                raise
            board.wait(step, f"{left / 60:.0f} min left")
            logger().warning(
                "The source is late (%s); asking again until %s UTC", error.what, f"{until:%H:%M}"
            )
            time.sleep(min(ASK_SECONDS, left))
