"""Which rows of a file are duplicates, exactly, in a few bytes of memory for each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from blocks.scratch import scratch
from tasks.lake.parquet import Spool

HELD_ROWS = 250_000

# frames of stripped columns with a `row`, for the rows of a file that are asked for
RowsOf = Callable[[pl.Series, Sequence[str]], Iterator[pl.DataFrame]]


@dataclass(frozen=True)
class Duplicates:
    """Row numbers, sorted."""

    exact: pl.Series  # equal to an earlier row in every column
    superseded: pl.Series  # of the others: same key as a later row


def find_duplicates(
    hashes: pl.Series, key: str, columns: Sequence[str], rows_of: RowsOf
) -> Duplicates:
    """The duplicates of a file, from the hashes of its stripped keys.

    These are all that is held of every row. Rows whose key's hash comes twice are compared by
    value: in memory, or a bucket of them at a time once they are many. A null key equals no key,
    but rows without a key can be exact duplicates.
    """
    candidates = _repeated(hashes)
    buckets = candidates.len() // HELD_ROWS + 1
    exact = _all_but_one(rows_of(candidates, columns), columns, "first", buckets)
    others = candidates.filter(~candidates.is_in(exact.implode())) if exact.len() else candidates
    with_key = (frame.drop_nulls(key) for frame in rows_of(others, [key]))
    superseded = _all_but_one(with_key, [key], "last", buckets)
    return Duplicates(exact, superseded)


def _repeated(values: pl.Series) -> pl.Series:
    """The positions of the values that come more than once, sorted."""
    ordered = values.sort()
    twice = ordered.filter(ordered == ordered.shift(1)).unique()
    return values.is_in(twice.implode()).arg_true().alias("row")


def _all_but_one(
    frames: Iterator[pl.DataFrame],
    columns: Sequence[str],
    keep: Literal["first", "last"],
    buckets: int,
) -> pl.Series:
    """The `row` of all rows but the first or last of those that are equal in the columns."""
    if buckets == 1:
        return pl.concat(_dropped(frames, columns, keep)).sort()
    with scratch() as folder:
        spools = [Spool(folder, str(i), HELD_ROWS // buckets) for i in range(buckets)]
        for frame in frames:
            bucket = frame.select(columns).hash_rows() % buckets
            for number, spool in enumerate(spools):
                spool.add(frame.filter(bucket == number))
        found = [row for s in spools for row in _dropped(s.frames(), columns, keep)]
    return pl.concat(found).sort()


def _dropped(
    frames: Iterator[pl.DataFrame], columns: Sequence[str], keep: Literal["first", "last"]
) -> list[pl.Series]:
    equals = pl.struct(columns)
    kept = equals.is_first_distinct() if keep == "first" else equals.is_last_distinct()
    found = [pl.Series("row", [], pl.UInt32)]
    held: list[pl.DataFrame] = []
    size = limit = 0

    def sort_out() -> None:
        split = pl.concat(held).with_columns(kept.alias("kept"))
        found.append(split.filter(~pl.col("kept"))["row"])
        held[:] = [split.filter("kept").drop("kept")]

    for frame in frames:
        held.append(frame)
        size += frame.height
        if size > limit + HELD_ROWS:
            sort_out()
            size = limit = held[0].height
    if held:
        sort_out()
    return found
