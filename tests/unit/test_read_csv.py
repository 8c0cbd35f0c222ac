"""CSV is read exactly as Python's csv module reads it, or refused with the line at fault."""

import csv
import hashlib
import io
import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.errors import SourceUnreadableError
from tasks.entities.labels import unique_labels
from tasks.reading import csv_file as module
from tasks.reading.csv_file import read_csv


def rows_of(
    data: bytes, block: int = 1 << 20, delimiter: str = ",", encoding: str = "utf-8"
) -> list[tuple[str | None, ...]]:
    blocks = [data[i : i + block] for i in range(0, len(data), block)]
    source = read_csv(blocks, "here.csv", delimiter, encoding)
    frames = list(source.frames)
    assert all(dtype == pl.String for frame in frames for dtype in frame.dtypes)
    assert all(frame.columns == unique_labels(source.labels) for frame in frames)
    assert source.bytes.size == len(data)
    assert source.bytes.fingerprint == hashlib.sha256(data).hexdigest()
    return [row for frame in frames for row in frame.rows()]


def by_the_csv_module(data: bytes, delimiter: str) -> list[tuple[str | None, ...]] | None:
    """What the csv module reads below the header, or None where it or the row's width refuses."""
    # universal newlines are off and a line feed alone ends a line, as the format says; a carriage
    # return elsewhere, which the module doesn't know, is a NUL meanwhile.
    text = re.sub("\r(?!\n|$)", "\0", data.decode())
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    try:
        rows = [row for row in csv.reader(lines, delimiter=delimiter, strict=True) if row]
    except csv.Error:
        return None
    if any(len(row) != len(rows[0]) for row in rows):
        return None
    return [tuple(value.replace("\0", "\r") or None for value in row) for row in rows[1:]]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"a,b\n1,2\n", [("1", "2")], id="plain"),
        pytest.param(b"a,b\n1,2", [("1", "2")], id="no last line feed"),
        pytest.param(b"\xef\xbb\xbfa,b\r\n1,2\r\n", [("1", "2")], id="byte order mark, CRLF"),
        pytest.param(b"\xef\xbb\xbf\na,b\n1,2\n", [("1", "2")], id="byte order mark, blank line"),
        pytest.param(b"\n\r\na,b\n\n1,2\n\r\n\n3,4\n\n", [("1", "2"), ("3", "4")], id="blank"),
        pytest.param(b'a,b\n"x\ny","1,""2"""\n', [("x\ny", '1,"2"')], id="quoted"),
        pytest.param(b'a,b\n"",\n,""\n', [(None, None), (None, None)], id="empty values"),
        pytest.param(b"a,b\n 1\t, NULL \n", [(" 1\t", " NULL ")], id="outer space is kept"),
        pytest.param(b'a,b\n6\'2",5" pipe\n', [("6'2\"", '5" pipe')], id="quotes in the open"),
        pytest.param(b'a,b\n"1\r2","\r\n"\n', [("1\r2", "\r\n")], id="carriage returns"),
        pytest.param(b',b\n0,"x\ry"\n', [("0", "x\ry")], id="carriage return next to an index"),
        pytest.param(b"a,b\n1\r2,\r\n\r3,4\n", [("1\r2", None), ("\r3", "4")], id="CR unquoted"),
        pytest.param(b"a,b\n#1,#\n", [("#1", "#")], id="no comments"),
        pytest.param("a,b\nß,日本\n".encode(), [("ß", "日本")], id="beyond ASCII"),
        pytest.param(b"a,b\n", [], id="header only"),
        pytest.param(b"a,b", [], id="header only, no line feed"),
        pytest.param(b'"a\nb",c\n1,2\n', [("1", "2")], id="line feed in a label"),
    ],
)
@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_reads(data: bytes, expected: list[tuple[str | None, ...]], block: int) -> None:
    assert rows_of(data, block) == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"\xef\xbb\xbf\n\n", "empty", id="nothing but blank lines"),
        pytest.param(b"a,b,c\n1,2,3\n4,5\n6,7,8\n", "2 values under 3.*line 3", id="short"),
        pytest.param(b"a,b,c\n1,2,3\n4,5,6,7\n", "4 values under 3.*line 3", id="long"),
        pytest.param(b"a,b,c\n1,2,3,4\n1,2\n", "4 values under 3.*line 2", id="long, then short"),
        pytest.param(b"a,b\n1,2\n3,4,", "3 values under 2.*line 3", id="a comma at the very end"),
        pytest.param(b'a,b,c\n"x\ny",2,3\n1,2\n', "2 values under 3.*line 4", id="after quotes"),
        pytest.param(b"a,b,c\n1,2,3\n4,5", "2 values.*cut off.*line 3", id="cut off in a line"),
        pytest.param(b'a,b\n1,2\n3,"4\n5,6\n', "cut off.*line 3", id="cut off in quotes"),
        pytest.param(b'a,b\n1,"2"x\n', "Not CSV.*line 2", id="text after quotes"),
        pytest.param(b"a,b\n1,2\r3,4\r", "carriage returns alone.*line 2", id="old Mac lines"),
        pytest.param(b"a,b\r1,2\r", "carriage returns alone", id="nothing but old Mac lines"),
        pytest.param(b"a,b\n1,2\n3,\xff\n", "UTF-8: byte 0xff.*line 3", id="Latin-1"),
        pytest.param(b'a,b\n1,"\n2"\n3,\xe9"\n', "UTF-8: byte 0xe9.*line 4", id="Latin-1, quotes"),
        pytest.param(b"\xe9,b\n1,2\n", "UTF-8.*line 1", id="Latin-1 label"),
        pytest.param("a,b\n1,2\n".encode("utf-16"), "UTF-16", id="UTF-16"),
        pytest.param(b"a,b\n1,2\n3,\x00\n", "NUL.*line 3", id="NUL byte"),
        pytest.param(b"a\x00,b\n1,2\n", "NUL.*line 1", id="NUL byte in the header"),
        pytest.param(b'{"a": {"0": 1}}', "JSON", id="JSON"),
        pytest.param(b' [{"a": 1}]', "JSON", id="JSON records"),
        pytest.param(b"<!DOCTYPE html><html>", "HTML", id="HTML"),
        pytest.param(b"\x1f\x8b\x08\x00abc", "gzip", id="gzip"),
        pytest.param(b"\x28\xb5\x2f\xfdabc", "Zstandard", id="Zstandard"),
        pytest.param("a,b\n1,2\n".encode("utf-32"), "UTF-32", id="UTF-32"),
        pytest.param("a,b\n1,2\n".encode("utf-16-le"), "UTF-16|NUL", id="UTF-16 without mark"),
        pytest.param(b"+/v8-a,b\n1,2\n", "UTF-7", id="UTF-7"),
        pytest.param(b"a;b;c\n1;2;3\n", "by semicolons, not by commas.*line 1", id="semicolons"),
        pytest.param(b"a\tb\n1\t2\n", "by tabs, not by commas", id="tabs"),
        pytest.param(b"a b|c,d|e|f\n1|2|3\n", "by bars, not by commas", id="bars"),
        pytest.param(b"PK\x03\x04abc", "Excel", id="Excel"),
        pytest.param(b'a,"b\n1,2\n', "cut off|header", id="label not closed"),
    ],
)
@pytest.mark.parametrize("block", [1, 5, 1 << 20])
def test_refuses(data: bytes, message: str, block: int) -> None:
    with pytest.raises(SourceUnreadableError, match=f"(?s){message}") as caught:
        rows_of(data, block)
    assert "here.csv" in str(caught.value)
    assert caught.value.todo


