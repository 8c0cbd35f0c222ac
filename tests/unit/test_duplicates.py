"""Duplicates are found exactly, whatever the order, the bucket or the hash."""

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cleaning import duplicates as module
from tasks.cleaning.duplicates import find_duplicates

Row = tuple[str | None, str | None]
SLICE = 3


def found(rows: list[Row], *, colliding: bool = False) -> tuple[list[int], list[int]]:
    """Numbers of exact duplicates and of superseded rows, of rows (key, content).

    `colliding`: all keys have the same hash.
    """
    frame = pl.DataFrame(rows, schema={"k": pl.String, "v": pl.String}, orient="row")

    def rows_of(numbers: pl.Series, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        for first in range(0, numbers.len(), SLICE):
            here = numbers.slice(first, SLICE)
            yield frame.select(columns)[here].select(here.alias("row"), *columns)

    hashes = frame["k"].hash() % (1 if colliding else 1 << 32)
    result = find_duplicates(hashes.cast(pl.UInt32), "k", ["k", "v"], rows_of)
    return result.exact.to_list(), result.superseded.to_list()


def expected(rows: list[Row]) -> tuple[list[int], list[int]]:
    exact = [i for i, row in enumerate(rows) if row in rows[:i]]
    rest = [i for i in range(len(rows)) if i not in exact and rows[i][0] is not None]
    return exact, [i for i in rest if any(j > i and rows[j][0] == rows[i][0] for j in rest)]


@pytest.mark.parametrize(
    ("rows", "exact", "superseded"),
    [
        pytest.param([], [], [], id="no row"),
        pytest.param([("a", "1"), ("b", "1")], [], [], id="none"),
        pytest.param([("a", "1"), ("a", "1"), ("a", "1")], [1, 2], [], id="the first stays"),
        pytest.param([("a", "1"), ("a", "2"), ("a", "3")], [], [0, 1], id="the last stays"),
        pytest.param([("a", "1"), ("a", "2"), ("a", "1")], [2], [0], id="exact ones go first"),
        pytest.param([(None, "1"), (None, "1"), (None, "2")], [1], [], id="without a key"),
        pytest.param([("a", None), ("a", None), ("a", "1")], [1], [0], id="null equals null"),
    ],
)
def test_duplicates(rows: list[Row], exact: list[int], superseded: list[int]) -> None:
    assert found(rows) == (exact, superseded)
    assert expected(rows) == (exact, superseded)


CELL = st.none() | st.sampled_from("abc")


@pytest.mark.parametrize("held", [1, 4, 250_000])
@pytest.mark.parametrize("colliding", [False, True], ids=["", "all hashes equal"])
def test_any_rows(held: int, colliding: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_ROWS", held)

    @settings(deadline=None, max_examples=25)
    @given(st.lists(st.tuples(CELL, CELL), max_size=14))
    def check(rows: list[Row]) -> None:
        assert found(rows, colliding=colliding) == expected(rows)

    check()


def test_rows_held_do_not_grow_with_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_ROWS", 50)
    largest = 0
    concat = pl.concat

    def watched(items: list[Any], **how: Any) -> Any:
        nonlocal largest
        together = concat(items, **how)
        if isinstance(together, pl.DataFrame):
            largest = max(largest, together.height)
        return together

    monkeypatch.setattr(pl, "concat", watched)
    rows: list[Row] = [(str(i % 150), str(i % 7)) for i in range(300)]
    assert found(rows) == expected(rows)
    one_key: list[Row] = [("a", str(i % 200)) for i in range(300)]
    assert found(one_key) == (list(range(200, 300)), list(range(199)))
    assert largest < 150
