"""What is copied is what the frame holds, read back byte by byte as PostgreSQL's manual says."""

import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from psycopg.adapt import Transformer

from tasks.loading import binary

# of ours, by the type of the column
DTYPES = {
    "text": pl.String(),
    "jsonb": pl.String(),
    "date": pl.Date(),
    "timestamp without time zone": pl.Datetime("us"),
}
FIRST = datetime(2000, 1, 1)  # noqa: DTZ001


def value(kind: str, data: bytes) -> object:
    if kind == "date":
        return FIRST.date() + timedelta(days=struct.unpack(">i", data)[0])
    if kind == "timestamp without time zone":
        return FIRST + timedelta(microseconds=struct.unpack(">q", data)[0])
    if kind == "jsonb":
        assert data[0] == 1
        data = data[1:]
    return data.decode()


def decoded(data: bytes, kinds: list[str]) -> Iterator[tuple[object, ...]]:
    at = 0
    while at < len(data):
        assert struct.unpack_from(">h", data, at) == (len(kinds),)
        at += 2
        row: list[object] = []
        for kind in kinds:
            (size,) = struct.unpack_from(">i", data, at)
            at += 4
            row.append(None if size < 0 else value(kind, data[at : at + size]))
            at += max(size, 0)
        yield tuple(row)


VALUES: dict[str, list[Any]] = {
    "text": ["", "a", "Zoë\t\n\\N,\"'", None, "x" * 65_535, "é" * 32_768, "y" * 70_000],
    "jsonb": ['{"a":"é"}', "[" + "1," * 40_000 + "1]", None, "{}", "1", "null", '""'],
    "date": [
        *(date(1, 1, 1), date(9999, 12, 31), date(1999, 12, 31), None),
        *(date(2000, 1, 1), date(1970, 1, 1), date(2025, 11, 20)),
    ],
    "timestamp without time zone": [
        datetime(1, 1, 1),  # noqa: DTZ001
        datetime(9999, 12, 31, 23, 59, 59, 999_999),  # noqa: DTZ001
        datetime(1999, 12, 31, 23, 59, 59, 999_999),  # noqa: DTZ001
        None,
        FIRST,
        datetime(1969, 12, 31, 23, 59, 59),  # noqa: DTZ001
        datetime(2025, 11, 20, 10, 20, 30, 1, tzinfo=UTC).replace(tzinfo=None),
    ],
}


@pytest.mark.parametrize("times", [0, 1, 10_000], ids=["no row", "one slice", "several slices"])
def test_rows_are_what_they_were(times: int) -> None:
    kinds = list(VALUES)
    short = {kind: [None if len(str(v)) > 100 else v for v in VALUES[kind]] for kind in kinds}
    values = short if times > 1 else VALUES
    frame = pl.DataFrame({k: pl.Series(values[k] * times, dtype=DTYPES[k]) for k in kinds})
    data = b"".join(binary.rows(frame, dict(zip(kinds, kinds, strict=True))))
    assert list(decoded(data, kinds)) == list(zip(*(values[k] * times for k in kinds), strict=True))


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param([], id="none"),
        pytest.param([""], id="one without a letter"),
        pytest.param([text for text in VALUES["text"] if text is not None], id="odd ones"),
        pytest.param(["NULL", "{}", '"', "\\", ",", "\ufeff1", "\U0001f600"], id="signs of arrays"),
        pytest.param([f"c-{number}" for number in range(40_000)], id="several slices"),
    ],
)
def test_an_array_is_read_back(texts: list[str]) -> None:
    data = binary.TextArray(pl.Series).dump(pl.Series("id", texts, dtype=pl.String))
    loader = Transformer().get_loader(binary.TextArray.oid, binary.TextArray.format)
    assert loader.load(data) == texts
