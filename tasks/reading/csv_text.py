"""The bytes of a CSV as text in UTF-8, and the line in which they are none."""

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain

from tasks.reading.source import unreadable


def unreadable_at(what: str, where: str, line: int | None = None, todo: str = "") -> Exception:
    """The error for a CSV that isn't one, in that line."""
    return unreadable(what, where if line is None else f"{where}, line {line}", todo)


def as_utf8(blocks: Iterable[bytes], encoding: str, where: str) -> Iterator[bytes]:
    """The same text in UTF-8, the encoding that the reader expects."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    for block in chain(blocks, (b"",)):
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].decode(encoding, "replace").count("\n")
            what = f"Not {encoding}: byte 0x{error.object[error.start]:02x}"
            todo = (
                "export the file as its declaration in tasks/entities/contracts.py says, "
                "or correct that"
            )
            raise unreadable_at(what, where, line, todo) from None
        line += text.count("\n")
        if text:
            yield text.encode()


def decoded(data: bytes, where: str, line: int) -> str:
    """The text of bytes in UTF-8, of which `line` lines came before."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise unreadable_at(
            f"Not UTF-8: byte 0x{data[error.start]:02x}; it seems to be Windows-1252 or Latin-1",
            where,
            line + data.count(b"\n", 0, error.start) + 1,
            "export the file as UTF-8, or declare its encoding in tasks/entities/contracts.py",
        ) from None


def refuse_nul(data: bytes, where: str, line: int) -> None:
    """Raise where a NUL byte stands: no text has one."""
    at = data.find(b"\0")
    if at >= 0:
        raise unreadable_at(
            "A NUL byte: the file is damaged, or not text in UTF-8",
            where,
            line + data.count(b"\n", 0, at) + 1,
        )
