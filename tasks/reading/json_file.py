"""JSON as text: column-oriented as pandas writes it, an array of records, or a record a line.

One file at a time is held in memory, unlike with the other readers.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from blocks.errors import SchemaDriftError
from tasks.entities.labels import shown
from tasks.lake.parquet import SLICE_ROWS
from tasks.reading.json_columns import read_columns
from tasks.reading.json_values import DECODER, Object, as_text
from tasks.reading.source import (
    Source,
    looks_like,
    measured,
    other_than,
    refuse_nul_in,
    unreadable,
)


def read_json(blocks: Iterable[bytes], where: str, columns: Sequence[str]) -> Source:
    """A JSON file in UTF-8, opened: `where` is its address for people.

    `columns` are the labels of a day without records, which names none itself; a part of a folder
    has none, and may be empty.
    Raises SourceUnreadableError, SchemaDriftError.
    """
    content = measured(blocks)
    data = b"".join(content)
    if (kind := looks_like(data)) and kind != "JSON":
        raise other_than("JSON", kind, where)
    if (frame := read_columns(data)) is not None:
        return Source(where, content, frame.columns, frame.iter_slices(SLICE_ROWS))
    text = decoded(data, where)
    del data  # not held with the text while that is parsed
    if columns and not text.strip():
        raise unreadable(
            "The file is empty",
            where,
            "a day without rows is the array []; ask the source's owner for the file",
        )
    try:
        document = _parsed(text, where) if text.strip() else []
        values = {name: [] for name in columns} if document == [] else _columns(document, where)
        frame = frame_of(values, where)
    except RecursionError:
        raise unreadable("Not a table: the JSON is nested too deep", where) from None
    return Source(where, content, frame.columns, frame.iter_slices(SLICE_ROWS))


def decoded(data: bytes, where: str, line: int = 1) -> str:
    """The text of bytes in UTF-8, without a mark; they begin in that line of the file.

    Raises SourceUnreadableError.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]  # the mark is no part of it
        line += before.count(b"\n")
        place = len(before) - before.rfind(b"\n")
        raise unreadable(
            f"Not UTF-8: byte 0x{error.object[error.start]:02x}",
            f"{where}, line {line}, byte {place}",
            "export the file as UTF-8; reading it in another encoding would garble names",
        ) from None


def _parsed(text: str, where: str) -> Any:
    """The document; newline-delimited records come as a list."""
    start = len(text) - len(text.lstrip())
    try:
        first, end = DECODER.raw_decode(text, start)
        rest = text[end:].strip()
        if not rest:
            return first
        if not isinstance(first, dict):
            raise unreadable(
                "Not JSON: more after the end of the document",
                f"{where}, line {text.count(chr(10), 0, end) + 1}",
            )
    except json.JSONDecodeError as error:
        raise _broken(error, error.lineno, len(text), where) from None
    if "\n" in text[start:end] and rest.startswith("{"):
        raise unreadable(
            "The JSON seems to be records of several lines each",
            where,
            "write each record in a line of its own, or all of them as one array",
        )
    return records_of(text.split("\n"), 1, where)


def records_of(lines: Iterable[str], first: int, where: str) -> list[Any]:
    """The records of lines, of which the first has that number. Raises SourceUnreadableError."""
    numbered = [(number, line) for number, line in enumerate(lines, first) if line.strip()]
    if (found := _at_once([line for _, line in numbered])) is not None:
        return found
    records = []
    for number, line in numbered:
        try:
            records.append(DECODER.decode(line))
        except json.JSONDecodeError as error:
            if error.pos >= len(line) and number < numbered[-1][0]:
                raise unreadable(
                    "A line ends within its record, and others follow",
                    f"{where}, line {number}",
                    "write each record in a line of its own; an array belongs into a .json file",
                ) from None
            raise _broken(error, number, len(line), where) from None
    return records


def _at_once(lines: list[str]) -> list[Any] | None:
    """Records of a line each, decoded as one array in half the time; None where that isn't sure.

    Each line has one brace, its first character, and no string goes over its end: so each record
    begins with its line, and what stands before the next one is its own.
    """
    text = ",\n".join(lines)
    if "[" in text or text.count("{") != len(lines):
        return None
    if not all(line.startswith("{") for line in lines):
        return None
    try:
        found = DECODER.decode(f"[{text}]")
    except json.JSONDecodeError:
        return None
    return found if len(found) == len(lines) else None


def _broken(error: json.JSONDecodeError, line: int, size: int, where: str) -> Exception:
    """The error for text of that many characters, beginning in that line, that is no JSON."""
    what = (
        "The JSON was cut off"
        if error.pos >= size or "Unterminated" in error.msg
        else f"Not JSON: {error.msg}, column {error.colno}"
    )
    return unreadable(what, f"{where}, line {line}")


