"""A folder as a store: what it gives, and what it says when the file system refuses."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from blocks.errors import ConfigurationError, SourceMissingError, TerminalError
from blocks.stores.local import STALE_SECONDS, LocalStore
from blocks.stores.opening import opened

NOBODY = 65_534


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


@contextmanager
def refused(folder: Path) -> Iterator[None]:
    """Nobody may enter the folder: root isn't asked for permission, so root steps down."""
    root = os.geteuid() == 0
    folder.chmod(0o000)
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)


def sink(store: LocalStore, key: str) -> None:
    with store.writing(key) as uri:
        pl.LazyFrame({"a": [1]}).sink_parquet(uri)


def scan(store: LocalStore, key: str) -> None:
    with store.translating(key):
        pl.scan_parquet(store.uri(key)).collect()


def test_what_was_written_is_there(store: LocalStore, tmp_path: Path) -> None:
    store.write("a/b.json", b"1")
    store.write("a/b.json", b"2")
    assert store.read("a/b.json") == b"2"
    assert store.read("a/none") is None
    assert store.local_copy("a/b.json", tmp_path) == tmp_path / "a" / "b.json"
    store.delete("a/b.json")
    store.delete("a/b.json")
    assert list((tmp_path / "a").iterdir()) == []


def test_a_file_appears_whole_or_not_at_all(store: LocalStore, tmp_path: Path) -> None:
    store.write("a", b"before")

    def write_half() -> None:
        with store.writing("a") as part:
            Path(part).write_bytes(b"after")
            raise RuntimeError("the source was cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        write_half()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"before"}


def test_what_killed_writers_left_is_removed(store: LocalStore, tmp_path: Path) -> None:
    for name, age in {".a[1].00000000": STALE_SECONDS + 60, ".a[1].11111111": 60}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").touch()
        os.utime(tmp_path / name, times=(0, time.time() - age))
    (tmp_path / ".b.00000000").mkdir()
    os.utime(tmp_path / ".b.00000000", times=(0, 0))
    store.write("a[1]", b"")
    assert {path.name for path in tmp_path.iterdir()} == {"a[1]", ".a[1].11111111", ".b.00000000"}


def test_another_writer_of_the_same_file_may_end_meanwhile(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two loads write the same record: what the other has half written is gone a moment later."""
    monkeypatch.setattr(Path, "glob", lambda folder, _: iter([folder / ".a.00000000"]))
    store.write("a", b"ours")
    assert store.read("a") == b"ours"


@pytest.mark.parametrize("read", [lambda s, key: s.local_copy(key, s.root), scan])
def test_a_missing_file(store: LocalStore, read: Callable[[LocalStore, str], object]) -> None:
    with pytest.raises(SourceMissingError, match="The file does not exist") as caught:
        read(store, "call logs/a.parquet")
    assert caught.value.where == str(store.root / "call logs" / "a.parquet")


def test_a_missing_folder(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "none")
    for read in (store.check, lambda: store.local_copy("a.csv", tmp_path)):
        with pytest.raises(ConfigurationError, match="The folder does not exist") as caught:
            read()
        assert caught.value.where == str(tmp_path / "none")


VERBS: dict[str, Callable[[LocalStore], object]] = {
    "local_copy": lambda store: store.local_copy("a.parquet", store.root),
    "read": lambda store: store.read("a.parquet"),
    "write": lambda store: store.write("a.parquet", b""),
    "copy": lambda store: store.copy("a.parquet", "b.parquet"),
    "delete": lambda store: store.delete("a.parquet"),
    "sink": lambda store: sink(store, "a.parquet"),
    "scan": lambda store: scan(store, "a.parquet"),
    "check": lambda store: store.check(),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_no_permission(tmp_path: Path, verb: Callable[[LocalStore], object]) -> None:
    store = LocalStore(tmp_path / "closed")
    sink(store, "a.parquet")
    with (
        refused(store.root),
        pytest.raises(ConfigurationError, match="The file system refused"),
    ):
        verb(store)


@pytest.mark.parametrize(
    "write",
    [
        lambda part: Path(part).write_bytes(b"1"),
        lambda part: pl.LazyFrame({"a": range(10_000)}).sink_parquet(part),
    ],
    ids=["python", "polars"],
)
def test_a_full_disk(store: LocalStore, write: Callable[[str], object]) -> None:
    store.write("a.parquet", b"before")

    def fill() -> None:
        with store.writing("a.parquet") as part:
            Path(part).symlink_to("/dev/full")
            write(part)

    with pytest.raises(TerminalError, match="The disk is full") as caught:
        fill()
    assert caught.value.where == str(store.root / "a.parquet")
    assert store.read("a.parquet") == b"before"


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "lake").touch()
    with pytest.raises(ConfigurationError, match="A file stands where a folder should be"):
        LocalStore(tmp_path / "lake").write("bronze/a.json", b"")


def test_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert opened("file:///data/a%20b") == LocalStore(Path("/data/a b"))
    assert opened("sources") == LocalStore(tmp_path / "sources")
    for url in ("gs://bucket/prefix", "https://example.com/sources"):
        with pytest.raises(ConfigurationError, match="can't be read"):
            opened(url)
