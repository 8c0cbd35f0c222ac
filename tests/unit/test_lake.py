"""Parquet written from batches: whole or not at all, in the caller's context, in bounded memory."""

from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

import polars as pl
import pytest

from blocks.errors import ConfigurationError, SourceUnreadableError
from blocks.stores.local import LocalStore
from tasks.lake.parquet import Spool, detached, reading, scan, write_parquet

SCHEMA = pl.Schema({"": pl.String(), "n": pl.Int64()})
WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


def frame(*numbers: int) -> pl.DataFrame:
    return pl.DataFrame({"": [f"v{n}" for n in numbers], "n": numbers}, schema=SCHEMA)


def written(store: LocalStore, frames: Iterator[pl.DataFrame]) -> pl.DataFrame:
    with store.writing("a/b.parquet") as uri:
        write_parquet(frames, SCHEMA, uri, store)
    return pl.read_parquet(store.uri("a/b.parquet"))


def test_frames_come_back_in_order(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    frames = iter([frame(3, 1), frame(), frame(2)])
    assert written(store, frames).equals(frame(3, 1, 2))
    assert written(store, iter([])).equals(frame())


def test_an_error_among_the_frames_is_itself_and_leaves_the_old_file(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    written(store, iter([frame(1)]))

    def broken() -> Iterator[pl.DataFrame]:
        yield frame(2)
        raise ConfigurationError("as it was raised")

    with pytest.raises(ConfigurationError, match="as it was raised"):
        written(store, broken())
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.parquet"]
    assert pl.read_parquet(store.uri("a/b.parquet")).equals(frame(1))


def test_frames_are_made_in_the_context_of_the_caller(tmp_path: Path) -> None:
    seen = []

    def frames() -> Iterator[pl.DataFrame]:
        for number in (1, 2):
            seen.append(WHO.get())
            yield frame(number)

    token = WHO.set("the caller")
    written(LocalStore(tmp_path), frames())
    WHO.reset(token)
    assert seen == ["the caller", "the caller"]


def test_a_file_that_is_cut_off_while_it_is_read(tmp_path: Path) -> None:
    """Polars panics then, which is no error of Python's."""
    store = LocalStore(tmp_path)
    written(store, iter([frame(*range(100_000))]))
    rows = scan(store, "a/b.parquet")
    rows.collect_schema()
    with (tmp_path / "a/b.parquet").open("r+b") as file:
        file.truncate(1_000)
    with pytest.raises(SourceUnreadableError, match="damaged"), reading(store, "a/b.parquet"):
        rows.slice(90_000).collect()


@pytest.mark.parametrize("held_rows", [1, 2, 100])
def test_a_spool_gives_back_what_it_was_given(tmp_path: Path, held_rows: int) -> None:
    spool = Spool(str(tmp_path), "some", held_rows)
    for numbers in ([1], [], [2, 3], [4]):
        spool.add(frame(*numbers))
    assert spool.rows == 4
    assert pl.concat(spool.frames()).equals(frame(1, 2, 3, 4))
    assert bool(list(tmp_path.iterdir())) == (held_rows < 4)
    store = LocalStore(tmp_path / "lake")
    spool.write(SCHEMA, store, "x.parquet", "one")
    assert pl.read_parquet(store.uri("x.parquet")).equals(frame(1, 2, 3, 4))


def test_a_spool_says_where_it_could_not_write(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    spool = Spool(str(tmp_path / "file"), "some", 1)
    with pytest.raises(ConfigurationError, match=r"file/some-0\.arrow"):
        spool.add(frame(1))


def test_detached_rows_are_the_same_rows() -> None:
    rows = pl.DataFrame({"s": ["a" * 50, "", None, "é\n"], "n": [1, None, 3, 4]})
    assert detached(rows).equals(rows)
