"""Every rule of cleaning, value by value, and against Python's own string methods."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.cleaning import rules
from tasks.cleaning.us_states import STATES
from tasks.entities.contracts import ENTITIES
from tasks.entities.model import Rule

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


def test_white_space_is_what_python_strips() -> None:
    assert list(rules.WHITE_SPACE) == [c for c in EVERY_CHARACTER if c.isspace()]
    assert each(rules.stripped, [c + "x" + c for c in EVERY_CHARACTER]) == [
        (c + "x" + c).strip() for c in EVERY_CHARACTER
    ]


@settings(deadline=None)
@given(TEXTS)
def test_stripping_is_pythons(values: list[str | None]) -> None:
    assert each(rules.stripped, values) == [(v or "").strip() or None for v in values]


@pytest.mark.parametrize("word", ["NULL", "None", "NaN", "-", "0"])
def test_no_word_means_null(word: str) -> None:
    assert one(rules.stripped, word) == word


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
    "2025-01-01 10:00:00.1234567",
    "2025-01-01 10:00:00,5",
    "2025-01-01 10:00:00Z",
    "2025-01-01T10:00:00+01:00",
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


@settings(deadline=None)
@given(st.datetimes(), st.sampled_from(" T"), st.dates())
def test_what_python_writes_is_read(moment: datetime, separator: str, day: date) -> None:
    assert one(rules.moment, moment.isoformat(separator)) == moment
    assert one(rules.day, moment.isoformat(separator)) == moment.date()
    assert one(rules.day, day.isoformat()) == day
