"""What a run needs of its databases, asked of them; nothing there is changed."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from blocks.database import address, connect, refuse_database
from blocks.errors import ConfigurationError
from blocks.pooler import refuse_pooler
from blocks.samples import WEB_FORMS_SCHEMA

OLDEST = 140_000
SCHEMAS = ["conformed", "staging", "quarantine", "ops", "analytics"]
CONNECTIONS = 10  # what a run opens at once, at most
CLOCK_SECONDS = 60


def warehouse(
    dsn: str, readers: str = "", tables: Sequence[str] = ()
) -> dict[str, Callable[[], str]]:
    """The checks of the database to load; `tables` are those that a run alters, if there."""
    return {
        "warehouse": partial(_server, dsn),
        "privileges": partial(_privileges, dsn, readers, tables),
        "sessions": partial(_sessions, dsn),
        "connections": partial(_connections, dsn),
        "publications": partial(_publications, dsn),
        "clock": partial(_clock, dsn),
    }


def _ask(dsn: str, query: str, **given: Any) -> list[tuple[Any, ...]]:
    with connect(dsn, purpose="check") as connection:
        return connection.execute(query, given).fetchall()


def _server(dsn: str) -> str:
    with connect(dsn, purpose="check") as connection:
        refuse_database(connection)
        version = connection.info.server_version
        read_only = connection.execute("SHOW transaction_read_only").fetchone() == ("on",)
    what = todo = ""
    if version < OLDEST:
        what = f"PostgreSQL {version // 10_000} is too old"
        todo = f"use PostgreSQL {OLDEST // 10_000} or newer"
    elif read_only:
        what = "Transactions are read-only there"
        todo = "ALTER ROLE … or ALTER DATABASE … SET default_transaction_read_only = off"
    if what:
        raise ConfigurationError(what, where=address(dsn), todo=todo)
    return f"{address(dsn)} answers (PostgreSQL {version // 10_000}, UTF8)"


_MISSING = """
    WITH wanted AS (SELECT unnest(%(schemas)s::text[]) AS nspname)
    SELECT format('GRANT TEMPORARY ON DATABASE %%I TO %%I', current_database(), current_user)
    WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
    UNION ALL
    SELECT format('GRANT CREATE ON DATABASE %%I TO %%I', current_database(), current_user)
    WHERE NOT has_database_privilege(current_database(), 'CREATE')
      AND EXISTS (SELECT FROM wanted WHERE to_regnamespace(nspname) IS NULL)
    UNION ALL
    SELECT format('GRANT %%s ON SCHEMA %%I TO %%I', privilege, nspname, current_user)
    FROM pg_namespace JOIN wanted USING (nspname), unnest(ARRAY['USAGE', 'CREATE']) AS privilege
    WHERE NOT has_schema_privilege(pg_namespace.oid, privilege)
    UNION ALL
    SELECT format('ALTER TABLE %%I.%%I OWNER TO %%I', nspname, relname, current_user)
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE NOT pg_has_role(relowner, 'USAGE')
      AND nspname || '.' || relname = ANY (%(tables)s::text[])
    UNION ALL
    SELECT format('CREATE ROLE %%I', reader)
    FROM unnest(%(readers)s::text[]) AS reader
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = reader)
    ORDER BY 1
