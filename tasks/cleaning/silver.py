"""Bronze → silver: what every row becomes (docs/contract.md#order), slice by slice."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from blocks.ahead import ahead
from blocks.errors import TerminalError
from blocks.resources import Resources
from blocks.scratch import scratch
from blocks.stores.store import Store
from tasks.cleaning import rules
from tasks.cleaning.duplicates import Duplicates, find_duplicates
from tasks.cleaning.erased import without_people
from tasks.entities.model import Entity
from tasks.entities.references import Bronze, Silver
from tasks.lake.bronze import MADE, bronze_rows
from tasks.lake.erasures import Erasures, remembered
from tasks.lake.parquet import SLICE_ROWS, Spool, detached, reading, within, write_parquet

_TEXT = pl.String()
PROBLEMS = pl.Schema(
    {"source_row": pl.Int64(), "record_key": _TEXT, "field": _TEXT, "original_value": _TEXT}
)
REJECTS = pl.Schema(
    {"source_row": pl.Int64()} | dict.fromkeys(("issue", "reason", "record_key", "record"), _TEXT)
)


def refine(
    entity: Entity,
    bronze: Bronze,
    resources: Resources,
    on_rows: Callable[[int], None] | None = None,
) -> Silver:
    """Clean a bronze file into silver rows, field problems and rejected rows, one file each.

    `on_rows` hears how many more rows were cleaned.
    """
    started = time.perf_counter()
    lake = resources.lake
    keys = {folder: f"{folder}/{entity.name}/{bronze.run_date}.parquet" for folder in MADE}
    source = _BronzeFile(entity, bronze, lake, remembered(resources))
    duplicates = find_duplicates(
        source.key_hashes(), entity.key, [f.name for f in entity.fields], source.rows_of
    )
    with scratch() as folder:
        problems = Spool(folder, "problems")
        rejects = Spool(folder, "rejects")
        counts = {"rows": 0, "missing_key": 0}

        def frames() -> Iterator[pl.DataFrame]:
            for rows in ahead(_sorted_out(entity, raw, duplicates) for raw in source.slices()):
                rejects.add(rows.rejected)
                clean = _typed(entity, rows.text)
                problems.add(_problems(entity, rows, clean))
                counts["rows"] += clean.height
                counts["missing_key"] += rows.missing_key
                if on_rows:
                    on_rows(rows.raw.height)
                yield clean

        schema = pl.Schema({**rules.schema(entity), "source_row": pl.Int64()})
        with lake.writing(keys["silver"]) as uri:
            write_parquet(frames(), schema, uri, lake, bronze.fingerprint)
        problems.write(PROBLEMS, lake, keys["problems"], bronze.fingerprint)
        rejects.write(REJECTS, lake, keys["rejects"], bronze.fingerprint)
    return Silver(
        entity=entity.name,
        run_date=bronze.run_date,
        key=keys["silver"],
        problems_key=keys["problems"],
        rejects_key=keys["rejects"],
        bronze_key=bronze.key,
        fingerprint=bronze.fingerprint,
        rows_read=bronze.rows,
        exact_duplicates=duplicates.exact.len(),
        missing_key=counts["missing_key"],
        duplicate_key=duplicates.superseded.len(),
        rows=counts["rows"],
        field_problems=problems.rows,
        ingest_seconds=bronze.seconds,
        seconds=time.perf_counter() - started,
    )


class _BronzeFile:
    """A bronze file's contract columns under their canonical names."""

    def __init__(self, entity: Entity, bronze: Bronze, lake: Store, erasures: Erasures) -> None:
        self._entity = entity
        self._rows = bronze.rows
        self._lake, self._file = lake, bronze.key
        self._scan = bronze_rows(entity, bronze.run_date, bronze.key, lake)
        self._erasures = erasures
        rows = self._read(self._scan.select(pl.len())).item()
        if rows != bronze.rows:
            raise TerminalError(
                f"The bronze file holds {rows} rows, not the {bronze.rows} that were landed",
                where=lake.uri(bronze.key),
                todo="another run replaced it meanwhile: run this date again; if it says so again, "
                "the file is damaged: restore it from a copy of the lake",
            )

    def slices(self) -> Iterator[pl.DataFrame]:
        """All rows as they are, with their `source_row`."""
        for first, part in self._parts():
            frame, _ = without_people(self._entity, self._read(part), self._erasures)
            yield frame.with_columns(
                pl.int_range(first, first + pl.len(), dtype=pl.Int64).alias("source_row")
            )

    def key_hashes(self) -> pl.Series:
        """Half a hash of every row's stripped key: two keys may have the same by chance."""
        key = rules.stripped(self._entity, self._entity.key)
        half = (key.hash() & 0xFFFF_FFFF).cast(pl.UInt32)
        parts = [self._read(part.select(half)).to_series() for _, part in self._parts()]
        return pl.concat([pl.Series([], dtype=pl.UInt32), *parts])

    def rows_of(self, rows: pl.Series, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Stripped columns with their `row`, for some rows, in order."""
        stripped = [rules.stripped(self._entity, column) for column in columns]
        for first, part in self._parts():
            here = within(rows, first, SLICE_ROWS)
            if here.len():
                picked = self._read(part.select(columns))[here - first]
                yield detached(picked.select(here.alias("row"), *stripped))

    def _parts(self) -> Iterator[tuple[int, pl.LazyFrame]]:
        """The whole file, in parts; each with the number of its first row.

        Read as a whole, Polars would read far ahead, and hold what it read.
        """
        for first in range(0, self._rows, SLICE_ROWS):
            yield first, self._scan.slice(first, SLICE_ROWS)

    def _read(self, scan: pl.LazyFrame) -> pl.DataFrame:
        with reading(self._lake, self._file):
            return scan.collect()


@dataclass
class _Rows:
    """A slice, sorted out: the rows that go on, and those that don't."""

    raw: pl.DataFrame  # as they came, all of them
    text: pl.DataFrame  # those that go on, stripped
    rejected: pl.DataFrame
    missing_key: int


def _sorted_out(entity: Entity, raw: pl.DataFrame, duplicates: Duplicates) -> _Rows:
    text = raw.with_columns(rules.stripped(entity, f.name) for f in entity.fields)
    first = raw["source_row"][0]
    exact = within(duplicates.exact, first, raw.height)
    superseded = within(duplicates.superseded, first, raw.height)
    missing = text[entity.key].is_null()
    if not (exact.len() or superseded.len() or missing.any()):
        return _Rows(raw, text, REJECTS.to_frame(), 0)
    row = raw["source_row"]
    is_exact = row.is_in(exact.cast(pl.Int64).implode())
    is_missing = missing & ~is_exact
    is_superseded = row.is_in(superseded.cast(pl.Int64).implode())
    rejected = is_missing | is_superseded
    stays = ~(is_exact | rejected)
    return _Rows(
        raw,
        text.filter(stays),
        _rejected(entity, raw.filter(rejected), text[entity.key].filter(rejected)),
        int(is_missing.sum()),
    )


def _rejected(entity: Entity, raw: pl.DataFrame, keys: pl.Series) -> pl.DataFrame:
    """Rows that go no further, with their original values."""
    without_key = pl.col("record_key").is_null()
    superseded = f"a later row of the same day has the same {entity.key}"
    return raw.with_columns(record_key=keys).select(
        "source_row",
        issue=pl.when(without_key).then(pl.lit("missing_key")).otherwise(pl.lit("duplicate_key")),
        reason=pl.when(without_key)
        .then(pl.lit(f"{entity.key} is empty"))
        .otherwise(pl.lit(superseded)),
        record_key="record_key",
        record=pl.struct(f.name for f in entity.fields).struct.json_encode(),
    )


def _typed(entity: Entity, text: pl.DataFrame) -> pl.DataFrame:
    """Canonical columns, cleaned, and `source_row`."""
    clean = text.select(*(rules.cleaned(f) for f in entity.fields), "source_row")
    for field in entity.fields:
        if field.not_before:
            early = pl.col(field.name) < pl.col(field.not_before)
            clean = clean.with_columns(
                pl.when(early.fill_null(False))
                .then(None)
                .otherwise(pl.col(field.name))
                .alias(field.name)
            )
    derived = (rules.derived(column).alias(column.name) for column in entity.derived)
    return clean.with_columns(derived).select(*entity.columns, "source_row")


def _problems(entity: Entity, rows: _Rows, clean: pl.DataFrame) -> pl.DataFrame:
    """The values that could not be cleaned, by row and then in contract order."""
    checked = [(f.name, f.name) for f in entity.fields]
    checked += [(d.name, d.of) for d in entity.derived if d.reported]
    first, found = rows.raw["source_row"][0], []
    for field, origin in checked:
        lost = clean[field].is_null() & rows.text[origin].is_not_null()
        if lost.any():
            source_row = clean["source_row"].filter(lost)
            found.append(
                pl.DataFrame(
                    {
                        "source_row": source_row,
                        "record_key": clean[entity.key].filter(lost),
                        "field": field,
                        "original_value": rows.raw[origin].gather(source_row - first),
                    },
                    schema=PROBLEMS,
                )
            )
    if not found:
        return PROBLEMS.to_frame()
    return pl.concat(found).sort("source_row", maintain_order=True)
