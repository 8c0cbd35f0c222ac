"""PostgreSQL's binary format: rows for COPY, which it reads in half the time of CSV, and arrays.

Polars makes them column by column: no value passes through Python, and no other library is needed.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

import polars as pl
from psycopg import postgres
from psycopg.adapt import Dumper
from psycopg.pq import Format

HEAD = struct.pack(">11sii", b"PGCOPY\n\xff\r\n\0", 0, 0)
END = struct.pack(">h", -1)
_NULL = pl.lit(struct.pack(">i", -1))
_SLICE_ROWS = 16_384  # what a slice's columns take stays in the processor's cache
_FIRST_DAY = (date(2000, 1, 1) - date(1970, 1, 1)).days
_FIRST_MICROSECOND = _FIRST_DAY * 86_400_000_000


def rows(frame: pl.DataFrame, types: Mapping[str, str]) -> Iterator[bytes]:
    """A frame's rows, a slice at a time; `types` are the columns' in PostgreSQL, as of `FIELDS`."""
    count = pl.lit(struct.pack(">h", frame.width))
    fields = [
        FIELDS[types[name]](pl.col(name)).fill_null(_NULL).alias(name) for name in frame.columns
    ]
    row = _flat(_joined([count, *map(pl.col, frame.columns)]))
    for part in frame.iter_slices(_SLICE_ROWS):
        # all fields first, at the same time on all processors.
        yield part.select(fields).select(row).item()


class TextArray(Dumper):
    """A series of texts, none of them null, as a `text[]` to give to a query (`%b`).

    psycopg makes one of a list, in 400 bytes of memory for each text.
    """

    format = Format.BINARY
    oid = postgres.types["text"].array_oid

    def dump(self, obj: pl.Series) -> bytes:
        """The array's head, and its elements: a length and so many bytes each, as in a row."""
        head = struct.pack(">iiIii", 1, 0, postgres.types["text"].oid, obj.len(), 1)
        elements = _flat(_text(pl.col("text")))
        parts = obj.to_frame("text").iter_slices(_SLICE_ROWS)
        return b"".join([head, *(part.select(elements).item() for part in parts)])


def _flat(column: pl.Expr) -> pl.Expr:
    """All bytes of a column, one value after the other."""
    return column.cast(pl.List(pl.UInt8)).explode().implode().cast(pl.Binary)


def _joined(parts: Sequence[pl.Expr]) -> pl.Expr:
    """Bytes one after the other, in pairs of about the same length: each is copied a few times."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return _joined(parts[:half]) + _joined(parts[half:])


def _table(before: bytes = b"") -> pl.Series:
    """Every two bytes, by the number that they are."""
    pairs = (before + pair.to_bytes(2, "big") for pair in range(1 << 16))
    return pl.Series(pairs, dtype=pl.Binary)


# numbers are put together from them: Polars writes none as bytes.
_PAIR, _SHORT = _table(), _table(b"\0\0")
_FIRST_OF = {size: _table(struct.pack(">i", size)) for size in (4, 8)}


def _number(value: pl.Expr, size: int, first: pl.Series = _PAIR) -> pl.Expr:
    """A whole number in that many bytes, the highest first."""
    pairs = [value // (1 << bits) & 0xFFFF for bits in range(8 * size - 16, -1, -16)]
    tables = (first, *[_PAIR] * len(pairs))
    return _joined([pl.lit(table).gather(pair) for table, pair in zip(tables, pairs, strict=False)])


def _sized(size: int, value: pl.Expr) -> pl.Expr:
    return _number(value, size, _FIRST_OF[size])


def _size(sizes: pl.Series) -> pl.Series:
    """Lengths in four bytes: nearly all are short."""
    if (sizes < _SHORT.len()).all():
        return _SHORT.gather(sizes)
    return sizes.to_frame("size").select(_number(pl.col("size"), 4)).to_series()


def _text(value: pl.Expr, before: bytes = b"") -> pl.Expr:
    size = value.str.len_bytes() + len(before)
    size = size.map_batches(_size, return_dtype=pl.Binary, is_elementwise=True)
    return size + (pl.lit(before) + value.cast(pl.Binary) if before else value.cast(pl.Binary))


FIELDS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "text": _text,
    "character varying": _text,
    "jsonb": lambda value: _text(value, b"\x01"),  # the version of what follows
    "date": lambda value: _sized(4, value.to_physical() - _FIRST_DAY),
    "timestamp without time zone": lambda value: _sized(
        8, value.to_physical() - _FIRST_MICROSECOND
    ),
}
