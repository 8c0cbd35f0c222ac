"""Rows of cells written as CSV, or as JSON in its three shapes, the many ways that tools do it."""

import json
from collections.abc import Callable, Sequence

from hypothesis import strategies as st


class Raw(str):
    """A JSON value that is no string, as it stands in the file."""


Cell = str | None  # or Raw, in JSON alone
Grid = Sequence[Sequence[Cell]]


@st.composite
def csv_files(draw: st.DrawFn, header: Sequence[str], rows: Grid) -> bytes:
    """A CSV file; what isn't there is an empty field."""
    quoted: Callable[[int], bool] = draw(
        st.sampled_from([lambda place: False, lambda place: True, lambda place: place % 3 == 0])
    )
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    bare = ',"\n' if newline == "\n" and draw(st.booleans()) else ',"\r\n'
    grid = [header, *rows]
    if (again := draw(st.integers(1, 5 * len(grid)))) <= len(grid):
        grid.insert(again, header)
    lines = [
        ",".join(
            _field(value or "", bare, quote=quoted(number + place))
            for place, value in enumerate(row)
        )
        for number, row in enumerate(grid)
    ]
    text = newline.join(lines) + draw(st.sampled_from([newline, ""]))
    return draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"])) + text.encode()


def _field(value: str, special: str, *, quote: bool) -> str:
    if quote or any(character in value for character in special):
        return '"' + value.replace('"', '""') + '"'
    return value


@st.composite
def json_files(draw: st.DrawFn, header: Sequence[str], rows: Grid) -> bytes:
    """Column-oriented JSON, an array of records, or a record a line.

    A file without rows is column-oriented or an empty array: a record a line would be no file.
    """
    ascii_only = draw(st.booleans())
    comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n  ", " :\t")]))
    shape = draw(st.sampled_from(["columns", "records", "lines"] if rows else ["columns", "none"]))
    if shape == "lines":
        comma, colon = comma.replace("\n", " "), colon.replace("\n", " ")

    def value(cell: Cell) -> str:
        return str(cell) if isinstance(cell, Raw) else json.dumps(cell, ensure_ascii=ascii_only)

    def record(pairs: Sequence[tuple[str, str]]) -> str:
        return "{" + comma.join(value(name) + colon + inner for name, inner in pairs) + "}"

    if shape == "none":
        return b"[]\n"

    if shape == "columns":
        labels = draw(_labels(len(rows)))
        columns = []
        for place, name in enumerate(header):
            entries = [(labels[number], value(row[place])) for number, row in enumerate(rows)]
            if draw(st.integers(0, 9)) == 9:
                entries = draw(st.permutations(entries))
            columns.append((name, record(entries)))
        return record(columns).encode()

    # what is null may be left out, as long as each name stands somewhere.
    may_omit = draw(st.booleans())
    complete = draw(st.integers(0, len(rows) - 1))
    records = [
        record(
            [
                (name, value(cell))
                for name, cell in zip(header, row, strict=True)
                if not may_omit or number == complete or cell is not None
            ]
        )
        for number, row in enumerate(rows)
    ]
    if shape == "records":
        return f"[{comma.join(records)}]".encode()
    newline = draw(st.sampled_from(["\n", "\r\n", "\n\n"]))
    return (newline.join(records) + draw(st.sampled_from([newline, ""]))).encode()


def _labels(count: int) -> st.SearchStrategy[list[str]]:
    """Row labels as pandas writes them, in order, from elsewhere, or by name."""
    return st.sampled_from(
        [
            [str(number) for number in range(count)],
            [str(number) for number in range(count, 0, -1)],
            [str(number * 5 + 7) for number in range(count)],
            [f"row é{number}" for number in range(count)],
        ]
    )
