"""What every reader of a source gives: its labels, and its rows as text in file order."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import polars as pl


@dataclass
class Bytes:
    """A source's bytes, passed on block by block, counted and hashed on their way."""

    blocks: Iterable[bytes]
    size: int = 0
    _hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def __iter__(self) -> Iterator[bytes]:
        for block in self.blocks:
            self._hash.update(block)
            self.size += len(block)
            yield block

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that passed so far."""
        return self._hash.hexdigest()


@dataclass
class Source:
    """A source, opened. Its fingerprint and size are known once its frames are read."""

    address: str  # for people
    bytes: Bytes
    labels: list[str]  # as the source spells them
    frames: Iterator[pl.DataFrame]  # text, columns named by `columns.unique_labels`
