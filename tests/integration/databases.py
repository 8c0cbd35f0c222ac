"""Databases beside the one that the fixture `database` gives a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg import sql


@contextmanager
def new_database(server: str, name: str) -> Iterator[str]:
    """The DSN of a new, empty database on that server, dropped at the end of the block."""
    name = f"{name}_{uuid4().hex[:8]}"
    parts = psycopg.conninfo.conninfo_to_dict(server)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield f"postgresql://{parts['user']}:@/{name}?host={parts['host']}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
