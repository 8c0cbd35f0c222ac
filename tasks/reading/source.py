"""What every reader of a source gives: its labels, and its rows as text in file order."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from blocks.errors import SourceUnreadableError


class Measured(Protocol):
    """What a source's manifest says of its bytes."""

    @property
    def size(self) -> int:
        """How many bytes passed so far."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that passed so far."""


@dataclass
class Bytes:
    """A source's bytes, passed on block by block: counted and hashed as stored, then unpacked."""

    blocks: Iterable[bytes]
    unpack: Callable[[Iterator[bytes]], Iterator[bytes]] = iter
    size: int = 0
    _hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def __iter__(self) -> Iterator[bytes]:
        return self.unpack(self._counted())

    def _counted(self) -> Iterator[bytes]:
        for block in self.blocks:
            self._hash.update(block)
            self.size += len(block)
            yield block

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that passed so far."""
        return self._hash.hexdigest()


def measured(blocks: Iterable[bytes]) -> Bytes:
    """The blocks, counted and hashed."""
    return blocks if isinstance(blocks, Bytes) else Bytes(blocks)


def unreadable(what: str, where: str, todo: str = "") -> SourceUnreadableError:
    """The error for a source that isn't what it should be."""
    return SourceUnreadableError(
        what,
        where=where,
        todo=todo or "ask the source's owner for the file again; nothing of it was taken over",
    )


def refuse_nul_in(frame: pl.DataFrame, where: str) -> None:
    """Raise where a NUL stands in a text: PostgreSQL takes none."""
    if any(column.str.contains("\0", literal=True).any() for column in frame):
        raise unreadable("A NUL character in a value: the file is damaged", where)


@dataclass
class Source:
    """A source, opened. Its fingerprint and size are known once its frames are read."""

    address: str  # for people
    bytes: Measured
    labels: list[str]  # as the source spells them
    frames: Iterator[pl.DataFrame]  # text, columns named by `labels.unique_labels`
    headers_again: int = 0  # later lines that repeat the header: no rows
    parts: list["Part"] = field(default_factory=list)  # of a folder, once they are read


@dataclass
class Part:
    """One file of a source that comes in several."""

    name: str
    size: int
    fingerprint: str


_SIGNS = {
    b"\x1f\x8b": "a gzip file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x04\x22\x4d\x18": "an LZ4 file",
    b"\xff\x06\x00\x00sNaPpY": "a Snappy file",
    b"7z\xbc\xaf": "a 7-Zip file",
    b"PK\x03\x04": "a ZIP file or Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF file",
    b"\xff\xfe\x00\x00": "text in UTF-32",
    b"\x00\x00\xfe\xff": "text in UTF-32",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"+/v": "text in UTF-7",
    b"<": "HTML or XML",
    b"{": "JSON",
    b"[": "JSON",
}


# what is unpacked under its own ending.
_PACKED = {"a gzip file": ".gz", "a Zstandard file": ".zst"}


def other_than(expected: str, kind: str, where: str) -> SourceUnreadableError:
    """The error for a source whose first bytes say that it is something else."""
    todo = f"name it with {_PACKED[kind]} at its end" if kind in _PACKED else ""
    return unreadable(f"Not {expected}: this looks like {kind}", where, todo)


def looks_like(head: bytes) -> str | None:
    """What a file that begins so is, where its first bytes give it away."""
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if kind := next((kind for sign, kind in _SIGNS.items() if begin.startswith(sign)), None):
        return kind
    # letters of the Western alphabet have a zero byte before or after them in UTF-16.
    pairs = head[: len(head[:200]) // 2 * 2]
    if pairs and (not any(pairs[::2]) or not any(pairs[1::2])):
        return "text in UTF-16"
    return None