@pytest.mark.parametrize(
    ("encoding", "data", "message"),
    [
        ("ascii", b"a;b\n1;2\n\n3;\xe9\n", "Not ascii: byte 0xe9.*line 4"),
        ("cp1252", b"\x81;b\n1;2\n", "Not cp1252: byte 0x81.*line 1"),
        ("utf-16", "a;b\n1;2\n".encode("utf-16")[:-1], "Not utf-16"),
    ],
)
@pytest.mark.parametrize("block", [1, 5, 1 << 20])
def test_refuses_what_is_not_in_the_declared_encoding(
    encoding: str, data: bytes, message: str, block: int
) -> None:
    with pytest.raises(SourceUnreadableError, match=f"(?s){message}"):
        rows_of(data, block, ";", encoding)


@pytest.mark.parametrize(
    ("data", "expected", "again"),
    [
        pytest.param("a,b\n1,2\na,b\n3,4\na,b\n", [("1", "2"), ("3", "4")], 2, id="files joined"),
        pytest.param('"a","b"\n1,2\na,b\n', [("1", "2")], 1, id="quoted once"),
        pytest.param("\ufeffa,b\n1,2\n\ufeffa,b\n", [("1", "2")], 1, id="with their marks"),
        pytest.param(",b\n0,2\n,b\n1,3\n", [("0", "2"), ("1", "3")], 1, id="an index"),
        pytest.param("a,b\na,1\n2,b\nb,a\nA,b\n a,b\n", None, 0, id="other rows"),
        pytest.param('a,"b""c"\na,"b""c"\n', [], 1, id="quotes in a label"),
        pytest.param("a\n1\na\n2\n", [("1",), ("2",)], 1, id="one column"),
        pytest.param("aa,aa\naa,b\naa,aa\n", [("aa", "b")], 1, id="a label twice"),
        pytest.param("a,,\n,,\na,,\n", [(None, None, None)], 1, id="labels that are empty"),
    ],
)
@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_a_header_again_is_no_row(
    data: str, expected: list[tuple[str | None, ...]] | None, again: int, block: int
) -> None:
    encoded = data.encode()
    if expected is None:
        expected = by_the_csv_module(encoded, ",")
    source = read_csv([encoded[i : i + block] for i in range(0, len(encoded), block)], "here.csv")
    assert [row for frame in source.frames for row in frame.rows()] == expected
    assert source.headers_again == again


