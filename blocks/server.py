"""Prefect's server on this machine: `make server`, and the temporary one of a run without any.

As Prefect starts it, it keeps its state in SQLite, commits once for every state of every task run,
and refuses (503) requests whose transactions meet; a client asks again two seconds later, and gives
up in the end. Told what is below, it lets them wait for each other instead, a few milliseconds
(docs/performance.md). A server elsewhere, or on another database, stays as it is.
"""

import os
import sys
from collections.abc import Mapping
from urllib.parse import quote

ANY = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",  # second; no fraction counts
}
TEMPORARY = ANY | {
    # the first start makes the server's database: slow on a small or busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    # it shows no form for new blocks, so it needn't import every integration, for 2 seconds; which
    # it does, to look whether there are new ones, unless it is to register them without a look.
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
}


def tell(settings: Mapping[str, str]) -> None:
    """What a server started from here reads; before Prefect is imported. The environment wins."""
    for name, value in settings.items():
        os.environ.setdefault(name, value)


def keep_to_one_connection() -> None:
    """The same for its connections, if its database is the file that Prefect itself chooses."""
    from prefect.settings import get_current_settings

    config = get_current_settings()
    file = config.home / "prefect.db"
    chosen = config.server.database.connection_url
    if chosen and chosen.get_secret_value() == f"sqlite+aiosqlite:///{file}":
        # Prefect goes by ":memory:" anywhere in the address; SQLite passes over a parameter of a
        # file's address that it doesn't know.
        os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = (
            f"sqlite+aiosqlite:///file:{quote(str(file))}?uri=true&connections=:memory:"
        )


def main() -> None:
    """`python -m blocks.server`: `prefect server start`, with its options."""
    tell(ANY)
    keep_to_one_connection()
    os.execv(sys.executable, [sys.executable, "-m", "prefect", "server", "start", *sys.argv[1:]])


if __name__ == "__main__":
    main()
