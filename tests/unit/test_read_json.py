"""The shapes of JSON that are read as a table, and what is refused."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.errors import SchemaDriftError, SourceUnreadableError
from tasks.reading import json_columns
from tasks.reading import json_file as module
from tasks.reading.json_columns import read_columns
from tasks.reading.json_file import read_json
from tasks.reading.json_values import Object


def table(text: str | bytes) -> dict[str, list[str | None]]:
    data = text.encode() if isinstance(text, str) else text
    source = read_json([data[:5], data[5:]], "here.json", ["a", "b"])
    frames = list(source.frames)
    assert source.bytes.fingerprint == hashlib.sha256(data).hexdigest()
    assert source.bytes.size == len(data)
    return {
        label: [value for frame in frames for value in frame[label].to_list()]
        for label in source.labels
    }


AB = {"a": ["1", None], "b": ["x", "y"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"a": {"0": "1", "1": null}, "b": {"0": "x", "1": "y"}}', AB, id="columns"),
        pytest.param('{"a": {"9": "1", "2": null}, "b": {"2": "y", "9": "x"}}', AB, id="aligned"),
        pytest.param('{"a": ["1", null], "b": ["x", "y"]}', AB, id="columns as arrays"),
        pytest.param('[{"a": "1", "b": "x"}, {"b": "y", "a": null}]', AB, id="records"),
        pytest.param('[{"a": "1", "b": "x"}, {"b": "y"}]', AB, id="a value missing"),
        pytest.param('{"a": "1", "b": "x"}\n{"a": null, "b": "y"}\n', AB, id="lines"),
        pytest.param(
            '{"": {"0": 0, "1": 1}, "a": {"0": "1", "1": null}, "b": {"0": "x", "1": "y"}}',
            {"": ["0", "1"], **AB},
            id="an index without a name",
        ),
        pytest.param('\ufeff{"a":"1","b":"x"}\r\n\r\n{"b":"y"}', AB, id="lines, CRLF, mark"),
        pytest.param('{"a": "1", "b": "x"}', {"a": ["1"], "b": ["x"]}, id="one line"),
        pytest.param('[{"b": "x"}, {"a": "1"}]', {"b": ["x", None], "a": [None, "1"]}, id="order"),
        pytest.param("[]", {"a": [], "b": []}, id="no record"),
        pytest.param('{"a": {}, "b": {}}', {"a": [], "b": []}, id="no row"),
        pytest.param("{}", {}, id="no column"),
        pytest.param('[{"a": "NULL", "b": ""}]', {"a": ["NULL"], "b": [""]}, id="as it is"),
    ],
)
def test_shapes(text: str, expected: dict[str, list[str | None]]) -> None:
    assert table(text) == expected
    assert list(table(text)) == list(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("null", None),
        ("true", "true"),
        ("false", "false"),
        ("1319", "1319"),
        ("1319.0", "1319.0"),
        ("-0", "-0"),
        ("1e400", "1e400"),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        ("NaN", None),
        ('"NaN"', "NaN"),
        ("[NaN]", "[null]"),
        ("-Infinity", "-Infinity"),
        ("9" * 5000, "9" * 5000),
        (' [1, 2.50, {"k": ["é", null, true]} ] ', '[1,2.50,{"k":["é",null,true]}]'),
        ('{"k": "\\"\\u00e9\\n"}', '{"k":"\\"é\\n"}'),
        ('" \\u00a0x\\t"', " \u00a0x\t"),
        ('"\\ud83d\\ude00"', "😀"),
    ],
)
def test_values_keep_their_spelling(value: str, expected: str | None) -> None:
    assert table(f'[{{"a": {value}, "b": "x"}}]') == {"a": [expected], "b": ["x"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "empty", id="nothing"),
        pytest.param(" \n", "empty", id="blank"),
        pytest.param('{"a": {"0": "secret"}, "b": {"0": "y', "cut off", id="cut off in a value"),
        pytest.param('{"a": {"0": "secret"}, "b": {"0"', "cut off", id="cut off in an object"),
        pytest.param(
            '{"a": {"0": "secret"}{"b": {"0": "y"}}', "Not JSON", id="a brace for a comma"
        ),
        pytest.param('[{"a": "secret"},', "cut off", id="cut off between records"),
        pytest.param('{"a": "1"}\n{"a": "secret', "cut off.*line 2", id="cut off in a line"),
        pytest.param('{"a": "1"}\nsecret\n', "Not JSON.*line 2", id="a line of something else"),
        pytest.param('{"a": "1"}\n["secret"]\n', "Record 2", id="a line that is no object"),
        pytest.param('[{"a": "1"}, "secret"]', "Record 2", id="a record that is no object"),
        pytest.param("[1]\n[2]", "more after the end", id="two arrays"),
        pytest.param("a,b\n1,secret\n", "Not JSON", id="CSV"),
        pytest.param("<html></html>", "HTML", id="HTML"),
        pytest.param(b"\x1f\x8b\x08abc", "gzip", id="gzip"),
        pytest.param('"secret"', "neither columns nor records", id="a string"),
        pytest.param("null", "neither columns nor records", id="null"),
        pytest.param('{"a": {"0": "1"}, "b": "x"}', "by row, others", id="mixed"),
        pytest.param('{"a": {"0": "1", "0": "secret"}}', "label twice", id="a row label twice"),
        pytest.param("[" * 100_000, "too deep|cut off", id="deep"),
        pytest.param('{"a": "1"}\n' + "[" * 100_000, "too deep|cut off", id="deep in a line"),
        pytest.param('[{"a": ' + "[" * 900 + "1" + "]" * 900 + "}]", "too deep", id="deep value"),
        pytest.param('{\n"a": "1"\n}\n{\n"a": "2"\n}', "several lines each", id="several lines"),
        pytest.param('{"0": {"a": "1", "b": "x"}, "1": {"a": "2"}}', "'index'", id="index"),
        pytest.param('{"0": {"a": "1"}, "1": {"a": "2"}}', "'index'", id="index, all there"),
        pytest.param('{"columns": ["a"], "index": [0], "data": [["1"]]}', "'split'", id="split"),
        pytest.param('{"schema": {"fields": []}, "data": [{"a": "1"}]}', "'table'", id="table"),
        pytest.param('[["secret", "x"], ["2", "y"]]', "'values'", id="values"),
        pytest.param('[{"a": "x\\u0000y"}]', "NUL", id="NUL"),
        pytest.param('[{"a": "x\x00y"}]', "Not JSON|NUL", id="NUL byte"),
        pytest.param('[{"a": "\\ud800"}]', "surrogate", id="half a character"),
        pytest.param('[{"a": "caf\xe9"}]'.encode("latin-1"), "UTF-8: byte 0xe9", id="Latin-1"),
        pytest.param('[{"a": "1"}]'.encode("utf-16"), "UTF-16", id="UTF-16"),
    ],
)
def test_refuses(text: str | bytes, message: str) -> None:
    with pytest.raises(SourceUnreadableError, match=f"(?s){message}") as caught:
        table(text)
    assert "here.json" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.todo


@pytest.mark.parametrize(
    "text", ['[{"a": "1", "a": "2"}]', '{"a": {"0": "1"}, "a": {"0": "2"}}', '{"a": 1, "a": 2}']
)
def test_a_column_twice(text: str) -> None:
    with pytest.raises(SchemaDriftError, match="twice: 'a'"):
        table(text)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('{"a": {"0": "1"}, "b": {"0": "x", "1": "y"}}', "'a' has 1; 'b' has 2"),
        ('{"a": {"0": "1", "1": "2"}, "b": {"0": "x"}}', "'a' has 2; 'b' has 1"),
        ('{"a": {"0": "1"}, "b": {"1": "x"}}', "'a' has 1, and others as many"),
        ('{"a": {}, "b": {"1": "x"}}', "'a' has 0; 'b' has 1"),
        ('{"a": ["1"], "b": []}', "'a' has 1; 'b' has 0"),
    ],
)
def test_columns_of_different_rows(text: str, rows: str) -> None:
    with pytest.raises(SchemaDriftError, match=f"same rows.*{rows}.*here.json"):
        table(text)


def test_a_value_of_10_mb() -> None:
    value = "x" * 10_000_000
    assert table(json.dumps([{"a": value}])) == {"a": [value]}


def test_records_that_share_no_name_are_refused_in_linear_time() -> None:
    with pytest.raises(SourceUnreadableError, match="hardly share a name"):
        table(json.dumps([{f"n{number}": 1} for number in range(20_000)]))


VALUES = st.sampled_from(
    [
        *['"x"', '""', '"null"', '"a,b:c{d}"', '"é 😀"', '":"', '","', '"NaN"', "null", "NaN"],
        *["1", "-0", "1.50", "1e400", "-1E-2", "9" * 30, "true", "false", "-Infinity"],
        *['"\\u00e9"', '"\\""', '"\\\\"', '"a\\/b"', '"\\ud83d\\ude00"', '"}\\"}"'],
        *["[1, 2.50]", '{"k": 1}', "01", "+1", "nul", "", '"\t"', '"\\ud800"', '"\\u0000"', "1 2"],
    ]
)
LABELS = st.sampled_from(["0", "1", "2", "é", ",", ":", "}", "", "\\u0031", 'x":{"y'])
BODIES = st.lists(st.tuples(LABELS, VALUES), max_size=4).map(
    lambda pairs: ",".join(f'"{label}":{value}' for label, value in pairs)
)
PIECES = st.sampled_from(["{", "}", '"', ":", ",", '"a"', "null", "\\", " ", "1", "}}", '":{"'])


def careful(data: bytes) -> list[Any] | None:
    """What the decoder reads, or None where it refuses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "read_columns", lambda data: None)
        try:
            source = module.read_json([data], "here.json", [])
            return [source.labels, *(row for frame in source.frames for row in frame.rows())]
        except (SourceUnreadableError, SchemaDriftError):
            return None


