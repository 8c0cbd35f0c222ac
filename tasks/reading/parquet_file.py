"""Parquet as text: each value as SQL would show it."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from tasks.lake.parquet import SLICE_ROWS
from tasks.reading.source import Bytes, Source, refuse_nul_in, unreadable

_SECONDS = "%Y-%m-%d %H:%M:%S%.f"


def read_parquet(path: Path, content: Bytes, where: str) -> Source:
    """A Parquet file on disk, opened; `content` is what its bytes are counted by.

    Raises SourceUnreadableError, here or while its frames are read.
    """
    try:
        scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        schema = scan.collect_schema()
    except pl.exceptions.PolarsError:
        raise _damaged(where) from None
    # by place: of a name such as `*` Polars makes all columns.
    text = [shown(pl.nth(i), kind).alias(name) for i, (name, kind) in enumerate(schema.items())]

    def frames() -> Iterator[pl.DataFrame]:
        try:
            for frame in scan.select(text).collect_batches(chunk_size=SLICE_ROWS):
                refuse_nul_in(frame, where)
                yield frame
        except pl.exceptions.PolarsError:
            raise _damaged(where) from None
        for _ in content:
            pass

    return Source(where, content, schema.names(), frames())


def _damaged(where: str) -> Exception:
    # without Polars' text: it may quote a value.
    return unreadable("Not Parquet, damaged, or with a column of bytes that aren't text", where)


def shown(value: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """A column as the text that SQL shows: docs/contract.md#shapes."""
    if kind.is_float():
        whole = value.is_finite() & (value == value.round()) & (value.abs() < 1e15)
        return (
            pl.when(value.is_nan())
            .then(pl.lit("NaN"))
            .when(value.is_infinite())
            .then(pl.when(value > 0).then(pl.lit("Infinity")).otherwise(pl.lit("-Infinity")))
            .when(whole)
            .then(value.cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(value.cast(pl.String))
        )
    if isinstance(kind, pl.Datetime):
        text = value.dt.convert_time_zone("UTC") if kind.time_zone else value
        text = text.dt.strftime(_SECONDS).str.replace(r"(\.[0-9]*?)0+$", "${1}")
        return text + "+00" if kind.time_zone else text
    if isinstance(kind, pl.Time):
        return value.dt.strftime("%H:%M:%S%.f").str.replace(r"(\.[0-9]*?)0+$", "${1}")
    if kind.is_nested():
        # Polars writes structs as JSON, not lists: each is the one field of a struct.
        alone = pl.struct(value.alias("v")).struct.json_encode()
        return pl.when(value.is_not_null()).then(alone.str.slice(5, alone.str.len_chars() - 6))
    return value.cast(pl.String)
