"""Every rule of cleaning, value by value, and against Python's own string methods."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.cleaning import rules
from tasks.cleaning.us_states import STATES
from tasks.entities.contracts import AGENTS, ENTITIES
from tasks.entities.model import Rule
from tests.oracle import values as oracle
from tests.oracle.stripping import strip, strip_key

# of the planes where there are any, yet to come or not; the rest is empty or for private use.
EVERY_CHARACTER = [
    chr(plane << 16 | c)
    for plane in (0, 1, 2, 3, 14)
    for c in range(0x10000)
    if plane or not 0xD800 <= c <= 0xDFFF
]
ODD = st.text(
    alphabet=st.one_of(
        st.sampled_from("aAzZ09 '-.@,\t\n\x1c\x85\xa0\u2003\u200b\u180eßſıİKΣσςﬁǆʼné̇"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    max_size=12,
)
TEXTS = st.lists(st.none() | ODD, max_size=8)


def each(rule: Callable[[pl.Expr], pl.Expr], values: list[str | None]) -> list[Any]:
    frame = pl.DataFrame({"v": values}, schema={"v": pl.String})
    return frame.select(rule(pl.col("v")).alias("v"))["v"].to_list()


def one(rule: Callable[[pl.Expr], pl.Expr], value: str) -> Any:
    return each(rule, [value])[0]


def stripped(values: list[str | None], column: str = "name") -> list[str | None]:
    frame = pl.DataFrame({column: values}, schema={column: pl.String})
    return frame.select(rules.stripped(AGENTS, column))[column].to_list()


def test_white_space_is_what_python_strips() -> None:
    assert list(rules.WHITE_SPACE) == [c for c in EVERY_CHARACTER if c.isspace()]


def test_every_character_is_stripped_or_kept() -> None:
    assert stripped([c + "x" + c for c in EVERY_CHARACTER]) == [
        strip(c + "x" + c) for c in EVERY_CHARACTER
    ]


@settings(deadline=None)
@given(TEXTS)
@example([" \u200b \ufeffx\u2060\u200dy\u200c\x1f", "\u200b\ufeff", "\u200e"])
def test_stripping_is_the_oracles(values: list[str | None]) -> None:
    assert stripped(values) == [strip(v) for v in values]


@pytest.mark.parametrize("word", ["NULL", "None", "NaN", "-", "0"])
def test_no_word_means_null(word: str) -> None:
    assert stripped([word]) == [word]


NUMBERS = {
    "1319.0": "1319",
    "1319.00": "1319",
    "1,319": "1319",
    "1,319.0": "1319",
    "12,345,678": "12345678",
    "-5.0": "-5",
    "-1,000": "-1000",
    "0.0": "0",
    "\u20031319.0\ufeff": "1319",
    "123456789012345678901234567890.0": "123456789012345678901234567890",
}
NOT_NUMBERS = [
    *[
        "1319.5",
        "01319",
        "01319.0",
        "1,31",
        "1,3190",
        "1319,000",
        "1,319,",
        ",319",
        "0,319",
        "01,319",
    ],
    *["1319.", ".0", "-.0", "+7", "+7.0", "-0", "-0.0", "--5.0", "- 5.0", "1319.0.0", "1319.01"],
    *["1.319", "1.319,0", "1 319", "1e3", "1.0e3", "c1.0", "1.0c", "1,31９", "١٣١٩.0", "1.0\n2.0"],
    *["NaN", "1,319.0,000", "0,000", "00", "00.0", "2025.11.20", "a,b"],
]


def test_a_key_that_a_tool_rewrote_is_the_whole_number_again() -> None:
    values: list[str | None] = [None, *NUMBERS, *NOT_NUMBERS, "1319", ""]
    expected = [None, *NUMBERS.values(), *NOT_NUMBERS, "1319", None]
    assert stripped(values, "agent_id") == expected
    assert [strip_key(value) for value in values] == expected
    assert stripped(values) == [strip(value) for value in values]  # elsewhere it is as written


@settings(deadline=None, max_examples=500)
@given(st.lists(st.none() | ODD | st.text("0123456789.,-+ \ufeff", max_size=9), max_size=8))
def test_keys_are_the_oracles(values: list[str | None]) -> None:
    assert stripped(values, "agent_id") == [strip_key(v) for v in values]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("o'brien", "O'Brien"),
        ("mary-jane", "Mary-Jane"),
        ("mcdonald", "Mcdonald"),
        ("ANNA  \t LEE", "Anna Lee"),
        ("anna\u2003\x1c\nlee", "Anna Lee"),
        ("łukasz ÅSTRÖM", "Łukasz Åström"),
        ("ΟΔΥΣΣΕΥΣ σας", "Οδυσσευς Σας"),
        ("ǆ straße ﬁona", "ǅ Straße Fiona"),
        ("null", "Null"),
    ],
)
def test_name(value: str, expected: str) -> None:
    assert one(rules.name, value) == expected


@settings(deadline=None, max_examples=300)
@given(TEXTS)
@example(["ΑΣ", "Σ", "ΑΣ.", "Α", None, "'Σ", "ΑΣ"])
def test_name_is_pythons_title_of_each_value(values: list[str | None]) -> None:
    assert each(rules.name, values) == [
        v if v is None else re.sub(r"\s+", " ", v).title() for v in values
    ]


def test_name_titles_every_character_as_python_does() -> None:
    words = [f"{c}{c} a{c}b" for c in EVERY_CHARACTER if not c.isspace()]
    assert each(rules.name, list(words)) == [word.title() for word in words]


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda entity: entity.name)
def test_one_of_takes_any_case_and_nothing_else(entity: Any) -> None:
    for field in entity.fields:
        if field.rule is not Rule.ONE_OF:
            continue

        def rule(value: pl.Expr, choices: tuple[str, ...] = field.choices) -> pl.Expr:
            return rules.one_of(value, choices)

        for choice in field.choices:
            good = [choice, choice.upper(), choice.lower(), choice.swapcase()]
            assert each(rule, list(good)) == [choice] * 4
            bad = [choice[:-1], choice + "s", choice.replace("-", " ") + ".", choice + "\u200b"]
            assert each(rule, list(bad)) == [None] * 4


def test_lower_case_is_pythons_for_every_character() -> None:
    # İ, the Kelvin sign, ſ: what a value equals once lower-cased must not depend on the library.
    choices = ("K", "S", "I", "In-Progress")
    values = [*EVERY_CHARACTER, "In-Progreſſ", "İn-Progress", "in-progress"]
    lowered = {choice.lower(): choice for choice in choices}
    assert each(lambda v: rules.one_of(v, choices), list(values)) == [
        lowered.get(value.lower()) for value in values
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ann@example.com", "ann@example.com"),
        ("ANN@Example.COM", "ann@example.com"),
        ("ann@@example.com", "ann@example.com"),
        ("@ann@example.com@", "ann@example.com"),
        ("x@ann@example.com", "ann@example.com"),
        ("@@", None),
        ("@ann@", None),
        ("a n\u00e9n!n@example.com", "annn@example.com"),
        ("a.n_n+x-1@example.com", "a.n_n+x-1@example.com"),
        ("ann@gmail.om", "ann@gmail.com"),
        ("ann@gmial.com", "ann@gmail.com"),
        ("ann@gmial.om", "ann@gmail.com"),
        ("ann@hotmai.com", "ann@hotmail.com"),
        ("ann@hotmaill.com", "ann@hotmail.com"),
        ("ann@hotmail.com", "ann@hotmail.com"),
        ("ann@x.gmial.com", "ann@x.gmial.com"),
        ("ann@gmialxcom", None),
        ("ann@example.om.com", "ann@example.om.com"),
        ("ann@exampleom", None),
        ("ann@.om", None),
        ("ann@my-host.co.uk", "ann@my-host.co.uk"),
        ("ann@exam ple.com", None),
        ("ann@exam_ple.com", None),
        ("ann@example..com", None),
        ("ann@example.com.", None),
        ("ann@example", None),
        ("ann@exämple.com", None),
        ("!!@example.com", None),
        ("ann", None),
        ("ann@", None),
        ("@example.com", None),
        ("\u212aann@example.com", "kann@example.com"),
        ("ann@example.com\nx", None),
    ],
)
def test_email(value: str, expected: str | None) -> None:
    assert one(rules.email, value) == expected


@pytest.mark.parametrize(
    ("address", "zip_code", "code"),
    [
        ("1 Main St, Springfield, IL 62704", "62704", "IL"),
        ("1 Main St, Springfield, il, 62704-1234", "62704", "IL"),
        ("1 Main St, Springfield, IL,, 62704", "62704", "IL"),
        ("PSC 1, APO AE\u2003\n09001", "09001", "AE"),
        ("1 Main St, Springfield, IL", None, None),
        ("1 Main St, Springfield, XX 62704", "62704", None),
        ("1 Main St, Springfield, IL 6270", None, "IL"),
        ("1 Main St, Springfield, IL 627041", None, "IL"),
        ("1 Main St, Springfield, IL 62704-12", None, "IL"),
        ("1 Main St, Springfield, IL 62704,", None, "IL"),
        ("1 Main St, Springfield, IL , 62704", "62704", None),
        ("1 Main St, Springfield, ,IL 62704", "62704", None),
        ("1 Main St, Springfield, IL\u200b 62704", "62704", None),
        ("IL ٦٢٧٠٤", None, "IL"),
        ("ıd 83701", "83701", "ID"),
        ("x62704", None, None),
        ("62704", "62704", None),
        ("IL 62704", "62704", "IL"),
    ],
)
def test_address(address: str, zip_code: str | None, code: str | None) -> None:
    assert one(rules.zip_code, address) == zip_code
    assert one(rules.state_code, address) == code
    state = ENTITIES["customers"].derived[-1]
    frame = pl.DataFrame({"address": [address]}).select(rules.derived(state))
    assert frame.item() == (STATES[code] if code else None)


WORDS = st.lists(
    st.sampled_from([" ", "\u2003", "\x1c", "\u200b", ",", "IL", "tx,", "62704", "1-2", "é", "-"]),
    max_size=9,
).map("".join)


@settings(deadline=None, max_examples=300)
@given(WORDS)
def test_address_words_are_pythons(text: str) -> None:
    words = text.split()
    found = words and re.fullmatch("([0-9]{5})(-[0-9]{4})?", words[-1])
    assert one(rules.zip_code, text.strip()) == (found[1] if found else None)
    code = words[-2].rstrip(",").upper() if len(words) > 1 else ""
    assert one(rules.state_code, text.strip()) == (code if code in STATES else None)


def test_states() -> None:
    assert len(STATES) == 50 + 12
    for code, name in STATES.items():
        expected = [name] * 5
        values: list[str | None] = [code, code.lower(), name, name.upper(), name.lower()]
        assert each(rules.state, values) == expected
    assert each(rules.state, ["", "Texa", "T X", "Texas.", None]) == [None] * 5


BAD_TIMES = [
    "2025-02-29",
    "2025-13-01",
    "2025-00-10",
    "0000-01-01",
    "2025-1-1",
    "+2025-01-01",
    "-2025-01-01",
    "02025-01-01",
    "12025-01-01",
    "2025/01/01",
    "20250101",
    "01-01-2025",
    "２０２５-01-01",
    "2025-01-01x",
    "2025-01-01 ",
    "2025-01-01 10:00",
    "2025-01-01  1:00:00",
    "2025-01-01 24:00:00",
    "2025-01-01 23:60:00",
    "2025-01-01 23:59:60",
    "2025-01-01 10:00:00.",
    "2025-01-01 10:00:00.1234567891",
    "2025-01-01 10:00:00,5",
    "2025-01-01 10:00:00z",
    "2025-01-01 10:00:00  Z",
    "2025-01-01 10:00:00 GMT",
    "2025-01-01Z",
    "2025-01-01 +01:00",
    "2025-01-01T10:00:00+1",
    "2025-01-01T10:00:00+1:00",
    "2025-01-01T10:00:00+24",
    "2025-01-01T10:00:00+00:60",
    "2025-01-01T10:00:00.+01",
    "2025-01-01T10:00:00+01:",
    "2025-02-29T10:00:00+01",
    "0001-01-01 00:59:59+01",
    "9999-12-31 23:00:00-01:00",
    "176359680",
    "17635968001",
    "-1763596800",
    "1763596800.0",
    "17635968000000000000",
    "2025-01-01t10:00:00",
    "2025-01-01_10:00:00",
    "2025-02-29 10:00:00",
    "2025-02-29T10:00:00.5",
    "not a time",
    "NaT",
]
GOOD_TIMES = {
    value: datetime.fromisoformat(canonical)
    for value, canonical in (
        ("2025-11-20", "2025-11-20T00:00:00.000000"),
        ("2024-02-29", "2024-02-29T00:00:00.000000"),
        ("0001-01-01", "0001-01-01T00:00:00.000000"),
        ("9999-12-31", "9999-12-31T00:00:00.000000"),
        ("2025-11-20 10:11:12", "2025-11-20T10:11:12.000000"),
        ("2025-11-20T10:11:12", "2025-11-20T10:11:12.000000"),
        ("2025-11-20 10:11:12.5", "2025-11-20T10:11:12.500000"),
        ("2025-11-20T10:11:12.000001", "2025-11-20T10:11:12.000001"),
        ("1969-12-31 23:59:59.999999", "1969-12-31T23:59:59.999999"),
        ("0001-01-01T00:00:00.1", "0001-01-01T00:00:00.100000"),
        ("9999-12-31 23:59:59.999999", "9999-12-31T23:59:59.999999"),
        ("2025-11-20 10:11:12.123456789", "2025-11-20T10:11:12.123456"),
        ("2025-11-20T10:11:12Z", "2025-11-20T10:11:12"),
        ("2025-11-20 10:11:12.5 UTC", "2025-11-20T10:11:12.5"),
        ("2025-11-20 01:11:12+02", "2025-11-19T23:11:12"),
        ("2025-11-20 23:11:12 -0130", "2025-11-21T00:41:12"),
        ("2024-03-01T00:11:12.25+05:30", "2024-02-29T18:41:12.25"),
        ("0001-01-01 01:00:00+01", "0001-01-01T00:00:00"),
        ("1763632800", "2025-11-20T10:00:00"),
        ("1763632800123", "2025-11-20T10:00:00.123"),
        ("1763632800123456", "2025-11-20T10:00:00.123456"),
        ("1763632800123456789", "2025-11-20T10:00:00.123456"),
        ("0000000000", "1970-01-01T00:00:00"),
        ("9999999999999999999", "2286-11-20T17:46:39.999999"),
    )
}


@pytest.mark.parametrize("value", BAD_TIMES)
def test_not_a_time(value: str) -> None:
    assert one(rules.moment, value) is None
    assert one(rules.day, value) is None


@pytest.mark.parametrize(("value", "expected"), GOOD_TIMES.items())
def test_times(value: str, expected: datetime) -> None:
    assert one(rules.moment, value) == expected
    assert one(rules.day, value) == expected.date()


def test_times_of_a_mixed_column() -> None:
    values: list[str | None] = [None, *BAD_TIMES, *GOOD_TIMES, None]
    expected = [None, *(None for _ in BAD_TIMES), *GOOD_TIMES.values(), None]
    assert each(rules.moment, values) == expected
    assert each(rules.day, values) == [v and v.date() for v in expected]


MOMENTS = st.builds(
    "{}{}{}{}".format,
    st.datetimes().map(lambda moment: moment.isoformat(" ")),
    st.sampled_from(["", " ", "  ", "0", "999"]),
    st.sampled_from(["", "Z", "UTC", "+", "-"]),
    st.text("0123456789:", max_size=5),
)


@settings(deadline=None, max_examples=500)
@given(st.lists(MOMENTS | st.text("0123456789", min_size=9, max_size=20), max_size=8))
def test_moments_are_the_oracles(values: list[str | None]) -> None:
    expected = [oracle.timestamp(value) for value in values if value]
    assert each(rules.moment, values) == expected
    assert each(rules.day, values) == [moment and moment.date() for moment in expected]


@settings(deadline=None)
@given(st.datetimes(timezones=st.timezones()), st.sampled_from(" T"))
def test_what_python_writes_with_its_offset_is_read(moment: datetime, separator: str) -> None:
    text = moment.isoformat(separator)
    ours = one(rules.moment, text)
    if text[-3] == ":" and text[-6] in "+-":  # offsets of old times may have seconds
        try:
            assert ours == moment.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            assert ours is None
    else:
        assert ours is None


@settings(deadline=None)
@given(st.datetimes(), st.sampled_from(" T"), st.dates())
def test_what_python_writes_is_read(moment: datetime, separator: str, day: date) -> None:
    assert one(rules.moment, moment.isoformat(separator)) == moment
    assert one(rules.day, moment.isoformat(separator)) == moment.date()
    assert one(rules.day, day.isoformat()) == day
