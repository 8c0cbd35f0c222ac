"""Packed bytes (gzip, Zstandard) unpacked block by block."""

import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tasks.reading.source import looks_like, unreadable

_BLOCK_BYTES = 4 << 20
_PIECE_BYTES = 64 << 10  # unpacked at a time: a little may become a thousand times as much
_MARKS = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}
_CALLED = {".gz": "gzip", ".zst": "Zstandard"}


def unpacked(packed: str, where: str) -> Callable[[Iterator[bytes]], Iterator[bytes]]:
    """What unpacks blocks that an ending (`.gz`, `.zst`, or none) says are packed.

    What it gives raises SourceUnreadableError where the bytes are something else, damaged or cut.
    """
    return partial(_unpacked, packed, where) if packed else iter


def _unpacked(packed: str, where: str, blocks: Iterator[bytes]) -> Iterator[bytes]:
    start, errors = _codec(packed)
    mark, called = _MARKS[packed], _CALLED[packed]
    stream: Any = None
    made: list[bytes] = []
    size = 0
    first = next(blocks, b"")
    if not first.startswith(mark):
        kind = looks_like(first) or "something else"
        raise unreadable(
            f"Not {called}: this looks like {kind}", where, "give the object the ending that it is"
        )
    for piece in _pieces(first, blocks):
        while piece:
            # several packed streams may follow each other, and zeros the last one.
            if stream is None or stream.eof:
                if not (piece := piece.lstrip(b"\0")):
                    break
                stream = start()
            try:
                made.append(stream.decompress(piece))
            except errors:
                raise unreadable(f"The {called} file is damaged", where) from None
            size += len(made[-1])
            piece = stream.unused_data if stream.eof else b""
        if size >= _BLOCK_BYTES:
            yield b"".join(made)
            made, size = [], 0
    if stream is None or not stream.eof:
        raise unreadable(f"The {called} file was cut off", where)
    if made:
        yield b"".join(made)


def _pieces(first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    block = first
    while block:
        for at in range(0, len(block), _PIECE_BYTES):
            yield block[at : at + _PIECE_BYTES]
        block = next(blocks, b"")


def _codec(packed: str) -> tuple[Callable[[], Any], type[Exception]]:
    """What begins to unpack a stream (`decompress`, `eof`, `unused_data`), and what it raises."""
    if packed == ".gz":
        return partial(zlib.decompressobj, zlib.MAX_WBITS | 16), zlib.error
    from zstandard import ZstdDecompressor, ZstdError

    return ZstdDecompressor().decompressobj, ZstdError