"""


def _privileges(dsn: str, readers: str, tables: Sequence[str]) -> str:
    roles = [readers, f"{readers}_personal"] if readers else []
    given: dict[str, Any] = {"schemas": SCHEMAS, "tables": list(tables), "readers": roles}
    missing = [grant for (grant,) in _ask(dsn, _MISSING, **given)]
    if missing:
        raise ConfigurationError(
            "The role lacks privileges",
            where=address(dsn),
            todo=f"have an administrator run: {'; '.join(missing)}",
        )
    return "the role may make temporary tables, and all that is in its schemas"


def _sessions(dsn: str) -> str:
    refuse_pooler(dsn)
    return "each connection has a session of its own"


def _connections(dsn: str) -> str:
    ((free,),) = _ask(
        dsn,
        """
        SELECT least(
            current_setting('max_connections')::int
                - current_setting('superuser_reserved_connections')::int
                - coalesce(current_setting('reserved_connections', true)::int, 0)
                - (SELECT sum(numbackends) FROM pg_stat_database),
            (SELECT nullif(datconnlimit, -1) - numbackends
             FROM pg_database JOIN pg_stat_database ON datid = pg_database.oid
             WHERE pg_database.datname = current_database()),
            (SELECT nullif(rolconnlimit, -1) - (
                SELECT count(*) FROM pg_stat_activity WHERE usename = current_user)
             FROM pg_roles WHERE rolname = current_user)
        )::int + 1
        """,
    )
    if free < CONNECTIONS:
        raise ConfigurationError(
            f"{max(free, 0)} connections are free, a run needs up to {CONNECTIONS}",
            where=address(dsn),
            todo="end idle sessions, or raise max_connections, or the limit of the database "
            "or the role (ALTER ROLE … CONNECTION LIMIT)",
        )
    return f"{free} are free"


def _publications(dsn: str) -> str:
    """Nothing to refuse: what others add, loads live with. But who reads along should be known."""
    found = _ask(
        dsn,
        """
        SELECT pubname, count(*) FROM pg_publication_tables
        WHERE schemaname = ANY (%(schemas)s) GROUP BY pubname
        UNION
        SELECT pubname, 0 FROM pg_publication
        WHERE puballtables AND NOT EXISTS (
            SELECT FROM pg_publication_tables WHERE schemaname = ANY (%(schemas)s))
        ORDER BY pubname
        """,
        schemas=SCHEMAS,
    )
    said = ", ".join(f"{name} ({tables} tables)" for name, tables in found)
    return f"{said or 'none'} with tables of ours; no extension is needed"


def _clock(dsn: str) -> str:
    before = time.time()
    ((theirs,),) = _ask(dsn, "SELECT extract(epoch FROM clock_timestamp())::float8")
    off = max(before - theirs, theirs - time.time(), 0)
    if off > CLOCK_SECONDS:
        raise ConfigurationError(
            f"The clocks of the database and of this machine are {off:,.0f} seconds apart",
            where=address(dsn),
            todo="set them by a time server (NTP): run dates and the order of loads go by both",
        )
    return "the database's is within a minute of ours"


def web_forms(dsn: str) -> str:
    """The database with the web forms answers, and all tables of their schema may be read."""
    found = _ask(
        dsn,
        """
        SELECT current_user, has_schema_privilege(oid, 'USAGE'), NOT EXISTS (
            SELECT FROM pg_class
            WHERE relnamespace = pg_namespace.oid AND relkind IN ('r', 'p', 'v', 'm', 'f')
              AND NOT has_table_privilege(pg_class.oid, 'SELECT'))
        FROM pg_namespace WHERE nspname = %(schema)s
        """,
        schema=WEB_FORMS_SCHEMA,
    )
    if not found:
        raise ConfigurationError(
            f"The database has no schema {WEB_FORMS_SCHEMA}",
            where=address(dsn),
            todo="check the database's name (CORETELECOMS_WEB_FORMS_DSN)",
        )
    ((role, usage, select),) = found
    grants = [f"GRANT USAGE ON SCHEMA {WEB_FORMS_SCHEMA} TO {role}"] * (not usage)
    grants += [f"GRANT SELECT ON ALL TABLES IN SCHEMA {WEB_FORMS_SCHEMA} TO {role}"] * (not select)
    if grants:
        raise ConfigurationError(
            "The role may not read all web forms", where=address(dsn), todo="; ".join(grants)
        )
    return f"{address(dsn)} answers, schema {WEB_FORMS_SCHEMA} can be read"
