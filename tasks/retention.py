"""What is older than its layer is kept (docs/contract.md#retention): found, counted, removed."""

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from psycopg import sql

from blocks.database import connect, is_there
from blocks.prefect_runs import old_flow_runs
from blocks.resources import Resources
from blocks.server import api
from blocks.settings import settings
from blocks.stores.local import LocalStore
from tasks.entities.contracts import COMPLAINTS, ENTITIES
from tasks.lake.bronze import MADE
from tasks.loading import locks, tables

# with what a killed writer left next to a file
_DATED = re.compile(r"\w+/\w+/\.?(\d{4}-\d\d-\d\d)\.")
_REJECTED = ("quarantine.records", "ops.field_problems", "ops.rejected_days")


@dataclass
class Old:
    """What of a layer is old: so many files, rows or flow runs, and their bytes if known."""

    unit: str = "files"
    before: date | None = None  # None: all is kept
    number: int = 0
    bytes: int | None = 0
    at_work: int = 0  # files left alone: a run is at work on them
    kept: str = "all is kept"  # why, where nothing is old


def first_kept(days: int | None) -> date | None:
    """The first day that is kept; None for all of them."""
    return None if days is None else datetime.now(UTC).date() - timedelta(days)


def bronze(before: date | None, resources: Resources, *, remove: bool) -> Old:
    """The channels' bronze. That of customers and agents stays: it is the only copy of versions,
    and of rows that a later delivery no longer has.
    """
    return _lake([f"bronze/{e.name}/" for e in COMPLAINTS], before, resources, remove)


def silver(before: date | None, resources: Resources, *, remove: bool) -> Old:
    """Silver, problems and rejects: they can be made again from bronze."""
    folders = [f"{layer}/{entity}/" for layer in MADE for entity in ENTITIES]
    return _lake(folders, before, resources, remove)


def _lake(folders: list[str], before: date | None, resources: Resources, remove: bool) -> Old:
    old = Old(before=before)
    if before is None:
        return old
    lake = resources.lake
    found: dict[tuple[object, ...], dict[str, int]] = defaultdict(dict)  # by the lock of their runs
    for folder in folders:
        entity = ENTITIES[folder.split("/")[1]]
        for key, size in lake.sizes(folder).items():
            dated = _DATED.match(key)
            if dated and dated[1] < before.isoformat():
                found[("first run",) if entity.is_static else ("run date", dated[1])][key] = size
    with connect(resources.warehouse_dsn, autocommit=True, purpose="tidy") as connection:
        for lock, files in found.items():
            with locks.free(connection, *lock) as nobody_at_work:
                if not nobody_at_work:
                    old.at_work += len(files)
                    continue
                old.number += len(files)
                old.bytes = (old.bytes or 0) + sum(files.values())
                if remove:
                    # the manifest first: it is there only while its file is.
                    for key in sorted(files, key=lambda key: key.endswith(".parquet")):
                        lake.delete(key)
    return old


def rejected(before: date | None, resources: Resources, *, remove: bool) -> Old:
    """Quarantine, field problems and rejected deliveries, as the database has them."""
    old = Old("rows", before)
    if before is None:
        return old
    with connect(resources.warehouse_dsn, purpose="tidy") as connection:
        for table in _REJECTED:
            if not is_there(connection, table):
                continue  # nothing is loaded yet
            name = tables.identifier(table)
            count = sql.SQL(
                "SELECT count(*), coalesce(sum(pg_column_size(rejected.*)), 0)::bigint "
                "FROM {} AS rejected WHERE run_date < %s"
            )
            row = connection.execute(count.format(name), [before]).fetchone() or (0, 0)
            old.number += row[0]
            old.bytes = (old.bytes or 0) + row[1]
            if remove:
                delete = sql.SQL("DELETE FROM {} WHERE run_date < %s").format(name)
                connection.execute(delete, [before])
    return old


def logs(before: date | None, resources: Resources, *, remove: bool) -> Old:
    """Files of dbt's log, and of what libraries wrote, that nobody has written to since."""
    home = settings().home.resolve()
    old = Old(before=before)
    for folder in (home / "dbt" / "logs", home / "logs"):
        store = LocalStore(folder)
        for key, size in store.sizes("").items():
            written = datetime.fromtimestamp((folder / key).stat().st_mtime, UTC).date()
            if before and written < before:
                old.number += 1
                old.bytes = (old.bytes or 0) + size
                if remove:
                    store.delete(key)
    return old


def flow_runs(before: date | None, resources: Resources, *, remove: bool) -> Old:
    """Flow runs in the database of this machine's temporary server. Another one has its own rule:
    `make server` the same.
    """
    if before is None or api():
        return Old("flow runs", kept="those of a server are for its own settings to remove")
    number = old_flow_runs(before, remove=remove)
    return Old("flow runs", before, number, bytes=None)
