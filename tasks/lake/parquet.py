"""Parquet files in the lake, written from frames that come one by one, in bounded memory."""

from collections.abc import Iterable, Iterator
from contextvars import copy_context
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from blocks.stores.local import LocalStore
from blocks.stores.store import Store

SLICE_ROWS = 65_536  # of a row group, and of what is cleaned at a time


def write_parquet(
    frames: Iterable[pl.DataFrame], schema: pl.Schema, uri: str, store: Store
) -> None:
    """Write frames of one schema as one file, holding no more than a few of them."""
    # Polars pulls the frames from a thread of its own: they keep the caller's context variables.
    context = copy_context()
    iterator = iter(frames)

    def pulled(*_: object) -> Iterator[pl.DataFrame]:
        while (frame := context.run(next, iterator, None)) is not None:
            yield frame

    register_io_source(pulled, schema=schema).sink_parquet(
        uri,
        compression="lz4",
        row_group_size=SLICE_ROWS,
        statistics=False,
        storage_options=store.storage_options,
        engine="streaming",
    )


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
        if frame.is_empty():
            return
        self.rows += frame.height
        self._held.append(detached(frame))
        self._held_rows += frame.height
        if self._held_rows >= self._limit:
            part = self._folder / f"{self._name}-{len(self._parts)}.arrow"
            with LocalStore(self._folder).translating(part.name):
                pl.concat(self._held).write_ipc(part, compression="lz4")
            self._parts.append(part)
            self._held, self._held_rows = [], 0

    def frames(self) -> Iterator[pl.DataFrame]:
        """All that was added."""
        for part in self._parts:
            yield pl.read_ipc(part)
        yield from self._held

    def write(self, schema: pl.Schema, store: Store, key: str) -> None:
        """Write all that was added as one Parquet file."""
        with store.writing(key) as uri:
            write_parquet(self.frames(), schema, uri, store)
