"""CSV as text, batch by batch: exact or refused, never guessed.

Polars parses; it also pads short lines and stops at odd quotes, so what it made of a batch is
checked, and a batch in doubt is read again by Python's csv module, which says where it is wrong.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from io import StringIO
from itertools import chain
from pathlib import Path

import polars as pl

from tasks.entities.labels import unique_labels
from tasks.reading.csv_text import as_utf8, decoded, refuse_nul, unreadable_at
from tasks.reading.source import Source, looks_like, measured, other_than

BLOCK_BYTES = 4 << 20
MAX_RECORD_BYTES = 32 << 20
MAX_VALUE = 16 << 20  # characters, of what the csv module reads: it takes eight times the memory
_MAX_HEADER_BYTES = 1 << 20
_EXACT_ROWS = 50_000
_MARK = "\ufeff"  # the byte order mark that some tools begin a file with
_MARK_BYTES = _MARK.encode()
_BLANK = _MARK_BYTES + b"\r\n \t"
# a part of its value, as some writers leave it. The csv module would end the row there: meanwhile
# a NUL, which no value has, stands for it.
_CR_ALONE = re.compile("\r(?!\n|\\Z)")


@cache
def _regular(delimiter: str) -> re.Pattern[bytes]:
    """Every quote opens at the start of a field, closes at its end, or is doubled between them."""
    comma = re.escape(delimiter).encode()
    return re.compile(
        rb'[^"]*+(?:(?<![^%b\n])"[^"]*+(?:""[^"]*+)*+"(?![^%b\r\n])[^"]*+)*+' % (comma, comma)
    )


def file_blocks(path: Path) -> Iterator[bytes]:
    """A file's bytes, block by block."""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def read_csv(
    blocks: Iterable[bytes], where: str, delimiter: str = ",", encoding: str = "utf-8"
) -> Source:
    """A CSV with a header line, opened: `where` is its address for people.

    Raises SourceUnreadableError, here or while its frames are read.
    """
    content = measured(blocks)
    stream = iter(content) if encoding == "utf-8" else as_utf8(content, encoding, where)
    labels, rest, line = _header(stream, where, delimiter)
    source = Source(where, content, labels, iter(()))
    frames = _frames(rest, stream, labels, line, where, delimiter)
    source.frames = _without_headers(frames, source)
    return source