def test_a_mark_within_a_file_is_part_of_its_value() -> None:
    data = "\ufeffa,b\n\ufeff1,2\n\ufeff3,\ufeff4\n\ufeff\ufeff,5\n".encode()
    expected = [("\ufeff1", "2"), ("\ufeff3", "\ufeff4"), ("\ufeff\ufeff", "5")]
    for block in range(1, len(data) + 1):
        assert rows_of(data, block) == expected


def test_a_refusal_quotes_no_value() -> None:
    with pytest.raises(SourceUnreadableError) as caught:
        rows_of(b"a,b,c\n1,secret,3\n4,secret\n")
    assert "secret" not in str(caught.value)


def test_a_value_of_10_mb() -> None:
    value = "x" * 10_000_000
    assert rows_of(f"a,b\n1,{value}\n2,y\n".encode()) == [("1", value), ("2", "y")]
    quoted = value.replace("xxx", '\n,"', 5)
    text = io.StringIO()
    csv.writer(text).writerows([("a", "b"), ("1", quoted), ("2", 'in " quotes')])
    assert rows_of(text.getvalue().encode()) == [("1", quoted), ("2", 'in " quotes')]


def test_a_label_that_never_closes_is_refused_in_linear_time() -> None:
    lines = b'"a,b\n' + b"1,2\n" * 1_000_000
    with pytest.raises(SourceUnreadableError, match=r"megabyte|cut off"):
        rows_of(lines, 1 << 20)


def test_a_header_of_16_384_empty_cells() -> None:
    data = b"a,b" + b"," * 16_382 + b"\n" + (b"1,2" + b"," * 16_382 + b"\n") * 2
    frames = list(read_csv([data], "here.csv").frames)
    assert [frame.shape for frame in frames] == [(2, 16_384)]
    assert frames[0].select("a", "b", "_2").rows() == [("1", "2", None)] * 2


def test_a_value_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_VALUE", 1000)
    for row in (b'1,"2\n' + b"x,y\n" * 1000, b'1"",' + b"x" * 1001 + b"\n"):
        with pytest.raises(SourceUnreadableError, match=r"quote not closed.*line 2"):
            rows_of(b"a,b\n" + row)


def test_a_quote_that_never_closes_does_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RECORD_BYTES", 1000)
    endless = (b"x,y\n" * 100 for _ in range(1_000_000))
    source = read_csv((block for part in ([b'a,b\n1,"2\n'], endless) for block in part), "here.csv")
    with pytest.raises(SourceUnreadableError, match=r"not closed.*line 2"):
        list(source.frames)
    assert source.bytes.size < 10_000


FIELD = st.text(alphabet='ab ,;"\n\té\x85', max_size=5)
DECLARED = [(",", "utf-8"), (";", "utf-8"), ("\t", "latin-1"), ("|", "utf-16")]
WRITTEN = st.builds(
    lambda rows, quoting, end: (rows, quoting, end),
    st.integers(2, 4).flatmap(
        lambda width: st.lists(
            st.lists(FIELD, min_size=width, max_size=width), min_size=1, max_size=8
        )
    ),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
)


@settings(max_examples=300, deadline=None)
@given(written=WRITTEN, block=st.integers(1, 40), declared=st.sampled_from(DECLARED))
def test_what_a_csv_writer_wrote_comes_back(
    written: tuple[list[list[str]], int, str], block: int, declared: tuple[str, str]
) -> None:
    delimiter, encoding = declared
    rows, quoting, end = written
    text = io.StringIO()
    writer = csv.writer(
        text,
        quoting=quoting,  # type: ignore[arg-type]
        lineterminator=end,
        delimiter=delimiter,
    )
    writer.writerow([f"c{i}" for i in range(len(rows[0]))])
    writer.writerows(rows)
    assert rows_of(text.getvalue().encode(encoding), block, *declared) == [
        tuple(value or None for value in row) for row in rows
    ]


@settings(max_examples=500, deadline=None)
@given(
    body=st.lists(
        st.sampled_from(["a", ",", ";", '"', "\n", "\r\n", "\r", " ", "é", "\ufeff"]), max_size=30
    ),
    block=st.integers(1, 40),
    delimiter=st.sampled_from(",;"),
)
def test_any_text_reads_as_the_csv_module_reads_it(
    body: list[str], block: int, delimiter: str
) -> None:
    data = (f"x{delimiter}y\n" + "".join(body)).encode()
    expected = by_the_csv_module(data, delimiter)
    if expected is None:
        with pytest.raises(SourceUnreadableError):
            rows_of(data, block, delimiter)
    else:
        assert rows_of(data, block, delimiter) == expected
