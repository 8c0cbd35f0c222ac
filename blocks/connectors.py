"""libpq connection strings as prefect-sqlalchemy connectors, and back."""

from typing import Any
from urllib.parse import quote, urlencode

from prefect_sqlalchemy import (  # type: ignore[import-untyped]
    ConnectionComponents,
    SqlAlchemyConnector,
)
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError

from blocks.errors import ConfigurationError

DRIVER = "postgresql+psycopg"


def dsn(connector: SqlAlchemyConnector) -> str:
    """A connector's database as a libpq URL. Raises ConfigurationError for other databases."""
    info = connector.connection_info
    url = info.create_url() if isinstance(info, ConnectionComponents) else None
    if url is None or url.get_backend_name() != "postgresql":
        raise ConfigurationError(
            "The connector is not one for PostgreSQL, given as components",
            where="platform block",
            todo=f"give the driver {DRIVER}, host, database, user and password",
        )
    options: dict[str, Any] = {**url.query, **(connector.connect_args or {})}
    login = quote(url.username or "", safe="")
    if url.password:
        login += f":{quote(str(url.password), safe='')}"
    host = f"[{url.host}]" if url.host and ":" in url.host else url.host or ""
    port = f":{url.port}" if url.port else ""
    if {"/", ",", "@"} & set(host):
        # folders of Unix sockets and lists of hosts don't fit a URL's host.
        options |= {"host": url.host} | ({"port": url.port} if port else {})
        host = port = ""
    # libpq reads %20, not +.
    query = urlencode({name: str(value) for name, value in options.items()}, quote_via=quote)
    database = quote(url.database or "", safe="")
    at, mark = "@" if login else "", "?" if query else ""
    return f"postgresql://{login}{at}{host}{port}/{database}{mark}{query}"


def connector(dsn: str, setting: str) -> SqlAlchemyConnector:
    """A libpq URL or string as a connector whose password Prefect masks.

    Raises ConfigurationError naming the setting it came from.
    """
    try:
        return _connector(dsn, setting)
    except (ProgrammingError, ValidationError):
        # without its text, which quotes the string.
        raise ConfigurationError(
            "Not a PostgreSQL connection string",
            where=setting,
            todo="give postgresql://user:password@host:port/database, special characters of the "
            "password percent-encoded",
        ) from None


def _connector(dsn: str, setting: str) -> SqlAlchemyConnector:
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value}
    if "sslpassword" in parts:
        raise ConfigurationError(
            "The connection string holds an sslpassword, which a block would show",
            where=setting,
            todo="use a key without a password, readable by the worker alone",
        )
    components: dict[str, Any] = {
        ours: parts.pop(theirs)
        for ours, theirs in (("database", "dbname"), ("username", "user"), ("password", "password"))
        if theirs in parts
    }
    if not {"/", ","} & set(parts.get("host", "")) and "," not in parts.get("port", ""):
        # folders of Unix sockets and lists of hosts don't fit a URL's host.
        components |= {name: parts.pop(name) for name in ("host", "port") if name in parts}
    return SqlAlchemyConnector(
        connection_info=ConnectionComponents(driver=DRIVER, query=parts or None, **components)
    )
