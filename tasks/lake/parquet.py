"""Parquet files in the lake, written from frames that come one by one, in bounded memory."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from blocks.errors import SourceUnreadableError, TerminalError
from blocks.stores.local import LocalStore
from blocks.stores.store import Store

MADE_FROM = "coretelecoms.bronze"  # in a file's own metadata: the fingerprint of its source
SLICE_ROWS = 131_072  # of what is cleaned at a time
# Polars makes a dictionary of a column unless three quarters of a row group's values differ. At the
# seconds of a day it is work for nothing: of twice as many rows a little less than that differ.
_GROUP_ROWS = 32_768


class FileReplacedError(TerminalError):
    """A file in the lake isn't the one that its reference was made of."""


def write_parquet(
    frames: Iterable[pl.DataFrame], schema: pl.Schema, uri: str, store: Store, made_from: str = ""
) -> None:
    """Write frames of one schema as one file, holding no more than a few of them.

    `made_from`: the fingerprint of the source that the rows come from, kept in the file.
    """
    # Polars pulls the frames from a thread of its own: they keep the caller's context variables.
    context = copy_context()
    iterator = iter(frames)

    def pulled(*_: object) -> Iterator[pl.DataFrame]:
        while (frame := context.run(next, iterator, None)) is not None:
            yield frame

    register_io_source(pulled, schema=schema).sink_parquet(
        uri,
        compression="lz4",
        row_group_size=_GROUP_ROWS,
        statistics=False,
        metadata={MADE_FROM: made_from},
        storage_options=store.storage_options,
        engine="streaming",
    )


def scan(store: Store, key: str) -> pl.LazyFrame:
    """A Parquet file of a store; read it within `reading`."""
    return pl.scan_parquet(store.uri(key), storage_options=store.storage_options, glob=False)


@contextmanager
def reading(store: Store, key: str) -> Iterator[None]:
    """Turn what Polars or Python meet at a file of the lake within the block into our errors."""
    try:
        with store.translating(key):
            yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        # without its text: it may quote what stands in the file.
        raise SourceUnreadableError(
            "The file of the lake is damaged, or not one that this pipeline wrote",
            where=store.uri(key),
            todo="load the date again from its source (--force in a backfill)",
        ) from None


def made_from(store: Store, key: str) -> str:
    """The fingerprint of the source that a file's rows come from."""
    with reading(store, key):
        options = store.storage_options
        metadata = pl.read_parquet_metadata(store.uri(key), storage_options=options)
    return metadata.get(MADE_FROM, "")


def within(rows: pl.Series, first: int, count: int) -> pl.Series:
    """Of sorted row numbers, those of one slice."""
    start, end = rows.search_sorted(first), rows.search_sorted(first + count)
    return rows.slice(start, end - start)


def detached(frame: pl.DataFrame) -> pl.DataFrame:
    """The same frame with strings of its own.

    Rows picked from a frame share its strings, and keep all of them in memory as long as they live.
    """
    return frame.with_columns(pl.col(pl.String) + "")


class Spool:
    """Frames kept for later, in order: in memory while they are few, then in files of a folder."""

    def __init__(self, folder: str, name: str, held_rows: int = SLICE_ROWS) -> None:
        self.rows = 0
        self._folder, self._name, self._limit = Path(folder), name, held_rows
        self._held: list[pl.DataFrame] = []
        self._held_rows = 0
        self._parts: list[Path] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Keep one more frame."""
        if not frame.height:
            return
        self.rows += frame.height
        self._held.append(detached(frame))
        self._held_rows += frame.height
        if self._held_rows >= self._limit:
            part = self._folder / f"{self._name}-{len(self._parts)}.arrow"
            with LocalStore(self._folder).translating(part.name):
                pl.concat(self._held, how="diagonal").write_ipc(part, compression="lz4")
            self._parts.append(part)
            self._held, self._held_rows = [], 0

    def frames(self) -> Iterator[pl.DataFrame]:
        """All that was added."""
        for part in self._parts:
            yield pl.read_ipc(part)
        yield from self._held

    def write(self, schema: pl.Schema, store: Store, key: str, made_from: str) -> None:
        """Write all that was added as one Parquet file."""
        with store.writing(key) as uri:
            write_parquet(self.frames(), schema, uri, store, made_from)
