"""S3 as a store over HTTP, through boto3 and through Polars' own object store."""

import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from blocks.errors import (
    ConfigurationError,
    CoreTelecomsError,
    SourceMissingError,
    StoreUnavailableError,
    TerminalError,
)
from blocks.stores import s3 as s3_module
from blocks.stores.opening import opened
from blocks.stores.s3 import Access, S3Store, from_environment
from blocks.stores.store import Store
from tests.integration.s3_server import KEY, S3, SECRET

FRAME = pl.LazyFrame({"a": [1, 2, 3]})
KEY_WITH_SPACE = "call logs/call_logs_day_2025-11-21.csv"


def sink(store: Store) -> None:
    with store.writing("a.parquet") as uri:
        FRAME.sink_parquet(uri, storage_options=store.storage_options)


def scan(store: Store) -> None:
    with store.translating("a.parquet"):
        uri = store.uri("a.parquet")
        pl.scan_parquet(uri, storage_options=store.storage_options, glob=False).collect()


def download(store: Store) -> None:
    spool = Path("spool")
    spool.mkdir()
    try:
        store.local_copy(KEY_WITH_SPACE, spool)
    finally:
        failed = not (spool / Path(KEY_WITH_SPACE).name).exists()
        assert failed or (spool / Path(KEY_WITH_SPACE).name).read_bytes() == b"id\n1\n"


VERBS: dict[str, Callable[[Store], object]] = {
    "local_copy": download,
    "read": lambda store: store.read("small"),
    "write": lambda store: store.write("small", b"2"),
    "delete": lambda store: store.delete("small"),
    "check": lambda store: store.check(),
    "sink": sink,
    "scan": scan,
}
every_verb = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)


@pytest.fixture
def empty(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with nothing in it, for verbs that never get so far as to look."""
    monkeypatch.chdir(tmp_path)
    return opened("s3://lake/some prefix/")


@pytest.fixture
def store(s3: S3, empty: Store) -> Store:
    """A store that holds what every verb needs."""
    empty.write(KEY_WITH_SPACE, b"id\n1\n")
    empty.write("small", b"1")
    sink(empty)
    s3.headers.clear()
    return empty


@every_verb
def test_it_works(store: Store, verb: Callable[[Store], object]) -> None:
    verb(store)


def test_what_was_written_is_there(s3: S3, store: Store) -> None:
    assert store.read("small") == b"1"
    store.write("small", b"2")
    assert store.read("small") == b"2"
    assert store.read("none") is None
    store.delete("small")
    store.delete("small")
    assert list(s3.objects()) == ["some prefix/a.parquet", f"some prefix/{KEY_WITH_SPACE}"]
    assert store.url == "s3://lake/some prefix"
    assert store.uri("a b") == "s3://lake/some prefix/a b"


def test_keys_that_begin_so_in_their_order(
    s3: S3, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("day/2.csv", "day/10.csv", "day.csv", "da", "other/day", "day é/_SUCCESS"):
        store.write(name, b"")
    s3.client().put_object(Bucket="lake", Key="some prefix/day/")
    begun = ["day.csv", "day/", "day/10.csv", "day/2.csv", "day é/_SUCCESS"]
    assert sorted(store.keys("day")) == sorted(begun)
    assert store.keys("day/") == ["day/", "day/10.csv", "day/2.csv"]
    assert store.keys("none") == []
    for number in range(1001):  # more than S3 gives at a time
        store.write(f"many/{number:04}", b"")
    assert store.keys("many/") == [f"many/{number:04}" for number in range(1001)]


def test_an_object_appears_whole_or_not_at_all(s3: S3, store: Store) -> None:
    before = s3.objects()

    def write_half() -> None:
        with store.writing("a.parquet") as uri:
            pl.LazyFrame({"a": [9]}).sink_parquet(uri, storage_options=store.storage_options)
            raise RuntimeError("the source was cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        write_half()
    assert s3.objects() == before


def test_objects_of_many_parts(s3: S3, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_module, "COPY_BYTES", 8 << 20)
    numbers = pl.DataFrame({"n": pl.Series(range(4_000_000))}).lazy()
    with store.writing("big.parquet") as uri:
        numbers.sink_parquet(uri, compression="uncompressed", storage_options=store.storage_options)
    big = s3.client().head_object(Bucket="lake", Key="some prefix/big.parquet")
    assert big["ContentLength"] > 30_000_000
    assert re.search(r'-\d+"$', big["ETag"]), "copied in parts"
    scan = pl.scan_parquet(store.uri("big.parquet"), storage_options=store.storage_options)
    assert scan.select(pl.col("n").sum()).collect().item() == 3_999_999 * 2_000_000


@every_verb
def test_a_missing_bucket(empty: Store, verb: Callable[[Store], object]) -> None:
    with pytest.raises(ConfigurationError, match="The bucket nolake does not exist") as caught:
        verb(opened("s3://nolake/some prefix"))
    assert "s3://nolake/some prefix" in caught.value.where
    assert "create the bucket" in caught.value.todo


@pytest.mark.parametrize("verb", [download, scan], ids=["local_copy", "scan"])
def test_a_missing_object(s3: S3, store: Store, verb: Callable[[Store], object]) -> None:
    key = KEY_WITH_SPACE if verb is download else "a.parquet"
    with pytest.raises(SourceMissingError) as caught:
        verb(opened("s3://lake/other"))
    assert caught.value.where == f"s3://lake/other/{key}"


def test_each_missing_object_is_named_by_itself(s3: S3) -> None:
    """Polars' own words name the first one that the process asked for, every time."""
    said = []
    for prefix in ("one", "two"):
        with pytest.raises(SourceMissingError) as caught:
            scan(opened(f"s3://lake/{prefix}"))
        said.append(str(caught.value))
        assert caught.value.__suppress_context__  # no log shows Polars' words behind ours
    assert [("s3://lake/one/" in text, "s3://lake/two/" in text) for text in said] == [
        (True, False),
        (False, True),
    ]


@every_verb
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "AccessDenied"),
        (403, "InvalidAccessKeyId"),
        (403, "SignatureDoesNotMatch"),
        (400, "ExpiredToken"),
    ],
)
def test_wrong_credentials(
    s3: S3, empty: Store, verb: Callable[[Store], object], status: int, code: str
) -> None:
    s3.fail(status, code)
    with pytest.raises(ConfigurationError, match="S3 refused access") as caught:
        verb(empty)
    assert "AWS_*" in caught.value.todo
    assert KEY not in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


