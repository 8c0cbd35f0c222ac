"""The lake's record of loads: a small file each, of counts alone (docs/contract.md#loads).

It outlives the database: `flows.rebuild` plays the loads again.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from blocks.errors import SourceUnreadableError
from blocks.stores.store import Store
from tasks.entities.contracts import ENTITIES
from tasks.lake.bronze import landed

LOADED, REJECTED = ".loaded.json", ".rejected.json"
_MANIFEST = r"bronze/(\w+)/(\d{4}-\d\d-\d\d)\.manifest\.json"
_READERS = 16  # an object store answers many small questions at a time


@dataclass(frozen=True)
class Record:
    """What became of a delivery: its row of `ops.ledger`, or of `ops.rejected_days`."""

    entity: str
    run_date: date
    at: datetime  # by the clock of the database
    row: Mapping[str, Any]
    rejected: bool = False
    written: bool = True  # False: made up from bronze

    @property
    def fingerprint(self) -> str:
        """Of the bronze file."""
        return str(self.row["bronze_fingerprint"])

    @property
    def static_as_of(self) -> datetime | None:
        """Of complaints: the newest load of customers and agents that the search for orphans saw.

        None where nobody noted it.
        """
        text = self.row.get("static_as_of")
        return datetime.fromisoformat(text) if text else None


def write_record(lake: Store, row: Mapping[str, Any], at: datetime, ending: str) -> None:
    """Keep a row of the ledger, or of the rejected days."""
    key = f"loads/{row['entity']}/{row['run_date']}/{at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}{ending}"
    lake.write(key, json.dumps(row, default=str, indent=2).encode())


def read_records(lake: Store) -> list[Record]:
    """The loads and rejections that stand, in their order.

    Every load of customers and agents, since each may have brought rows; of a channel's day the
    last one; a rejection if it is the last word on its date. In a lake from before there were
    records, all that is in bronze, by run date; also where a rebuild has begun to write them.
    Raises SourceUnreadableError.
    """
    keys = list(_standing(lake.keys("loads/")))
    with ThreadPoolExecutor(_READERS) as readers:
        found = list(readers.map(lambda key: _record(lake, key), keys))
    if all(record.at == _made_up(record.run_date) for record in found):
        found += _from_bronze(lake, unrecorded(lake, found))
    return sorted(found, key=lambda record: record.at)


def unrecorded(lake: Store, records: Sequence[Record]) -> list[tuple[str, date]]:
    """Entities and run dates of bronze that none of the records is about."""
    known = {(record.entity, record.run_date) for record in records}
    files = (re.fullmatch(_MANIFEST, key) for key in lake.keys("bronze/"))
    there = {(found[1], date.fromisoformat(found[2])) for found in files if found}
    return sorted(each for each in there - known if each[0] in ENTITIES)


def _standing(keys: list[str]) -> Iterator[str]:
    by_date: dict[str, list[str]] = {}
    for key in sorted(keys):  # names begin with the moment
        by_date.setdefault(key.rpartition("/")[0], []).append(key)
    for folder, names in by_date.items():
        entity = ENTITIES.get(folder.split("/")[1])
        if entity is None:  # no longer declared
            continue
        loads = [name for name in names if name.endswith(LOADED)]
        yield from loads if entity.is_static else loads[-1:]
        if names[-1].endswith(REJECTED):
            yield names[-1]


def _record(lake: Store, key: str) -> Record:
    try:
        row = json.loads(lake.read(key) or b"")
        rejected = key.endswith(REJECTED)
        return Record(
            entity=row["entity"],
            run_date=date.fromisoformat(row["run_date"]),
            at=datetime.fromisoformat(row["rejected_at" if rejected else "loaded_at"]),
            row=row,
            rejected=rejected,
        )
    except (ValueError, KeyError, TypeError):
        raise SourceUnreadableError(
            "The record of a load is not what we wrote",
            where=lake.uri(key),
            todo="restore the file from a copy of the lake, or delete it to go on without the load",
        ) from None


def _from_bronze(lake: Store, dates: Sequence[tuple[str, date]]) -> Iterator[Record]:
    for entity, run_date in dates:
        row = {"bronze_fingerprint": landed(entity, run_date, lake).fingerprint}
        yield Record(entity, run_date, _made_up(run_date), row, written=False)


def _made_up(run_date: date) -> datetime:
    """When a date counts as loaded that has no record. No load begins at that microsecond."""
    return datetime.combine(run_date, time.min, UTC)
