"""Column-oriented JSON without surprises, split at its quotes: numbers stay as they are written.

What holds anything unusual isn't read here: the decoder reads it, and says what is wrong.
"""

import re
from collections.abc import Iterator
from json import JSONDecodeError

import polars as pl

from tasks.reading.json_values import DECODER, as_text

_NAME = re.compile(rb'. *"([^"\\\x00-\x1f]*)" *: *\{ *')
# what stands up to a brace outside of strings, where quotes may be escaped.
_UP_TO_BRACE = re.compile(rb'[^"}]*+(?:"(?:[^"\\]++|\\.)*+"[^"}]*+)*+(?=\})', re.DOTALL)
_CONTROLS = bytes(range(32))
_PIECE_BYTES = 1 << 20  # of a column read at a time: it takes ten times as much
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_LITERAL = rf"^: *(null|NaN|true|false|-?Infinity|{_NUMBER}) *(,?)$"


def read_columns(data: bytes) -> pl.DataFrame | None:
    """The rows of `{"label": {"0": value, …}, …}` as pandas writes it, or None for all else."""
    at, end = 3 * data.startswith(b"\xef\xbb\xbf"), len(data)
    while end and data[end - 1] in b" \t\r\n":
        end -= 1
    if data[at : at + 1] != b"{" or data[end - 1 : end] != b"}":
        return None
    escapes = b"\\" in data
    columns: dict[str, pl.Series] = {}
    rows: pl.Series | None = None
    while at < end - 1:
        label = _NAME.match(data, at) if data[at : at + 1] == (b"," if columns else b"{") else None
        stop = _brace(data, label.end(), escapes) if label else -1
        if label is None or stop < 0:
            return None
        try:
            name = label[1].decode()
            found = _column(data[label.end() : stop])
        except (UnicodeError, JSONDecodeError, RecursionError):
            return None
        if found is None or name in columns or name.isdecimal():
            return None  # labels that are numbers: perhaps rows by column
        labels, columns[name] = found
        if rows is None:
            rows = labels
            if rows.n_unique() < rows.len():
                return None
        elif rows.len() != labels.len() or not (rows == labels).all():
            return None  # perhaps the same rows in another order
        at = stop + 1
        while data[at : at + 1] == b" ":
            at += 1
    # by dict: a list of series would give the column without a name one.
    return pl.DataFrame(columns) if columns and at == end - 1 else None


def _brace(data: bytes, start: int, escapes: bool) -> int:
    """Where the first closing brace outside of strings is; -1 if nowhere."""
    if escapes:
        found = _UP_TO_BRACE.match(data, start)
        return found.end() if found else -1
    stop, quotes = start - 1, 0
    while True:
        brace = data.find(b"}", stop + 1)
        if brace < 0:
            return -1
        quotes += data.count(b'"', stop + 1, brace)
        stop = brace
        if quotes % 2 == 0:
            return stop


def _column(body: bytes) -> tuple[pl.Series, pl.Series] | None:
    """Row labels and values of what stands between a column's braces."""
    if len(body.translate(None, _CONTROLS)) < len(body):
        return None
    if b"\\" in body:
        return _decoded(body)
    body = body.rstrip(b" ")
    found = [_piece(piece) for piece in _pieces(body)]
    if None in found:
        return _piece(body) if len(found) > 1 else None  # a cut may have been within a value
    labels, values = zip(*filter(None, found), strict=True)
    return pl.concat(labels), pl.concat(values)


def _pieces(body: bytes) -> Iterator[bytes]:
    """A column without escaped quotes, cut at commas that seem to stand between two rows.

    A piece that was cut within a value has an odd number of quotes.
    """
    at = 0
    while len(body) - at > _PIECE_BYTES:
        comma = max(body.rfind(mark, at, at + _PIECE_BYTES) for mark in (b',"', b', "'))
        if comma < 0:
            break
        yield body[at:comma]
        at = body.index(b'"', comma)
    yield body[at:]


def _piece(text: bytes) -> tuple[pl.Series, pl.Series] | None:
    """Row labels and values of some rows in which no quote is escaped."""
    # outside of strings and inside alternate.
    tokens = pl.Series([text.decode()]).str.split('"').explode()
    if tokens.len() < 3 or tokens.len() % 2 == 0 or tokens[0]:
        return None
    inside, after = tokens.gather_every(2, 1), tokens.gather_every(2)[1:]
    if inside.len() % 2 == 0 and after[-1] == "":
        colons, commas = after.gather_every(2), after.gather_every(2, 1)[:-1]
        if _all(colons, ":") and _all(commas, ","):
            return inside.gather_every(2), inside.gather_every(2, 1)
    return _mixed(inside, after.str.strip_chars(" "))


def _all(values: pl.Series, mark: str) -> bool:
    """Whether all are the mark, or all of them the mark and a space."""
    return (values == mark).all() or (values == f"{mark} ").all()


def _mixed(inside: pl.Series, after: pl.Series) -> tuple[pl.Series, pl.Series] | None:
    """The same where some values are not strings, and so stand after their row's label."""
    literal = pl.col("after").str.extract(_LITERAL, 1)
    comma = pl.when(pl.int_range(pl.len()) < pl.len() - 1).then(pl.lit(",")).otherwise(pl.lit(""))
    read = (
        pl.DataFrame({"inside": inside, "after": after})
        .with_columns(
            literal=literal,
            comma=comma,
            # a string is the value of the label before it.
            is_value=pl.col("after").shift(1, fill_value=",") == ":",
        )
        .with_columns(
            valid=pl.when("is_value")
            .then(pl.col("after") == pl.col("comma"))
            .when(pl.col("after") == ":")
            .then(pl.col("comma") == ",")
            .otherwise(pl.col("after").str.extract(_LITERAL, 2) == pl.col("comma")),
            value=pl.when(pl.col("after") == ":")
            .then(pl.col("inside").shift(-1))
            .when(~pl.col("literal").is_in(["null", "NaN"]))
            .then("literal"),
        )
    )
    if not read["valid"].fill_null(False).all():
        return None
    rows = read.filter(~pl.col("is_value"))
    return rows["inside"], rows["value"]


def _decoded(body: bytes) -> tuple[pl.Series, pl.Series] | None:
    found = DECODER.decode("{" + body.decode() + "}")
    labels = pl.Series(list(found), dtype=pl.String)
    values = pl.Series(list(map(as_text, found.values())), dtype=pl.String)
    if found.twice or values.str.contains("\0", literal=True).any():
        return None
    return labels, values