@settings(deadline=None, max_examples=1000)
@given(
    columns=st.lists(st.tuples(st.sampled_from("abé"), BODIES), min_size=1, max_size=3)
    | st.lists(st.tuples(LABELS, VALUES), max_size=4).flatmap(
        # all columns of the same rows, as they should be.
        lambda first: st.lists(
            st.tuples(
                st.sampled_from(["a", "b", "c", "d"]),
                st.lists(VALUES, min_size=len(first), max_size=len(first)).map(
                    lambda values: ",".join(
                        f'"{label}":{value}'
                        for (label, _), value in zip(first, values, strict=True)
                    )
                ),
            ),
            min_size=1,
            max_size=3,
        )
    ),
    spaced=st.booleans(),
    tail=st.sampled_from(["", "\n", " ", "x", "}", ","]),
    broken=st.none() | st.tuples(st.integers(0, 80), PIECES),
    piece_bytes=st.sampled_from([5, 12, 1 << 20]),
)
def test_columns_split_at_quotes_are_what_the_decoder_reads(
    columns: list[tuple[str, str]],
    spaced: bool,
    tail: str,
    broken: tuple[int, str] | None,
    piece_bytes: int,
) -> None:
    text = "{" + ",".join(f'"{name}":{{{body}}}' for name, body in columns) + "}" + tail
    if spaced:
        text = text.replace(":", ": ").replace(",", ", ").replace("}", " }")
    if broken:
        text = text[: broken[0]] + broken[1] + text[broken[0] :]
    data = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_columns, "_PIECE_BYTES", piece_bytes)
        quick = read_columns(data)
    if quick is not None:
        assert [quick.columns, *quick.rows()] == careful(data)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":{"0":"1","1":null},"b":{"0":"x}","1":"{,:"}}\n',
        '\ufeff{"a":{"0":1.50,"1":NaN,"2":"x"},"é":{"0":-0,"1":true,"2":1e400}}',
        '{"a":{"0":"\\/","1":null},"b":{"0":"x","1":7}}',
        json.dumps({"a": {"0": "1", "1": "x"}, "b": {"0": None, "1": 2.5}}),
        '{"a":{"7":"}\\"}","3":"\\\\"},"b":{"7":"x","3":7}}',
    ],
)
@pytest.mark.parametrize("piece_bytes", [12, 1 << 20])
def test_what_pandas_writes_is_split_at_quotes(
    text: str, piece_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_columns, "_PIECE_BYTES", piece_bytes)
    quick = read_columns(text.encode())
    assert quick is not None
    assert [quick.columns, *quick.rows()] == careful(text.encode())


