"""Which rows of a file are duplicates, exactly, in memory that doesn't grow with their number."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

HELD_ROWS = 250_000

# frames of stripped columns beside a `row`, for the rows of a file that are asked for
RowsOf = Callable[[pl.Series, Sequence[str]], Iterator[pl.DataFrame]]


@dataclass(frozen=True)
class Duplicates:
    """Row numbers, sorted."""

    exact: pl.Series  # equal to an earlier row in every column
    superseded: pl.Series  # of the others: same key as a later row


def find_duplicates(
    keys: Iterator[pl.Series], key: str, columns: Sequence[str], rows_of: RowsOf
) -> Duplicates:
    """The duplicates of a file, whose stripped keys come slice by slice.

    Only hashes of keys are kept of all rows. Rows whose key's hash comes twice are compared by
    value, a bucket of them at a time. A null key equals no key, but rows without a key can be
    exact duplicates.
    """
    candidates = _repeated([_fingerprints(part) for part in keys])
    buckets = candidates.len() // HELD_ROWS + 1
    exact = _beside(rows_of, candidates, columns, "first", buckets)
    others = candidates.filter(~candidates.is_in(exact.implode())) if exact.len() else candidates
    superseded = _beside(rows_of, others, [key], "last", buckets)
    return Duplicates(exact, superseded)


def _fingerprints(keys: pl.Series) -> pl.Series:
    # half a hash: two keys that share it by chance are told apart by value later.
    return (keys.hash() & 0xFFFF_FFFF).cast(pl.UInt32)


def _repeated(parts: list[pl.Series]) -> pl.Series:
    """The positions of the values that come more than once, sorted."""
    found = [pl.Series([], dtype=pl.UInt32)]
    shares = sum(part.len() for part in parts) // HELD_ROWS + 1
    for share in range(shares):
        first, rows, values = 0, [], []
        for part in parts:
            places = (part % shares == share).arg_true()
            rows.append(places + first)
            values.append(part.gather(places))
            first += part.len()
        if values:
            value = pl.concat(values)
            ordered = value.sort()
            twice = ordered.filter(ordered == ordered.shift(1)).unique()
            if twice.len():
                found.append(pl.concat(rows).filter(value.is_in(twice.implode())))
    return pl.concat(found).sort().alias("row")


def _beside(
    rows_of: RowsOf,
    rows: pl.Series,
    columns: Sequence[str],
    keep: Literal["first", "last"],
    buckets: int,
) -> pl.Series:
    """Of those rows, the ones beside the first or last of their equals in the columns."""
    dropped = [pl.Series("row", [], pl.UInt32)]
    for bucket in range(buckets):
        held: list[pl.DataFrame] = []
        size = limit = 0
        for frame in rows_of(rows, columns):
            if keep == "last":
                frame = frame.drop_nulls(columns)
            if buckets > 1:
                frame = frame.filter(frame.select(columns).hash_rows() % buckets == bucket)
            held.append(frame)
            size += frame.height
            if size > limit + HELD_ROWS:
                held = [_kept(held, columns, keep, dropped)]
                size = limit = held[0].height
        if held:
            _kept(held, columns, keep, dropped)
    return pl.concat(dropped).sort()


def _kept(
    frames: list[pl.DataFrame],
    columns: Sequence[str],
    keep: Literal["first", "last"],
    dropped: list[pl.Series],
) -> pl.DataFrame:
    """The first or last of equal rows; the numbers of the others go to `dropped`."""
    together = pl.concat(frames)
    equals = pl.struct(columns)
    kept = equals.is_first_distinct() if keep == "first" else equals.is_last_distinct()
    split = together.with_columns(kept.alias("kept"))
    dropped.append(split.filter(~pl.col("kept"))["row"])
    return split.filter("kept").drop("kept")
