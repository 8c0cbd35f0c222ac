"""Every shape in which a source may come: packed, in parts, another format."""

import gzip
import hashlib
import json
import zlib
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

from blocks.errors import (
    ConfigurationError,
    SchemaDriftError,
    SourceMissingError,
    SourceUnreadableError,
)
from blocks.resources import Resources
from blocks.stores.local import LocalStore
from tasks.entities.contracts import AGENTS
from tasks.entities.references import Bronze
from tasks.reading.land import land
from tasks.reading.packed import unpacked
from tasks.reading.parquet_file import shown
from tasks.reading.shapes import Shape, find

DAY = date(2025, 11, 20)
HEADER = "iD,NamE,experience,state\n"
ROWS = [("1", "ann", "Intern", "Ohio"), ("2", "bob", None, "Utah"), ("3", "eve", "Senior", None)]


def csv(*rows: tuple[str | None, ...]) -> bytes:
    return (HEADER + "".join(",".join(v or "" for v in row) + "\n" for row in rows)).encode()


def records(*rows: tuple[str | None, ...]) -> list[dict[str, str]]:
    names = HEADER.strip().split(",")
    return [{n: v for n, v in zip(names, row, strict=True) if v is not None} for row in rows]


def ndjson(*rows: tuple[str | None, ...]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records(*rows)).encode()


def parquet(path: Path, *rows: tuple[str | None, ...]) -> bytes:
    frame = pl.DataFrame(rows, schema=HEADER.strip().split(","), orient="row")
    frame.write_parquet(path)
    return path.read_bytes()


def put(resources: Resources, **files: bytes) -> None:
    for name, data in files.items():
        resources.source.write(f"agents/{name}", data)


def landed(resources: Resources) -> tuple[Bronze, list[tuple[Any, ...]], dict[str, Any]]:
    bronze = land(AGENTS, DAY, resources)
    rows = pl.read_parquet(resources.lake.uri(bronze.key)).select(HEADER.strip().split(",")).rows()
    manifest = json.loads(resources.lake.read(f"bronze/agents/{DAY}.manifest.json") or "")
    assert bronze.rows == manifest["rows"] == len(rows)
    assert bronze.fingerprint == manifest["fingerprint"]
    return bronze, rows, manifest


