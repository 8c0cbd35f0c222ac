"""A source that is files, whatever their shape: one or many parts, packed, CSV, JSON or Parquet."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from blocks.errors import ConfigurationError, SchemaDriftError
from blocks.scratch import scratch
from blocks.stores.store import Store
from tasks.entities.labels import shown, unique_labels
from tasks.entities.model import File
from tasks.lake.parquet import Spool
from tasks.reading.csv_file import file_blocks, read_csv
from tasks.reading.json_file import read_json
from tasks.reading.ndjson_file import completed, read_ndjson
from tasks.reading.packed import unpacked
from tasks.reading.parquet_file import read_parquet
from tasks.reading.shapes import ENDINGS, FORMATS, PACKED, Shape, ending
from tasks.reading.source import Bytes, Part, Source, unreadable


@contextmanager
def read_files(
    store: Store, shape: Shape, declared: File, columns: Sequence[str]
) -> Iterator[Source]:
    """The source that lies there in this shape, opened; its frames can be read inside the block.

    `columns` are the labels of a JSON without records, which names none itself.
    Raises SourceUnreadableError, SchemaDriftError, ConfigurationError.
    """
    formats = {_format(store, key)[0] for key in shape.parts}
    if len(formats) > 1:
        raise unreadable(
            f"The folder holds parts of several formats: {', '.join(sorted(formats))}",
            store.uri(shape.key),
            "leave those of one format there",
        )
    with scratch() as folder:
        labels = () if shape.is_folder else columns
        opened = (
            _read(store, key, declared, labels, Path(folder, str(number)))
            for number, key in enumerate(shape.parts)
        )
        if not shape.is_folder:
            yield next(opened)
        elif formats <= {"json", "ndjson"}:
            # what is null in a whole part may be named in another.
            yield _joined(store, shape, opened, columns, Spool(folder, "parts"))
        else:
            yield _one_after_another(store, shape, opened)


def _format(store: Store, key: str) -> tuple[str, str]:
    """Format and packing, by the ending."""
    known = ENDINGS.get(ending(key).lower())
    if not known:
        raise ConfigurationError(
            f"Files of the kind {Path(key).suffix or 'without ending'!r} are not read",
            where=store.uri(key),
            todo=f"give a file that ends in {', '.join(FORMATS)}, "
            f"all but Parquet also with {' or '.join(PACKED)} after it",
        )
    return known


def _read(store: Store, key: str, declared: File, columns: Sequence[str], folder: Path) -> Source:
    kind, packed = _format(store, key)
    where = store.uri(key)
    folder.mkdir()
    path = store.local_copy(key, folder)
    content = Bytes(file_blocks(path), unpacked(packed, where))
    if kind == "csv":
        source = read_csv(content, where, declared.delimiter, declared.encoding)
    elif kind == "json":
        source = read_json(content, where, columns)
    elif kind == "ndjson":
        source = read_ndjson(content, where, columns, str(folder))
    else:
        source = read_parquet(path, content, where)
    source.frames = _then_removed(source.frames, path, folder)
    return source


def _then_removed(
    frames: Iterator[pl.DataFrame], path: Path, folder: Path
) -> Iterator[pl.DataFrame]:
    """The frames; a downloaded file goes when they are read, so that the parts need not all fit."""
    yield from frames
    if path.is_relative_to(folder):
        path.unlink(missing_ok=True)


@dataclass
class _Total:
    """Size and fingerprint of all parts: of one that changes, moves or goes it is another."""

    parts: list[Part] = field(default_factory=list)

    def add(self, source: Source) -> None:
        self.parts.append(Part(source.address, source.bytes.size, source.bytes.fingerprint))

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256("".join(part.fingerprint for part in self.parts).encode()).hexdigest()


def _one_after_another(store: Store, shape: Shape, opened: Iterator[Source]) -> Source:
    """Parts whose columns are the first one's, in whatever order."""
    total = _Total()
    first = next(opened)
    whole = Source(store.uri(shape.key), total, first.labels, iter(()), parts=total.parts)
    names = unique_labels(first.labels)

    def frames() -> Iterator[pl.DataFrame]:
        part: Source | None = first
        while part:
            _refuse_other_columns(first, part)
            yield from (frame[names] for frame in part.frames)
            total.add(part)
            whole.headers_again += part.headers_again
            part = next(opened, None)

    whole.frames = frames()
    return whole


def _refuse_other_columns(first: Source, part: Source) -> None:
    if sorted(first.labels) != sorted(part.labels):
        missing = shown((Counter(first.labels) - Counter(part.labels)).elements())
        more = shown((Counter(part.labels) - Counter(first.labels)).elements())
        raise SchemaDriftError(
            "A part has other columns than the first one: "
            f"missing {missing or 'none'}, more {more or 'none'}",
            where=part.address,
            todo="ask the source's owner for parts of the same columns; nothing was taken over",
        )


def _joined(
    store: Store, shape: Shape, opened: Iterator[Source], columns: Sequence[str], spool: Spool
) -> Source:
    """Parts of which each may leave out columns that it has no value for."""
    total = _Total()
    labels: dict[str, None] = {}
    for part in opened:
        labels.update(dict.fromkeys(part.labels))
        for frame in part.frames:
            spool.add(frame)
        total.add(part)
    names = list(labels) or list(columns)
    frames = completed(spool.frames(), names)
    return Source(store.uri(shape.key), total, names, frames, parts=total.parts)
