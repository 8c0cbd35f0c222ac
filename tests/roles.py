"""The roles that docs/deployment.md#roles describes, made from the SQL that stands there."""

import re
from pathlib import Path

import psycopg

PAGE = Path(__file__).parents[1] / "docs" / "deployment.md"
BLOCK = re.compile(r"<!-- run by tests/roles.py -->\n```sql\n(.*?)```", re.DOTALL)
LOADER, READER = "coretelecoms_loader", "web_forms_reader"
ANALYSTS, ALL = "coretelecoms_reader", "coretelecoms_reader_personal"
PASSWORD = "choose-one"  # as the page has it


def make(superuser: str) -> None:
    """Run the page's SQL in the database of this DSN; the page's roles are new to the server."""
    blocks = BLOCK.findall(PAGE.read_text("utf-8"))
    assert blocks
    with psycopg.connect(superuser, autocommit=True) as connection:
        database = connection.info.dbname
        for block in blocks:
            for statement in block.replace("telecoms_warehouse", database).split(";"):
                if statement.strip():
                    connection.execute(statement)


def drop(superuser: str) -> None:
    """Remove the roles again, with what they own in this database."""
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {LOADER}, {READER}, {ANALYSTS}, {ALL} CASCADE")
        connection.execute(f"DROP ROLE {LOADER}, {READER}, {ANALYSTS}, {ALL}")
        database = connection.info.dbname
        connection.execute(f"GRANT ALL ON DATABASE {database} TO PUBLIC")


def assert_both_days_are_built(superuser: str) -> None:
    """Two days and, on the first one, the static data are in the ledger; the marts have both."""
    with psycopg.connect(superuser) as connection:
        days = "SELECT count(*), count(DISTINCT run_date) FROM ops.ledger"
        assert connection.execute(days).fetchone() == (8, 2)
        # run_dbt is complete only when dbt's own tests of both against each other passed.
        built = "SELECT count(*) > 0 FROM analytics.fct_complaints"
        assert connection.execute(built).fetchone() == (True,)


def assert_readers_may_read(superuser: str) -> None:
    """The two roles of `CORETELECOMS_READERS` may read what the page says."""
    with psycopg.connect(superuser) as connection:
        connection.execute(f"SET ROLE {ANALYSTS}")
        connection.execute("SELECT customer_id, gender FROM analytics.dim_customers")
        connection.execute(f"SET ROLE {ALL}")
        connection.execute("SELECT email FROM analytics.dim_customers")
        connection.execute("SELECT email FROM conformed.customers")