@pytest.mark.parametrize(
    ("names", "key", "parts"),
    [
        pytest.param(["a.csv"], "a.csv", ["a.csv"], id="as declared"),
        pytest.param(["a.csv.gz"], "a.csv.gz", ["a.csv.gz"], id="packed"),
        pytest.param(["a.JSONL.zst"], "a.JSONL.zst", ["a.JSONL.zst"], id="another format"),
        pytest.param(["a/2.csv", "a/1.csv"], "a/", ["a/1.csv", "a/2.csv"], id="a folder"),
        pytest.param(
            ["a.csv/_SUCCESS", "a.csv/.part-0.csv.crc", "a.csv/_x/0/y.csv", "a.csv/part-0"],
            "a.csv/",
            ["a.csv/part-0"],
            id="a folder as Spark names it",
        ),
        pytest.param(["a/b/1.csv", "a/b=2/1.csv"], "a/", ["a/b/1.csv", "a/b=2/1.csv"], id="deeper"),
        pytest.param(["a_old.csv", "a.csv.bak", "a", "ab/1.csv"], "a.csv", ["a.csv"], id="others"),
        pytest.param([], "a.csv", ["a.csv"], id="nothing"),
    ],
)
def test_a_shape_is_found(names: list[str], key: str, parts: list[str], tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for name in names:
        store.write(name, b"x")
    assert find(store, "a.csv") == Shape(key, tuple(parts))


@pytest.mark.parametrize(
    "names", [["a.csv", "a.csv.gz"], ["a.csv", "a/1.csv"], ["a/1.csv", "a.parquet/1.parquet"]]
)
def test_two_shapes_are_refused_by_name(names: list[str], tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for name in names:
        store.write(name, b"x")
    with pytest.raises(SourceUnreadableError, match="two shapes") as caught:
        find(store, "a.csv")
    for name in names:
        assert store.uri(name.rpartition("/")[0] or name) in str(caught.value)


def test_an_address_of_its_own_is_that_object_or_folder(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.write("a.csv", b"x")
    store.write("a.csv.gz", b"x")
    store.write("b.csv/part-0.csv", b"x")
    assert find(store, "a.csv", exact=True) == Shape("a.csv", ("a.csv",))
    assert find(store, "b.csv", exact=True) == Shape("b.csv/", ("b.csv/part-0.csv",))


def test_a_folder_without_parts_is_refused(tmp_path: Path) -> None:
    LocalStore(tmp_path).write("a.csv/_SUCCESS", b"")
    with pytest.raises(SourceUnreadableError, match="holds no part"):
        find(LocalStore(tmp_path), "a.csv")


def test_a_folder_that_is_being_written_is_not_there_yet(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for name in ("a.csv/part-0.csv", "a.csv/_temporary/0/task_1/part-1.csv"):
        store.write(name, b"x")
    with pytest.raises(SourceMissingError, match=r"still being written.*a\.csv"):
        find(store, "a.csv")


def test_nothing_there_is_a_missing_source(resources: Resources) -> None:
    put(resources, **{"agents_2.csv": csv(*ROWS)})
    with pytest.raises(SourceMissingError, match=r"agents/agents\.csv"):
        land(AGENTS, DAY, resources)


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize("streams", [1, 2])
def test_a_packed_csv(ending: str, streams: int, resources: Resources) -> None:
    whole = csv(*ROWS)
    cut = len(whole) // streams
    data = b"".join(packed(ending, whole[at : at + cut]) for at in range(0, len(whole), cut))
    put(resources, **{f"agents.csv{ending}": data})
    bronze, rows, manifest = landed(resources)
    assert rows == ROWS
    assert bronze.source.endswith(f"agents.csv{ending}")
    assert manifest["bytes"] == len(data)
    assert manifest["fingerprint"] == hashlib.sha256(data).hexdigest()
    assert manifest["parts"] == []


def packed(ending: str, data: bytes) -> bytes:
    if ending == ".gz":
        return gzip.compress(data)
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize("name", ["agents.csv", "agents.json", "agents.ndjson"])
def test_packed_bytes_without_their_ending(name: str, resources: Resources) -> None:
    put(resources, **{name: gzip.compress(csv(*ROWS))})
    with pytest.raises(SourceUnreadableError, match=r"gzip.*name it with \.gz at its end"):
        land(AGENTS, DAY, resources)


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize("damage", ["cut off", "damaged", "something else", "a name's alone"])
def test_packed_bytes_that_are_damaged(ending: str, damage: str, resources: Resources) -> None:
    data = packed(ending, csv(*((f"{n * 7919}", "ann", "Intern", "Ohio") for n in range(9999))))
    middle = len(data) // 2
    wrong = {
        "cut off": data[:-1],
        "damaged": data[:middle] + bytes(100) + data[middle + 100 :],
        "something else": b"PK\x03\x04" + data,
        "a name's alone": csv(*ROWS),
    }[damage]
    said = {"something else": "Not .*ZIP", "a name's alone": "Not .*something else"}
    put(resources, **{f"agents.csv{ending}": wrong})
    with pytest.raises(SourceUnreadableError, match=said.get(damage, damage)) as caught:
        land(AGENTS, DAY, resources)
    assert f"agents.csv{ending}" in str(caught.value)


def test_what_is_packed_is_unpacked_in_pieces() -> None:
    blocks = unpacked(".gz", "here")(iter([gzip.compress(bytes(200 << 20), 1)]))
    sizes = [len(block) for block in blocks]
    assert sum(sizes) == 200 << 20
    assert max(sizes) < 80 << 20


def test_zeros_after_a_packed_stream_are_padding() -> None:
    data = gzip.compress(b"abc") + bytes(1000)
    assert b"".join(unpacked(".gz", "here")(iter([data]))) == b"abc"
    raw = zlib.compressobj(wbits=31)
    assert b"".join(unpacked(".gz", "here")(iter([raw.flush()]))) == b""


def test_parts_are_one_source_each_with_its_header(resources: Resources) -> None:
    first, second = csv(*ROWS[:2]), gzip.compress(b"state,iD,NamE,experience\nIowa,3,eve,Senior\n")
    put(
        resources,
        **{"agents/part-00000.csv": first, "agents/part-00001.csv.gz": second},
        **{"agents/_SUCCESS": b"", "agents/part-00002.csv": HEADER.encode() * 3},
    )
    bronze, rows, manifest = landed(resources)
    assert rows == [*ROWS[:2], ("3", "eve", "Senior", "Iowa")]
    assert bronze.source.endswith("agents/agents")
    assert [(Path(p["name"]).name, p["size"]) for p in manifest["parts"]] == [
        ("part-00000.csv", len(first)),
        ("part-00001.csv.gz", len(second)),
        ("part-00002.csv", 3 * len(HEADER)),
    ]
    assert manifest["bytes"] == len(first) + len(second) + 3 * len(HEADER)
    assert manifest["headers_again"] == 2
    put(resources, **{"agents/part-00001.csv.gz": gzip.compress(csv(ROWS[2]))})
    assert landed(resources)[0].fingerprint != bronze.fingerprint


@pytest.mark.parametrize("ending", ["ndjson", "jsonl", "json"])
def test_parts_of_json_may_leave_out_what_is_null(ending: str, resources: Resources) -> None:
    # in the first part no row has an experience, as Spark writes it: the column isn't there.
    put(resources, **{f"agents/0.{ending}": ndjson(ROWS[1]), f"agents/1.{ending}": ndjson(*ROWS)})
    assert landed(resources)[1] == [ROWS[1], *ROWS]


@pytest.mark.parametrize("ending", ["ndjson", "json", "json.gz"])
def test_a_part_of_json_may_be_empty(ending: str, resources: Resources) -> None:
    # as Spark writes the first one when a filter left nothing of it.
    pack = gzip.compress if ending.endswith(".gz") else bytes
    put(resources, **{f"agents/0.{ending}": pack(b"")})
    assert land(AGENTS, DAY, resources).rows == 0
    put(resources, **{f"agents/1.{ending}": pack(ndjson(*ROWS))})
    assert landed(resources)[1] == ROWS


def test_a_part_of_json_with_nothing_but_empty_records_is_refused(resources: Resources) -> None:
    put(resources, **{"agents/0.json": b"[{}, {}]", "agents/1.json": ndjson(*ROWS)})
    with pytest.raises(SourceUnreadableError, match=r"empty.*0\.json"):
        land(AGENTS, DAY, resources)


def test_records_by_the_line(resources: Resources) -> None:
    put(resources, **{"agents.jsonl.gz": gzip.compress(b"\n" + ndjson(*ROWS) + b"\r\n")})
    assert landed(resources)[1] == ROWS


def test_last_record_without_a_name_is_a_row(resources: Resources) -> None:
    # its line isn't ended, so it is read apart from the others
    put(resources, **{"agents.ndjson": ndjson(*ROWS) + b"{}"})
    assert landed(resources)[1] == [*ROWS, (None, None, None, None)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (ndjson(*ROWS) + b'{"iD": "secret', "cut off.*line 4"),
        (ndjson(*ROWS) + b"secret\n", "Not JSON.*line 4"),
        (ndjson(*ROWS) + b'{"iD": "\xe9', "UTF-8: byte 0xe9.*line 4, byte 9"),
        (ndjson(*ROWS) + b'["secret"]\n', "Record 4"),
        (csv(*ROWS), "Not JSON.*line 1"),
        (json.dumps(records(*ROWS), indent=1).encode(), "others follow.*line 1.*an array"),
        (ndjson(*ROWS) + b'{"iD": "secret\n' + ndjson(*ROWS), "line 4"),
        (b'{"iD": {"0": "secret"}, "NamE": {"0": "ann"}}\n', "columns, not values"),
        (gzip.compress(ndjson(*ROWS)), "gzip"),
        (b'{"iD": ' + b"[" * 100_000, "too deep|cut off"),
    ],
    ids=[
        "empty",
        "cut",
        "no JSON",
        "Latin-1",
        "an array",
        "CSV",
        "several lines",
        "a line cut",
        "columns",
        "gzip",
        "deep",
    ],
)
def test_records_by_the_line_that_are_none(data: bytes, message: str, resources: Resources) -> None:
    put(resources, **{"agents.ndjson": data})
    with pytest.raises(SourceUnreadableError, match=f"(?s){message}") as caught:
        land(AGENTS, DAY, resources)
    assert "secret" not in str(caught.value)


def test_parquet_alone_and_in_parts(resources: Resources, tmp_path: Path) -> None:
    data = [parquet(tmp_path / "x", *rows) for rows in (ROWS, ROWS[:1], ROWS[1:])]
    put(resources, **{"agents.parquet": data[0]})
    bronze, rows, manifest = landed(resources)
    assert rows == ROWS
    assert bronze.fingerprint == hashlib.sha256(data[0]).hexdigest()
    assert manifest["bytes"] == len(data[0])
    resources.source.delete("agents/agents.parquet")
    name = "agents.parquet/part-0000{}-5f3e-c000.snappy.parquet"
    put(resources, **{name.format(0): data[1], name.format(1): data[2]})
    put(resources, **{"agents.parquet/_SUCCESS": b""})
    assert landed(resources)[1] == ROWS


def test_parquet_that_is_none(resources: Resources, tmp_path: Path) -> None:
    for data in (b"", b"x" * 100, parquet(tmp_path / "x", *ROWS)[:-1]):
        put(resources, **{"agents.parquet": data})
        with pytest.raises(SourceUnreadableError, match=r"Parquet.*agents\.parquet"):
            land(AGENTS, DAY, resources)


@pytest.mark.parametrize("name", ["agents.ndjson", "agents.parquet", "agents/0.csv"])
def test_a_column_called_star_is_one_column(
    name: str, resources: Resources, tmp_path: Path
) -> None:
    frame = pl.DataFrame(ROWS, schema=HEADER.strip().split(","), orient="row")
    frame = frame.with_columns(pl.lit("more").alias("*"))
    getattr(frame, f"write_{Path(name).suffix[1:]}")(tmp_path / "x")
    put(resources, **{name: (tmp_path / "x").read_bytes()})
    assert landed(resources)[1] == ROWS


def test_parquet_with_a_nul(resources: Resources, tmp_path: Path) -> None:
    put(
        resources, **{"agents.parquet": parquet(tmp_path / "x", *ROWS, ("4", "sec\0ret", None, ""))}
    )
    with pytest.raises(SourceUnreadableError, match=r"NUL.*agents\.parquet") as caught:
        land(AGENTS, DAY, resources)
    assert "sec" not in str(caught.value)


@pytest.mark.parametrize("values", [{"b": csv(*ROWS)}, {"b.txt": b""}, {"b.parquet.gz": b""}])
def test_a_part_of_another_kind_is_refused(values: dict[str, bytes], resources: Resources) -> None:
    put(resources, **{"agents/a.csv": csv(*ROWS)})
    put(resources, **{f"agents/{name}": data for name, data in values.items()})
    with pytest.raises(ConfigurationError, match=r"agents/agents/b.*\.csv, \.json"):
        land(AGENTS, DAY, resources)


def test_parts_that_do_not_fit_together(resources: Resources) -> None:
    put(resources, **{"agents/a.csv": csv(*ROWS), "agents/b.csv": b"iD,NamE,state,extra\n"})
    with pytest.raises(SchemaDriftError, match=r"missing 'experience', more 'extra'.*b\.csv"):
        land(AGENTS, DAY, resources)
    put(resources, **{"agents/b.csv": b""})
    with pytest.raises(SourceUnreadableError, match=r"empty.*b\.csv"):
        land(AGENTS, DAY, resources)
    resources.source.delete("agents/agents/b.csv")
    put(resources, **{"agents/b.json": ndjson(*ROWS)})
    with pytest.raises(SourceUnreadableError, match="several formats: csv, json"):
        land(AGENTS, DAY, resources)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (pl.Int64, 1319, "1319"),
        (pl.Float64, 1319.0, "1319"),
        (pl.Float64, -0.5, "-0.5"),
        (pl.Float64, float("nan"), "NaN"),
        (pl.Float64, float("-inf"), "-Infinity"),
        (pl.Float32, 0.1, "0.1"),
        (pl.Boolean, True, "true"),
        (pl.Decimal(10, 2), Decimal("1319"), "1319.00"),
        (pl.Date, DAY, "2025-11-20"),
        (pl.Datetime("ms"), datetime(2025, 11, 20, 10), "2025-11-20 10:00:00"),  # noqa: DTZ001
        (pl.Datetime("us"), datetime(2025, 11, 20, 10, 0, 0, 500_000), "2025-11-20 10:00:00.5"),  # noqa: DTZ001
        (
            pl.Datetime("us", "Asia/Tokyo"),
            datetime(2025, 11, 20, 10, tzinfo=UTC),
            "2025-11-20 10:00:00+00",
        ),
        (pl.Time, time(10, 0, 0, 250_000), "10:00:00.25"),
        (pl.Categorical, "x", "x"),
        (pl.Binary, b"x", "x"),
        (pl.List(pl.Int64), [1, None], "[1,null]"),
        (pl.Struct({"a": pl.String}), {"a": "é"}, '{"a":"é"}'),
    ],
)
def test_values_of_parquet_are_the_text_of_sql(kind: Any, value: Any, text: str) -> None:
    frame = pl.DataFrame({"x": [value, None]}, schema={"x": kind})
    found = frame.select(shown(pl.col("x"), frame.schema["x"]).alias("x"))
    assert found["x"].to_list() == [text, None]