@every_verb
@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (500, "InternalError")])
def test_throttling_that_passes(
    s3: S3, store: Store, verb: Callable[[Store], object], status: int, code: str
) -> None:
    s3.fail(status, code, times=1)
    verb(store)
    assert s3.fault is None, "it was met"


@every_verb
@pytest.mark.parametrize("status", [503, 0], ids=["slow down", "connection cut"])
def test_an_outage_that_lasts(
    s3: S3, empty: Store, verb: Callable[[Store], object], status: int
) -> None:
    s3.fail(status, "SlowDown")
    with pytest.raises(StoreUnavailableError) as caught:
        verb(empty)
    assert caught.value.where.startswith("s3://lake/some prefix")


@pytest.mark.parametrize("verb", [download, sink, scan])
def test_nobody_listens(
    empty: Store, verb: Callable[[Store], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(StoreUnavailableError, match="did not answer"):
        verb(opened("s3://lake/some prefix"))


@pytest.mark.parametrize("verb", [sink, scan])
def test_a_bucket_in_another_region(s3: S3, empty: Store, verb: Callable[[Store], object]) -> None:
    s3.fail(301, "PermanentRedirect")
    with pytest.raises(ConfigurationError, match="another region") as caught:
        verb(empty)
    assert "AWS_DEFAULT_REGION" in caught.value.todo


@every_verb
@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "no AWS credentials"),
        ({"AWS_SECRET_ACCESS_KEY": None}, "boto3 could not be set up"),
        ({"AWS_PROFILE": "nobody"}, "ProfileNotFound"),
        ({"AWS_ENDPOINT_URL": "nonsense"}, "endpoint is not an address"),
    ],
    ids=["no credentials", "no secret", "no such profile", "endpoint without scheme"],
)
def test_settings_that_cannot_work(
    empty: Store,
    verb: Callable[[Store], object],
    environment: dict[str, str | None],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=says):
        verb(opened("s3://lake/some prefix"))


@every_verb
def test_a_session_token_goes_along(
    s3: S3, store: Store, verb: Callable[[Store], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-role-for-an-hour")
    verb(opened("s3://lake/some prefix"))
    assert s3.headers
    assert {request["x-amz-security-token"] for request in s3.headers} == {"a-role-for-an-hour"}


def test_credentials_are_renewed(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    access = Access(from_environment)
    first = access.client()
    assert access.client() is first
    monkeypatch.setattr(s3_module, "KEEP_SECONDS", -1.0)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAROTATED")
    assert access.client() is not first
    assert access.storage_options()["aws_access_key_id"] == "AKIAROTATED"


def test_a_full_disk_where_downloads_go(s3: S3, store: Store, tmp_path: Path) -> None:
    (tmp_path / Path(KEY_WITH_SPACE).name).symlink_to("/dev/full")
    with pytest.raises(TerminalError, match="The disk is full"):
        store.local_copy(KEY_WITH_SPACE, tmp_path)


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "s3:bucket"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ConfigurationError, match="Not an S3 address"):
        opened(url)


def test_no_secret_in_the_store_itself(store: Store) -> None:
    assert SECRET not in repr(store)
    assert isinstance(store, S3Store)


def test_errors_of_the_block_pass(store: Store) -> None:
    with pytest.raises(CoreTelecomsError) as caught, store.writing("a.parquet"):
        raise SourceMissingError("something else", where="elsewhere")
    assert caught.value.where == "elsewhere"
