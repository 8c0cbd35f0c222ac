"""docs/contract.md#sources: a source's bytes as rows of text under canonical column names."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tests.oracle.entities import ENTITIES, SOURCE_NAMES

Row = dict[str, str | None]

INDEX_COLUMNS = ("", "column1", "unnamed0", "index")


class DriftError(Exception):
    """A contract column is missing, or there twice."""


class UnreadableError(Exception):
    """The bytes are not what they should be."""


@dataclass(frozen=True)
class Table:
    """A source's rows in file order, contract columns only, and the columns nobody asked for."""

    rows: list[Row]
    unexpected: tuple[str, ...]
    headers_again: int = 0  # later lines that repeat the header


def read(entity: str, source: bytes) -> Table:
    """The rows of a file: JSON for sm_complaints, CSV for the other entities."""
    if source.strip() == b"[]":
        return Table([], ())  # an array without records has no place to name its columns
    if entity == "sm_complaints":
        return tabulate(entity, *read_json(source))
    header, lines = read_csv(source)
    rows = [line for line in lines if not _repeats(header, line)]
    return replace(tabulate(entity, header, rows), headers_again=len(lines) - len(rows))


def _repeats(header: list[str], line: list[str | None]) -> bool:
    """Whether a line is the header again; the one of a joined file may begin with its mark."""
    first, *others = [value or "" for value in line]
    return [first.removeprefix("\ufeff"), *others] == header


def tabulate(entity: str, header: Sequence[str], rows: Iterable[Sequence[str | None]]) -> Table:
    """Rows by canonical column, matched by the letters and digits of the header's names."""
    wanted = {
        SOURCE_NAMES.get((entity, column)) or letters(column): column
        for column in ENTITIES[entity].rules
    }
    places: dict[str, int] = {}
    unexpected = []
    for place, name in enumerate(header):
        plain = letters(name)
        column = wanted.get(plain)
        if column is None:
            if plain not in INDEX_COLUMNS:
                unexpected.append(name)
        elif column in places:
            raise DriftError(f"{entity}: {column} is there twice")
        else:
            places[column] = place
    missing = [column for column in ENTITIES[entity].rules if column not in places]
    if missing:
        raise DriftError(f"{entity}: {missing} missing")
    table = [{column: row[places[column]] for column in ENTITIES[entity].rules} for row in rows]
    return Table(table, tuple(unexpected))


def letters(name: str) -> str:
    """A column name's letters and digits alone, lower-cased.

    >>> letters("COMPLAINT_catego ry")
    'complaintcategory'
    """
    return "".join(character for character in name if character.isalnum()).lower()


def read_csv(source: bytes) -> tuple[list[str], list[list[str | None]]]:
    """Header and rows; an empty field is null, and an empty line is no row.

    Lines end in a line feed, before which a carriage return may stand. Elsewhere it is part of its
    value, which the csv module doesn't know: NUL, which no text has, stands for it meanwhile.
    """
    text = re.sub("\r(?!\n|$)", "\0", source.decode("utf-8-sig"))
    limit = csv.field_size_limit(len(source) + 1)
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline="")) if line]
    finally:
        csv.field_size_limit(limit)
    if not lines:
        raise UnreadableError("an empty file")
    header, *rows = [[value.replace("\0", "\r") for value in line] for line in lines]
    if any(len(row) != len(header) for row in rows):
        raise UnreadableError("ragged lines")
    return header, [[value or None for value in row] for row in rows]


class Number(str):
    """A JSON number as it was written."""


def read_json(source: bytes) -> tuple[list[str], list[list[str | None]]]:
    """Header and rows of column-oriented JSON, an array of records, or a record a line."""
    text = source.decode("utf-8-sig")
    try:
        document = _parse(text)
    except ValueError:
        # more than one document: a record a line. Only line feeds end a line: U+2028 may stand in
        # a string.
        document = [_parse(line) for line in text.split("\n") if line.strip(" \t\r")]
    if isinstance(document, dict):
        if all(isinstance(values, dict) for values in document.values()):
            return _columns(document)
        document = [document]
    return _records(document)


def _parse(text: str) -> object:
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=_constant)


def _constant(name: str) -> Number | None:
    return None if name == "NaN" else Number(name)


def _columns(document: dict[str, dict[str, object]]) -> tuple[list[str], list[list[str | None]]]:
    first = next(iter(document.values()), {})
    if any(values.keys() != first.keys() for values in document.values()):
        raise DriftError("columns of different rows")
    rows = [[_text(values[label]) for values in document.values()] for label in first]
    return list(document), rows


def _records(document: object) -> tuple[list[str], list[list[str | None]]]:
    if not isinstance(document, list) or not all(isinstance(item, dict) for item in document):
        raise UnreadableError("neither columns nor records")
    header = list(dict.fromkeys(name for record in document for name in record))
    return header, [[_text(record.get(name)) for name in header] for record in document]


def _text(value: object) -> str | None:
    """A JSON value as text: numbers and booleans as written, nested values compact."""
    if value is None:
        return None
    return str(value) if isinstance(value, str) else _compact(value)


def _compact(value: object) -> str:
    match value:
        case dict():
            pairs = (f"{_compact(name)}:{_compact(inner)}" for name, inner in value.items())
            return "{" + ",".join(pairs) + "}"
        case list():
            return "[" + ",".join(map(_compact, value)) + "]"
        case Number():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False)
