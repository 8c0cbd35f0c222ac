"""A JSON record a line, in memory that doesn't grow with their number."""

from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from tasks.lake.parquet import SLICE_ROWS, Spool
from tasks.reading.csv_file import MAX_RECORD_BYTES
from tasks.reading.json_file import by_record, decoded, frame_of, records_of
from tasks.reading.source import Source, looks_like, measured, other_than, unreadable


def read_ndjson(blocks: Iterable[bytes], where: str, columns: Sequence[str], folder: str) -> Source:
    """Records of a stream, opened: what the first ones don't name, a later one may.

    So all are parsed before the first is given; `folder` keeps what is too much for memory.
    `columns` are the labels of a day without records; a part of a folder has none, and may be
    empty. Raises SourceUnreadableError.
    """
    content = measured(blocks)
    spool = Spool(folder, "records")
    labels: dict[str, None] = {}
    for number, lines in _lines(content, where):
        try:
            records = records_of(lines, number, where)
            values = by_record(records, where, number)
            # records that name nothing are rows, too.
            frame = frame_of(values, where) if values else pl.DataFrame(height=len(records))
        except RecursionError:
            raise unreadable("Not a table: the JSON is nested too deep", where) from None
        labels.update(dict.fromkeys(values))
        spool.add(frame)
    if columns and not content.size:
        raise unreadable("The file is empty", where)
    names = list(labels) or list(columns)
    return Source(where, content, names, completed(spool.frames(), names))


def completed(frames: Iterable[pl.DataFrame], names: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Frames with all of these columns: null where one has none."""
    missing = pl.lit(None, pl.String)
    for frame in frames:
        there = set(frame.columns)
        whole = frame.with_columns(missing.alias(n) for n in names if n not in there)
        yield from whole[list(names)].iter_slices(SLICE_ROWS)


def _lines(blocks: Iterable[bytes], where: str) -> Iterator[tuple[int, list[str]]]:
    """Whole lines, some at a time, and the number of the first one."""
    rest, number = b"", 1
    for block in blocks:
        if number == 1 and not rest and (kind := looks_like(block)) and kind != "JSON":
            raise other_than("JSON", kind, where)
        end = block.rfind(b"\n") + 1
        if not end:
            rest += block
            if len(rest) > MAX_RECORD_BYTES:
                size = f"{MAX_RECORD_BYTES >> 20} MB"
                raise unreadable(f"A line is over {size}", f"{where}, line {number}")
            continue
        lines = decoded(rest + block[:end], where, number).split("\n")
        yield number, lines
        number += len(lines) - 1
        rest = block[end:]
    if rest:
        yield number, decoded(rest, where, number).split("\n")
