"""What those who read the warehouse may read of `conformed` (docs/contract.md#readers).

The relations of `analytics` are granted where they are made: dbt/macros/readers.sql.
"""

from psycopg import errors as pg

from blocks.database import Connection
from blocks.errors import ConfigurationError

# only what is missing: a GRANT that meets another change of the same table ends in an error.
# through its table a partition can be read without a grant of its own.
_MISSING = """
    SELECT format('GRANT USAGE ON SCHEMA %%I TO %%I', schema, role)
    FROM (VALUES
        ('analytics', %(readers)s), ('analytics', %(all)s), ('conformed', %(all)s)
    ) AS wanted (schema, role)
    WHERE NOT has_schema_privilege(role, schema, 'USAGE')
    UNION ALL
    SELECT format('GRANT SELECT ON %%s TO %%I', oid::regclass, %(all)s)
    FROM pg_class
    WHERE relnamespace = 'conformed'::regnamespace AND relkind IN ('r', 'p')
      AND NOT relispartition AND pg_has_role(relowner, 'USAGE')
      AND NOT has_table_privilege(%(all)s, oid, 'SELECT')
"""


def let_read(connection: Connection, readers: str) -> None:
    """Give the role what is not personal, and the one with `_personal` after its name all.

    Raises ConfigurationError when one isn't there, or this role may not give them that.
    """
    roles = {"readers": readers, "all": f"{readers}_personal"}
    try:
        statements = connection.execute(_MISSING, roles).fetchall()
    except pg.UndefinedObject:
        raise ConfigurationError(
            f"The database does not have both roles, {readers} and {readers}_personal",
            where="CORETELECOMS_READERS",
            todo="make them: python -m blocks.register --readers",
        ) from None
    for (statement,) in statements:
        connection.execute(statement.encode())
    # PostgreSQL only warns of a right that a role can't give: that of a schema of somebody else's.
    if left := connection.execute(_MISSING, roles).fetchall():
        raise ConfigurationError(
            f"The role of the warehouse may not let {readers} read it",
            where="CORETELECOMS_READERS",
            todo=f"have an administrator run: {'; '.join(grant for (grant,) in left)}",
        )
