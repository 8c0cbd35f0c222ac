"""The two roles that read the warehouse: `CORETELECOMS_READERS`, and the same with `_personal`."""

from blocks.database import connect
from blocks.errors import ConfigurationError

# what runs grant by themselves is not here: tasks/loading/readers.py, dbt/macros/readers.sql
_STATEMENTS = """
    SELECT format('CREATE ROLE %%I;', reader)
    FROM unnest(%(readers)s::text[]) AS reader
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = reader)
    UNION ALL
    SELECT format('GRANT CONNECT ON DATABASE %%I TO %%I;', current_database(), reader)
    FROM unnest(%(readers)s::text[]) AS reader
    WHERE NOT EXISTS (
        SELECT FROM pg_database, aclexplode(datacl)
        WHERE datname = current_database() AND grantee = to_regrole(quote_ident(reader))
    )
"""
_MAY = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"


def make(dsn: str, readers: str | None) -> tuple[list[str], bool]:
    """The statements that make the roles, as far as they aren't there, and whether they were run.

    They are not where the role of `dsn` may not make roles. Raises ConfigurationError.
    """
    if not readers:
        raise ConfigurationError(
            "No role is named", where="CORETELECOMS_READERS", todo="set it, then run again"
        )
    with connect(dsn, purpose="readers") as connection, connection.transaction():
        both = {"readers": [readers, f"{readers}_personal"]}
        statements = [statement for (statement,) in connection.execute(_STATEMENTS, both)]
        may = connection.execute(_MAY).fetchone() == (True,)
        for statement in statements if may else ():
            connection.execute(statement.encode())
    return statements, may or not statements