def _columns(document: Any, where: str) -> dict[str, list[Any]]:
    """Values by column label, rows aligned."""
    if kind := _other_orient(document):
        raise unreadable(
            f"The JSON seems to be what pandas writes with orient={kind!r}",
            where,
            "write it with orient='columns' (the default) or orient='records'",
        )
    if isinstance(document, Object):
        kinds = {type(value) for value in document.values()}
        if kinds == {Object}:
            return _by_column(document, where)
        if kinds == {list}:
            return _by_position(document, where)
        if kinds & {Object, list}:
            raise unreadable("Some columns of the JSON hold values by row, others don't", where)
        # no column at all, or a single record
        return by_record([document], where) if document else {}
    if isinstance(document, list):
        values = by_record(document, where)
        if document and not values:  # in a part of a folder they would be gone without a word
            raise unreadable("All records of the JSON are empty", where)
        return values
    raise unreadable("The JSON is neither columns nor records", where)


def _other_orient(document: Any) -> str | None:
    """Which of pandas' shapes that are not read a document seems to have."""
    if isinstance(document, list):
        return "values" if document and all(isinstance(row, list) for row in document) else None
    if not isinstance(document, Object):
        return None
    if document.keys() >= {"columns", "data"} and isinstance(document["data"], list):
        return "split"
    if document.keys() == {"schema", "data"} and isinstance(document["schema"], dict):
        return "table"
    first = next(iter(document.values()), None)
    # rows by label: the labels are numbers, and what each row holds is named by words.
    if isinstance(first, Object) and all(label.isdecimal() for label in document):
        return None if all(name.isdecimal() for name in first) else "index"
    return None


def _by_column(document: Object, where: str) -> dict[str, list[Any]]:
    _refuse_twice(document, where)
    first = next(iter(document.values()))
    labels = list(first)
    aligned = {}
    for name, values in document.items():
        if values.twice:
            raise unreadable("A column of the JSON holds a row's label twice", where)
        if values.keys() != first.keys():
            raise _uneven(document, where)
        # of columns that hold the same rows in another order each is put into the first one's.
        same = list(values) == labels
        aligned[name] = list(values.values()) if same else [values[label] for label in labels]
    return aligned


def _by_position(document: Object, where: str) -> dict[str, list[Any]]:
    _refuse_twice(document, where)
    if len({len(values) for values in document.values()}) > 1:
        raise _uneven(document, where)
    return dict(document)


def _uneven(document: Object, where: str) -> Exception:
    first, values = next(iter(document.items()))
    others = [name for name, column in document.items() if len(column) != len(values)]
    rows = "".join(f"; {shown([name])} has {len(document[name]):,}" for name in others[:5])
    return SchemaDriftError(
        "The columns of the JSON don't hold the same rows: "
        f"{shown([first])} has {len(values):,}{rows}"
        + ("" if others else ", and others as many, but under other labels"),
        where=where,
        todo="ask the source's owner for the file again; nothing of it was taken over",
    )


def by_record(records: list[Any], where: str, first: int = 1) -> dict[str, list[Any]]:
    """Values by column label of records, counted from `first`; null where a record has none."""
    names: dict[str, None] = {}
    if records and _holds_columns(records[0]):
        raise unreadable(
            "A record of the JSON holds columns, not values",
            where,
            "columns with their rows are read from a .json file that holds nothing else",
        )
    for number, record in enumerate(records, first):
        if not isinstance(record, Object):
            raise unreadable(f"Record {number} of the JSON is not an object", where)
        _refuse_twice(record, where)
        names.update(dict.fromkeys(record))
    if len(names) * len(records) > 1_000_000 + 100 * sum(map(len, records)):
        raise unreadable("Not a table: the records of the JSON hardly share a name", where)
    return {name: [record.get(name) for record in records] for name in names}


def _holds_columns(record: Any) -> bool:
    """Whether it has nothing but objects, such as values by row."""
    return isinstance(record, Object) and set(map(type, record.values())) == {Object}


def _refuse_twice(document: Object, where: str) -> None:
    if document.twice:
        raise SchemaDriftError(
            f"The JSON holds a column twice: {shown(document.twice)}",
            where=where,
            todo="ask the source's owner which of the two is right",
        )


def frame_of(columns: dict[str, list[Any]], where: str) -> pl.DataFrame:
    """Columns of JSON values as text. Raises SourceUnreadableError."""
    try:
        # by dict: a list of series would give the column without a name one.
        frame = pl.DataFrame(
            {
                name: pl.Series(values=map(as_text, values), dtype=pl.String)
                for name, values in columns.items()
            }
        )
    except UnicodeEncodeError:
        raise unreadable("The JSON holds half of a surrogate pair: not text", where) from None
    refuse_nul_in(frame, where)
    return frame
