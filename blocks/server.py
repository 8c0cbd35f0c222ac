"""Prefect's server on this machine: `make server`, and the temporary one of a run without any.

As Prefect starts it, it keeps its state in SQLite, commits once for every state of every task run,
and refuses (503) requests whose transactions meet; a client asks again two seconds later, and gives
up in the end. With the settings below requests wait for each other instead, a few milliseconds
(docs/performance.md). A server elsewhere, or on another database, stays as it is.
"""

import json
import os
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from blocks import temporary_server
from blocks.errors import ConfigurationError

ANY = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",  # second; no fraction counts
}
LASTING = ANY | {
    # in memory, as by default, a restart forgets which runs hold a deployment's slots: they can't
    # renew them, and the slot of a run that was killed stays taken.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
        "prefect.server.concurrency.lease_storage.filesystem"
    ),
    # old flow runs go, with their task runs, logs and artifacts (CORETELECOMS_KEEP_LOGS).
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
}
TEMPORARY = ANY | {
    # Prefect's own log goes to its server alone, but for why one doesn't start.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "ERROR",
    # the first start makes the server's database: slow on a small or busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    # it shows no form for new blocks, so it needn't import every integration, for 2 seconds; which
    # it does, to look whether there are new ones, unless it is to register them without a look.
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
}
PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def configure(settings: Mapping[str, str]) -> None:
    """What a server started from here reads; before Prefect is imported. The environment wins."""
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    # a server of this machine is not asked through a proxy, which would look for it on its own.
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    direct = ",".join(filter(None, (given, "localhost", "127.0.0.1", "::1")))
    os.environ |= {"no_proxy": direct, "NO_PROXY": direct}
    # Prefect's client fails on a SOCKS proxy that it can't use, even where it would ask directly.
    known = ("socks5:", "socks5h:") if find_spec("socksio") else ()
    for name, proxy in list(os.environ.items()):
        scheme = proxy.lower()
        if name.lower() in PROXIES and scheme.startswith("socks") and not scheme.startswith(known):
            del os.environ[name]


def keep_to_one_connection(*, temporary: bool = True) -> None:
    """The same for its connections, if its database is the file that Prefect itself chooses.

    `temporary`: nothing to do where PREFECT_API_URL names a server that is asked in its place.
    Raises ConfigurationError for a file that a newer Prefect has changed.
    """
    from prefect.settings import get_current_settings

    config = get_current_settings()
    if temporary and config.api.url:
        return
    file = config.home / "prefect.db"
    chosen = config.server.database.connection_url
    if chosen and chosen.get_secret_value() == f"sqlite+aiosqlite:///{file}":
        _check_version(file)
        # Prefect goes by ":memory:" anywhere in the address; SQLite passes over a parameter of a
        # file's address that it doesn't know.
        os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = (
            f"sqlite+aiosqlite:///file:{quote(str(file))}?uri=true&connections=:memory:"
        )


def _check_version(file: Path) -> None:
    # Prefect starts a server that can't open its database again and again, for three minutes, and
    # then doesn't say why.
    import prefect

    try:
        with closing(_reading(file)) as database:
            found = database.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.Error:  # there is none yet, or the server says what is wrong with it
        return
    steps = prefect.__module_path__ / "server/database/_migrations/versions/sqlite"
    newest_first = sorted(steps.glob("*.py"), reverse=True)
    for (version,) in found:
        if not any(f'"{version}"' in step.read_text() for step in newest_first):
            raise ConfigurationError(
                "The database of Prefect's server was made by a newer Prefect "
                f"than this one ({prefect.__version__})",
                where=str(file),
                todo="go back to the newer version, or move the file away; what is lost with it, "
                "and how to get it back: docs/runbooks/upgrade.md",
            )


def kept_variable(name: str) -> Any:
    """A Variable that a run's temporary server will find; None if it isn't set.

    It is in the server's file, where that is the one that Prefect itself chooses.
    """
    from prefect.settings import get_current_settings

    try:
        with closing(_reading(get_current_settings().home / "prefect.db")) as database:
            query = "SELECT value FROM variable WHERE name = ?"
            found = database.execute(query, [name]).fetchone()
    except sqlite3.Error:  # no run has made it yet
        return None
    return json.loads(found[0]) if found else None


def _reading(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)


def api() -> str | None:
    """The address of Prefect's API, from the environment or the profile; None: a temporary one."""
    from prefect.settings import get_current_settings

    return None if temporary_server.is_ours() else _without_login(get_current_settings().api.url)


def page_of(flow_run_id: object) -> str | None:
    """A flow run's page in Prefect's UI; None on a temporary server, which has no UI."""
    from prefect.utilities.urls import url_for

    return _without_login(url_for("flow-run", obj_id=str(flow_run_id))) if api() else None


def _without_login(url: str | None) -> str | None:
    if not url:
        return None
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def main() -> None:
    """`python -m blocks.server`: `prefect server start`, with its options."""
    from blocks.settings import settings

    try:
        kept = timedelta(days=settings().keep_logs)
        configure(
            LASTING
            | {"PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(kept.total_seconds())}
        )
        keep_to_one_connection(temporary=False)
    except ConfigurationError as error:
        raise SystemExit(str(error)) from None
    # without --no-prompt it asks on a terminal whether to change the person's Prefect profile.
    prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
    os.execv(sys.executable, [*prefect, "server", "start", *sys.argv[1:]])


if __name__ == "__main__":
    main()
