"""A Prefect server that goes away under a run: said while it lasts, and not waited for for ever.

Prefect's client asks again for most of a minute, and the end of a run asks several times; meanwhile
the tasks, which need no server, go on.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from blocks import server, temporary_server
from tasks.reporting.progress import Status, board

ASK_SECONDS = 2.0
SAY_SECONDS = 10.0
GIVE_UP_SECONDS = 90.0  # of silence: a server that starts again may take a minute
IDLE_SECONDS = 10.0  # of them without a step at work: Prefect alone is waited for
AT_WORK = (Status.RUNNING, Status.RETRYING, Status.LATE)
ASKING = ("determine_load_type", "mark_first_run_complete")  # steps that need the server themselves


class Silence:
    """Asks the server whether it is there, in a thread, until the block ends."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._ended = threading.Event()
        self._since: float | None = None  # when it first did not answer
        self._at_work = time.monotonic()

    def __enter__(self) -> "Silence":
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    @property
    def too_long(self) -> bool:
        """Whether the run waits for nothing but a server that has been silent for long."""
        now = time.monotonic()
        steps = [step for step in list(board.steps.values()) if step.name not in ASKING]
        if any(step.status in AT_WORK for step in steps):
            self._at_work = now
        if self._since is None:
            return False
        patience = 0 if temporary_server.has_ended() else GIVE_UP_SECONDS  # it won't come back
        return now - self._since > patience and now - self._at_work > IDLE_SECONDS

    def _listen(self) -> None:
        from prefect.client.orchestration import get_client
        from prefect.settings import (
            PREFECT_API_REQUEST_TIMEOUT,
            PREFECT_CLIENT_MAX_RETRIES,
            temporary_settings,
        )

        while not server.api() and not board.flow_runs:  # the run's own server is not up yet
            if self._ended.wait(ASK_SECONDS):
                return
        asked_once = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: 5.0}
        with temporary_settings(asked_once), get_client(sync_client=True) as client:
            said = time.monotonic()
            while not self._ended.wait(ASK_SECONDS):
                now = time.monotonic()
                if not _silent(client.api_healthcheck()):
                    if self._since and said > self._since:
                        self._say("Prefect's API answers again")
                    self._since = None
                    continue
                self._since = self._since or now
                if now - max(said, self._since) > SAY_SECONDS:
                    said = now
                    self._say(
                        f"Prefect's API has not answered for {now - self._since:.0f} s: "
                        "asking again; tasks go on"
                    )


def _silent(error: Any) -> bool:
    import httpx

    # whatever else it says to this question, somebody is there.
    return isinstance(error, httpx.TransportError)
