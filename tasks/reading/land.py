"""Source → bronze: a source of a run date lands in the lake, unchanged in content, as text."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime

import polars as pl

from blocks.database import connect
from blocks.resources import Resources
from blocks.sheets import as_csv, is_sheet
from tasks.cleaning.erased import source_identifying_values, source_without_people
from tasks.entities.columns import match_columns
from tasks.entities.labels import shown, unique_labels
from tasks.entities.model import Entity, Table
from tasks.entities.references import Bronze
from tasks.lake.bronze import bronze_keys, keep_earlier
from tasks.lake.erasures import remember, remembered
from tasks.lake.parquet import write_parquet
from tasks.reading.csv_file import read_csv
from tasks.reading.files import read_files
from tasks.reading.shapes import find
from tasks.reading.source import Source
from tasks.reading.table import read_table


class _LearnedError(Exception):
    """A source shows what else identifies rows of erased people: it is read again."""


def land(
    entity: Entity,
    run_date: date,
    resources: Resources,
    flow_run_id: str = "",
    on_rows: Callable[[int], None] | None = None,
) -> Bronze:
    """Land the source of a run date in the lake, with its manifest (docs/contract.md#bronze).

    `on_rows` hears how many more rows were read. Both files are replaced, or neither is touched;
    the manifest is there only when the data it describes is. Another delivery of the date that was
    there before is kept (docs/contract.md#kept).
    Raises SourceMissingError, SourceUnreadableError, SchemaDriftError, ConfigurationError.
    """
    started = time.perf_counter()
    lake = resources.lake
    key, manifest_key = bronze_keys(entity.name, run_date)
    with _opened(entity, run_date, resources) as source:
        unexpected = match_columns(entity, run_date, source.labels, source.address).unexpected
        rows = erased = 0
        erasures = remembered(resources)
        identities: set[tuple[str, ...]] = set()
        schema = pl.Schema(dict.fromkeys(unique_labels(source.labels), pl.String()))

        def counted() -> Iterator[pl.DataFrame]:
            nonlocal rows, erased
            for frame in source.frames:
                rows += frame.height
                if on_rows:
                    on_rows(frame.height)
                identities.update(source_identifying_values(entity, run_date, frame, erasures))
                kept, theirs = source_without_people(entity, run_date, frame, erasures)
                erased += theirs.len()
                yield kept

        try:
            with lake.writing(key) as uri:
                write_parquet(counted(), schema, uri, lake)
                # before the rows that tell it are gone.
                if identities and remember(entity.name, identities, resources) != erasures:
                    raise _LearnedError
                keep_earlier(entity.name, run_date, lake, source.bytes.fingerprint)
                lake.delete(manifest_key)
        except _LearnedError:
            return land(entity, run_date, resources, flow_run_id)
    manifest = {
        "entity": entity.name,
        "run_date": run_date.isoformat(),
        "source": source.address,
        "fingerprint": source.bytes.fingerprint,
        "rows": rows,
        "erased_rows": erased,
        "headers_again": source.headers_again,
        "bytes": source.bytes.size,
        "columns": source.labels,
        "unexpected_columns": unexpected,
        "parts": [asdict(part) for part in source.parts],
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "flow_run_id": flow_run_id,
    }
    lake.write(manifest_key, json.dumps(manifest, indent=2, ensure_ascii=False).encode())
    return Bronze(
        entity=entity.name,
        run_date=run_date,
        key=key,
        source=source.address,
        fingerprint=source.bytes.fingerprint,
        rows=rows,
        unexpected_columns=unexpected,
        warnings=_warnings(entity, source, rows, unexpected),
        seconds=time.perf_counter() - started,
    )


def looked_into(entity: Entity, run_date: date, resources: Resources) -> str:
    """That the source of a run date is there, can be read and has the columns; of its rows nothing.

    Raises as `land` does.
    """
    with _opened(entity, run_date, resources) as source:
        match_columns(entity, run_date, source.labels, source.address)
        return f"{source.address} is there, and has its columns"


def _warnings(
    entity: Entity, source: Source, rows: int, unexpected: tuple[str, ...]
) -> tuple[str, ...]:
    address, again = source.address, source.headers_again
    warnings = []
    if not rows:
        warnings.append(f"{entity.name}: no rows, only the header ({address})")
    if unexpected:
        warnings.append(
            f"{entity.name}: unexpected columns kept out: {shown(unexpected)} ({address})"
        )
    if again:
        times = f"{again:,} more time{'s' * (again > 1)}"
        warnings.append(f"{entity.name}: the header stood {times}, left out ({address})")
    return tuple(warnings)


@contextmanager
def _opened(entity: Entity, run_date: date, resources: Resources) -> Iterator[Source]:
    """The entity's source of a run date; its frames can be read inside the block."""
    declared, name = entity.source, entity.source_on(run_date)
    if isinstance(declared, Table):
        with (
            connect(resources.web_forms_dsn, purpose=f"read {entity.name}") as connection,
            read_table(connection, declared.schema, name) as source,
        ):
            yield source
        return
    store, key, exact = resources.source, name, False
    if declared.setting and (url := getattr(resources, declared.setting)):
        if is_sheet(url):
            yield read_csv([as_csv(url, resources.sheet_credentials)], url)
            return
        (store, key), exact = resources.located(url), True
    shape = find(store, key, exact=exact)
    with read_files(store, shape, declared, [f.source_label for f in entity.fields]) as source:
        yield source
