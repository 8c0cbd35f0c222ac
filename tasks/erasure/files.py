"""The lake without erased people: bronze rewritten, what is made from it removed."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import date
from typing import Any

import polars as pl

from blocks.errors import SchemaDriftError, SourceUnreadableError
from blocks.resources import Resources
from blocks.stores.store import Store
from tasks.cleaning.erased import identifying_values, of_erased, source_without_people
from tasks.entities.contracts import ENTITIES
from tasks.entities.model import Entity
from tasks.lake.bronze import MADE, bronze_rows, manifest_of
from tasks.lake.erasures import Erasures
from tasks.lake.parquet import SLICE_ROWS, reading, scan, write_parquet
from tasks.loading import locks

_UNREADABLE = (SourceUnreadableError, SchemaDriftError)  # damaged, or not a file of ours
_DAY = re.compile(r"/\.?(\d{4}-\d\d-\d\d)\.")


def identifying_values_in_files(
    entity: Entity, erasures: Erasures, lake: Store
) -> set[tuple[str, ...]]:
    """By what rows without a key are known to be of erased people, as the bronze files have it."""
    found = set()
    for key in lake.keys(f"bronze/{entity.name}/"):
        if not key.endswith(".parquet"):
            continue
        with suppress(*_UNREADABLE), reading(lake, key):  # erase_files names it
            rows = bronze_rows(entity, _run_date(key), key, lake).collect()
            found |= identifying_values(entity, rows, erasures)
    return found


def erase_files(static: Entity, erasures: Erasures, resources: Resources) -> Counter[str]:
    """Rewrite bronze without the erased people of a static entity; how much was found where.

    In bronze these are rows. Of what is made from bronze, and of what killed runs left half
    written, whole files go. Killed, it is completed by another call. Whoever calls holds the lock
    of runs that load static data; a run at work on a channel's day is waited for. Raises
    SourceUnreadableError in the end for bronze files that can't be read.
    """
    found: Counter[str] = Counter()
    unreadable: list[str] = []
    for entity in (e for e in ENTITIES.values() if e is static or static in e.references.values()):
        bronze = _by_day(f"bronze/{entity.name}/", resources.lake)
        made = [_by_day(f"{layer}/{entity.name}/", resources.lake) for layer in MADE]
        for day in sorted({day for keys in (bronze, *made) for day in keys}):
            files = [key for key in bronze.get(day, ()) if key.endswith(".parquet")]
            rewrite, damaged = [], []
            for key in files:
                try:
                    if _has_more_to_erase(entity, key, erasures, resources):
                        _manifest(resources.lake, key)
                        rewrite.append(key)
                except _UNREADABLE:
                    damaged.append(key)
            unreadable += damaged
            # without bronze nothing says whose rows they have.
            gone = rewrite or damaged or not files
            drop = [key for keys in made for key in keys.get(day, ()) if gone]
            drop += [
                k for keys in (bronze, *made) for k in keys.get(day, ()) if k.endswith("/part")
            ]
            if not (rewrite or drop):
                continue
            with _alone(entity, day, resources):
                for key in dict.fromkeys(drop):
                    found[key.partition("/")[0] if "/." not in key else "half-written"] += 1
                    resources.lake.delete(key)
                for key in rewrite:
                    found["bronze"] += _rewrite(entity, key, erasures, resources)
    if unreadable:
        raise SourceUnreadableError(
            f"{len(unreadable)} bronze file{'s' * (len(unreadable) > 1)} can't be read, and may "
            "have erased people; of the others' rows, and of files made from them, "
            f"{found.total():,} are erased",
            where=", ".join(map(resources.lake.uri, unreadable)),
            todo="restore each from a copy of the lake, or delete it with its manifest and the "
            "records of its load below loads/; then erase again, with the same ids",
        )
    return found


def _by_day(folder: str, lake: Store) -> dict[date, list[str]]:
    """A folder's files by run date, with those that a killed writer left."""
    found: dict[date, list[str]] = defaultdict(list)
    for key in lake.keys(folder):
        if named := _DAY.search(key):
            found[date.fromisoformat(named[1])].append(key)
    return found


def _alone(entity: Entity, day: date, resources: Resources) -> AbstractContextManager[None]:
    if entity.is_static:
        return nullcontext()
    return locks.held(resources.warehouse_dsn, "run date", day, wait=True)


def _has_more_to_erase(entity: Entity, key: str, erasures: Erasures, resources: Resources) -> bool:
    day, lake = _run_date(key), resources.lake
    ours = bronze_rows(entity, day, key, lake)
    if not entity.is_static:  # most of a channel's days have none of them: the keys tell
        with reading(lake, key):
            keys = ours.select(entity.keys).collect()
        if of_erased(entity, keys, erasures).is_empty():
            return False
    return any(
        not source_without_people(entity, day, rows, erasures)[0].equals(rows)
        for rows in _slices(lake, key)
    )


def _rewrite(entity: Entity, key: str, erasures: Erasures, resources: Resources) -> int:
    """Rewrite a bronze file and its manifest; how many of its rows have changed."""
    day, lake = _run_date(key), resources.lake
    schema = next(_slices(lake, key)).schema
    erased = changed = 0

    def kept() -> Iterator[pl.DataFrame]:
        nonlocal erased, changed
        for rows in _slices(lake, key):
            frame, theirs = source_without_people(entity, day, rows, erasures)
            erased += theirs.len()
            changed += int((frame.hash_rows() != rows.hash_rows()).sum())
            yield frame

    with lake.writing(key) as uri:
        write_parquet(kept(), schema, uri, lake)
        if said := _manifest(lake, key):
            said["erased_rows"] = erased
            lake.write(manifest_of(key), json.dumps(said, indent=2, ensure_ascii=False).encode())
    return changed


def _manifest(lake: Store, key: str) -> dict[str, Any]:
    """What a bronze file's manifest says, nothing without one. Raises SourceUnreadableError."""
    try:
        return {**json.loads(lake.read(manifest_of(key)) or b"{}")}
    except (ValueError, TypeError):
        raise SourceUnreadableError(
            "The manifest is not what we wrote", where=lake.uri(manifest_of(key))
        ) from None


def _slices(lake: Store, key: str) -> Iterator[pl.DataFrame]:
    with reading(lake, key):
        rows = scan(lake, key)
        for first in range(0, rows.select(pl.len()).collect().item(), SLICE_ROWS):
            yield rows.slice(first, SLICE_ROWS).collect()


def _run_date(key: str) -> date:
    return date.fromisoformat(key.rpartition("/")[2][:10])