def _header(stream: Iterator[bytes], where: str, delimiter: str) -> tuple[list[str], bytes, int]:
    """The labels, the bytes read beyond them, and the number of lines so far."""
    head = b""
    for block in stream:
        head += block
        if head.strip(_BLANK) and len(head) >= 4:
            break
    if not head.strip(_BLANK):
        raise unreadable_at(
            "The file is empty: not even a header line",
            where,
            todo="a day without rows is a header line alone; ask the source's owner for the file",
        )
    if kind := looks_like(head):
        raise other_than("CSV", kind, where)
    head = head.removeprefix(_MARK_BYTES)
    start = len(head) - len(head.lstrip(b"\r\n"))
    line = head[:start].count(b"\n")
    head = head[start:]
    while not (end := _first_record_end(head)):
        more = next(stream, None)
        if more is None:
            end = len(head)
            break
        if len(head) > _MAX_HEADER_BYTES:
            raise unreadable_at("Not CSV: no header line in the first megabyte", where)
        head += more
    refuse_nul(head[:end], where, line)
    text = decoded(head[:end], where, line)
    csv.field_size_limit(MAX_VALUE)
    try:
        # lines end in LF here: a CR of its own is an old Mac's, and would hide every row.
        labels = next(csv.reader(StringIO(text, newline="\n"), delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "\r" in text and "\n" not in text:
            what = "The lines end in carriage returns alone, as an old Mac writes them"
            raise unreadable_at(what, where, todo="export the file with line feeds") from None
        raise unreadable_at(f"The header line is not CSV: {error}", where, line + 1) from None
    for other, called in _DELIMITERS.items():
        if other != delimiter and text.count(other) > max(0, 2 * len(labels) - 3):
            raise unreadable_at(
                f"The columns seem to be separated by {called}, not by {_called(delimiter)}",
                where,
                line + 1,
                "export the file as it was declared, or declare its delimiter in "
                "tasks/entities/contracts.py",
            )
    return labels, head[end:], line + head[:end].count(b"\n")


_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def _called(delimiter: str) -> str:
    return _DELIMITERS.get(delimiter, repr(delimiter))


def _first_record_end(head: bytes) -> int:
    """Where the first line outside quotes ends; 0 when it isn't all there."""
    start = quotes = 0
    while end := head.find(b"\n", start) + 1:
        quotes += head.count(b'"', start, end)
        if quotes % 2 == 0:
            return end
        start = end
    return 0


def _frames(
    rest: bytes,
    stream: Iterator[bytes],
    labels: Sequence[str],
    line: int,
    where: str,
    delimiter: str,
) -> Iterator[pl.DataFrame]:
    """The rows, a block of whole lines at a time; `line` is the number of lines before them."""
    names = unique_labels(labels)
    for block in chain(stream, (b"",)):
        batch, rest = _split(rest, block)
        if len(rest) > MAX_RECORD_BYTES:
            raise unreadable_at(
                f"One row is over {MAX_RECORD_BYTES >> 20} MB: a quoted value is not closed",
                where,
                line + batch.count(b"\n") + 1,
            )
        if not batch:
            continue
        refuse_nul(batch, where, line)
        quoted = b'"' in batch
        if quoted and not _regular(delimiter).fullmatch(batch):
            # where a row ends is in doubt from here on.
            yield from _exactly(chain((batch, rest), stream), names, line, where, delimiter)
            return
        frame = _quickly(batch, names, delimiter)
        if frame is None:
            yield from _exactly((batch,), names, line, where, delimiter)
        else:
            yield frame
        # without quotes each line is a row, and counting those that are known costs nothing.
        line += batch.count(b"\n") if quoted or frame is None else frame.height


def _without_headers(frames: Iterator[pl.DataFrame], source: Source) -> Iterator[pl.DataFrame]:
    """The rows without lines that are the header again: docs/contract.md#header-again."""
    labels = source.labels
    # one column says no for nearly every row; the first one's value may begin with a mark.
    asked = max(range(len(labels)), key=lambda place: (place > 0) * len(labels[place]))
    for frame in frames:
        again = (frame.to_series(asked) == labels[asked]).arg_true()
        for place, label in enumerate(labels if again.len() else ()):
            values = frame.to_series(place).gather(again).fill_null("")
            if place == 0:
                values = values.str.strip_prefix(_MARK)
            again = again.filter(values == label)
        if again.len():
            source.headers_again += again.len()
            frame = frame.filter(~pl.int_range(pl.len()).is_in(again.implode()))
        yield frame


def _split(rest: bytes, block: bytes) -> tuple[bytes, bytes]:
    """The whole rows of what was left and a further block, and what is left of them.

    A row ends at a line feed that an even number of quotes precedes; no block ends the last one.
    """
    if not block:
        return rest, b""
    end = block.rfind(b"\n") + 1
    # whether there are any is seen far faster than how many.
    quotes = rest.count(b'"') + (block.count(b'"', 0, end) if b'"' in block else 0)
    while quotes % 2 and end:
        before = block.rfind(b"\n", 0, end - 1) + 1
        quotes -= block.count(b'"', before, end)
        end = before
    if not end:
        return b"", rest + block
    # one copy of a block and no more: larger garbage scatters over the heaps of all threads.
    return b"".join((rest, memoryview(block)[:end])), block[end:]


def _quickly(batch: bytes, names: list[str], delimiter: str) -> pl.DataFrame | None:
    """The batch as Polars reads it, or None when that may not be what it says."""
    if b"\r" in batch and batch.count(b"\r") != batch.count(b"\r\n"):
        return None
    schema = {str(position): pl.String for position in range(len(names))}
    if not batch.endswith(b"\n"):
        batch += b"\n"  # without it Polars takes no notice of a comma too many at the very end
    if batch.startswith(_MARK_BYTES):
        batch = _MARK_BYTES + batch  # Polars takes one away from wherever a text begins
    try:
        frame = pl.read_csv(batch, has_header=False, schema=schema, separator=delimiter, glob=False)
    except pl.exceptions.PolarsError:
        return None
    quoted = b'"' in batch
    if frame.to_series(-1).null_count():
        # short lines are padded at their end: then there are fewer commas than columns need.
        commas = frame.height * (len(names) - 1)
        if quoted:
            inside = frame.select(pl.all().str.count_matches(delimiter, literal=True).sum())
            commas += sum(count or 0 for count in inside.row(0))
        if batch.count(delimiter.encode()) != commas:
            return None
    if quoted and b'""' in batch:
        frame = frame.select(pl.when(pl.all() != "").then(pl.all()))
    frame.columns = names
    return frame


def _exactly(
    pieces: Iterable[bytes], names: list[str], line: int, where: str, delimiter: str
) -> Iterator[pl.DataFrame]:
    """The rows as Python's csv module reads them, or the error with its line."""
    csv.field_size_limit(MAX_VALUE)
    lines = (_CR_ALONE.sub("\0", text) for text in _lines(pieces, where, line))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    first = line + 1  # line of the row being read
    try:
        for row in reader:
            if row:  # a blank line is no row
                if len(row) != len(names):
                    why = "the file is ragged, or was cut off"
                    if any("\0" in value for value in row):
                        why = "some lines end in carriage returns alone, not in line feeds"
                    raise unreadable_at(
                        f"A row of {len(row)} values under {len(names)} columns: {why}",
                        where,
                        first,
                    )
                rows.append(row)
            first = line + reader.line_num + 1
            if len(rows) == _EXACT_ROWS:
                yield _frame(rows, names)
                rows = []
    except csv.Error as error:
        what, todo = f"Not CSV: {error}", ""
        if "expected after" in str(error):
            what = 'Not CSV: a quote within a value stands alone, or is written as \\"'
            todo = "write each quote within a value twice (in Spark: escape='\"')"
        elif "unexpected end" in str(error):
            what = "The file was cut off: a quoted value is not closed"
        elif "field limit" in str(error):
            what = f"A value is over {MAX_VALUE >> 20} million characters, or its quote not closed"
        raise unreadable_at(what, where, first, todo) from None
    if rows:
        yield _frame(rows, names)


def _frame(rows: list[list[str]], names: list[str]) -> pl.DataFrame:
    columns = zip(names, zip(*rows, strict=True), strict=True)
    # by dict: a list of series would give the column without a name one.
    frame = pl.DataFrame({name: pl.Series(values, dtype=pl.String) for name, values in columns})
    text = pl.all().str.replace_all("\0", "\r", literal=True)
    return frame.select(pl.when(pl.all() != "").then(text))


def _lines(pieces: Iterable[bytes], where: str, line: int) -> Iterator[str]:
    """Decoded lines with their ends; only a line feed ends one."""
    rest = b""
    for piece in chain(pieces, (b"",)):
        data = rest + piece
        cut = data.rfind(b"\n") + 1 if piece else len(data)
        whole, rest = data[:cut], data[cut:]
        refuse_nul(whole, where, line)
        yield from re.findall(r"[^\n]*\n|[^\n]+", decoded(whole, where, line))
        line += whole.count(b"\n")