LINES = st.lists(
    st.sampled_from(
        [
            *[
                '{"a":"x"}',
                '{"a":1.50,"b":null}',
                ' {"a":"y"}\r',
                '{"a":"x","a":"y"}',
                "",
                "{}",
                "5",
            ],
            *['{"a":"x"},{"b":"y"}', '{"b":2', '"c":3}', '{"c":[{"x":1}', '{"d":1}]}', "{", "}"],
            *[
                '{"a":"x"},',
                '{"a":"}"}',
                '{"a":"{"}',
                '{"a":"[',
                ']"}',
                '{"a":{"k":1}}',
                '"x"',
                "[]",
            ],
            *['{"a":"x"},5', '{"a":"\\u00e9"}', "null,", '{"a":NaN}', '{"a":"'],
        ]
    ),
    max_size=4,
)


def records(lines: list[str]) -> object:
    try:
        found = module.records_of(lines, 1, "here.json")
    except SourceUnreadableError as error:
        return str(error)
    return [(dict(r), r.twice) if isinstance(r, Object) else r for r in found]


@settings(deadline=None, max_examples=1000)
@given(LINES)
def test_lines_decoded_at_once_are_what_each_of_them_is(lines: list[str]) -> None:
    at_once = records(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_at_once", lambda lines: None)
        assert at_once == records(lines)


TEXT = st.none() | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5
)


@settings(deadline=None)
@given(st.lists(st.fixed_dictionaries({"a": TEXT, "b": TEXT}), min_size=1, max_size=6))
def test_all_shapes_of_the_same_rows_agree(rows: list[dict[str, Any]]) -> None:
    expected = {name: [row[name] for row in rows] for name in ("a", "b")}
    by_column = {name: {str(i): v for i, v in enumerate(vs)} for name, vs in expected.items()}
    assert table(json.dumps(rows)) == expected
    assert table(json.dumps(rows, ensure_ascii=False, indent=1)) == expected
    assert table(json.dumps(by_column)) == expected
    assert table("\n".join(json.dumps(row, ensure_ascii=False) for row in rows)) == expected
