"""Four sample days hold repairable and bad values for every rule of the contract."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date

import pytest

from blocks.samples.words import STATES
from tests.unit.sample_sources import CHOICES, DAYS, KEYS, source, stripped


def is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


DATES = {
    "good": is_date,
    "timestamp": lambda v: bool(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", v)),
    "timestamp with T": lambda v: bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", v)),
    "fraction": lambda v: bool(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", v)),
    "other order": lambda v: bool(re.fullmatch(r"\d\d/\d\d/\d{4}", v)),
    "not in the calendar": lambda v: bool(re.fullmatch(r"\d{4}-\d\d-\d\d", v)) and not is_date(v),
    "no date": lambda v: v.isalpha(),
}
TIMESTAMPS = {
    "good": DATES["timestamp"],
    "with T": DATES["timestamp with T"],
    "fraction": DATES["fraction"],
    "bare date": is_date,
    "bare time": lambda v: bool(re.fullmatch(r"\d\d:\d\d:\d\d", v)),
    "impossible time": lambda v: " 25:" in v,
    "other order": lambda v: bool(re.match(r"\d\d/\d\d/\d{4} ", v)),
}
CODES = "|".join(state.code for state in STATES)
FORMS = {
    ("customers", "name"): {
        "lower": str.islower,
        "upper": str.isupper,
        "inner white space": lambda v: bool(re.search(r"\S\s{2,}\S|\S\t\S", v)),
        "Null": lambda v: v == "Null",
        "Cyrillic": lambda v: bool(re.search("[а-я]", v)),
        "Han": lambda v: bool(re.search("[\u4e00-\u9fff]", v)),
        "apostrophe": lambda v: "'" in v,
        "hyphen": lambda v: "-" in v,
    },
    ("agents", "NamE"): {"Null": lambda v: v == "Null", "upper": str.isupper},
    ("customers", "email"): {
        "upper": lambda v: v.upper() == v,
        "two @": lambda v: "@@" in v,
        "local@local@domain": lambda v: bool(re.search("[^@]@[^@]+@[^@]", v)),
        "odd characters": lambda v: "(home)!" in v,
        "not ASCII": lambda v: v.startswith("é"),
        ".om": lambda v: v.endswith(".om") and "gmial" not in v,
        "gmial.om": lambda v: v.endswith("@gmial.om"),
        "gmial.com": lambda v: v.endswith("@gmial.com"),
        "hotmai.com": lambda v: v.endswith("@hotmai.com"),
        "hotmaill.com": lambda v: v.endswith("@hotmaill.com"),
        "no domain": lambda v: v.endswith("@"),
        "no @": lambda v: v != "" and "@" not in v,
        "one label": lambda v: v.endswith("@localhost"),
        "empty label": lambda v: ".." in v,
        "nothing left of the local part": lambda v: v.startswith("王@"),
    },
    ("customers", "address"): {
        "comma": lambda v: "," in v,
        "two lines": lambda v: "\n" in v,
        "quotes": lambda v: '"' in v,
        "nine digits": lambda v: bool(re.search(r" \d{5}-\d{4}$", v)),
        "lower-case code": lambda v: bool(re.search(r" [a-z]{2} \d{5}$", v)),
        "comma after the code": lambda v: bool(re.search(r" [A-Z]{2}, \d{5}$", v)),
        "no zip": lambda v: bool(re.search(rf" ({CODES})$", v)),
        "no code": lambda v: bool(re.search(r"[a-z], \d{5}$", v)),
        "unknown code": lambda v: bool(re.search(r" XX \d{5}$", v)),
        "four digits": lambda v: bool(re.search(r" \d{4}$", v)),
        "a word behind": lambda v: v.endswith(" USA"),
        "state's name": lambda v: bool(re.search(r" [A-Z]?[a-z]{3,} \d{5}$", v)),
        "military": lambda v: bool(re.search(r"APO A[AEP] ", v)),
        "territory": lambda v: bool(re.search(r" (PR|VI|GU|AS|MP|FM|MH|PW) \d{5}$", v)),
    },
    ("agents", "state"): {
        "code": lambda v: v in CODES.split("|"),
        "lower-case code": lambda v: v.upper() in CODES.split("|") and v.islower(),
        "name": lambda v: v in {state.name for state in STATES},
        "name, other case": lambda v: len(v) > 2 and (v.isupper() or v.islower()),
        "no such state": lambda v: v == "Atlantis",
        "no such code": lambda v: v == "ZZ",
    },
    ("customers", "DATE of biRTH"): DATES,
    ("customers", "signup_date"): DATES,
    ("sm_complaints", "request_date"): DATES,
    ("sm_complaints", "resolution_date"): DATES,
    ("sm_complaints", "MediaComplaintGenerationDate"): DATES,
    ("web_complaints", "request_date"): DATES,
    ("web_complaints", "resolution_date"): DATES,
    ("web_complaints", "webFormGenerationDate"): DATES,
    ("call_logs", "callLogsGenerationDate"): DATES,
    ("call_logs", "call_start_time"): TIMESTAMPS,
    ("call_logs", "call_end_time"): TIMESTAMPS,
}


def values(entity: str, label: str) -> Counter[str]:
    return Counter(row[label] for day in DAYS for row in source(entity, day))


@pytest.mark.parametrize(
    ("entity", "label", "form"),
    [(entity, label, form) for (entity, label), forms in FORMS.items() for form in forms],
)
def test_each_form_of_a_value_comes_up(entity: str, label: str, form: str) -> None:
    shows = FORMS[entity, label][form]
    assert any(shows(value.strip()) for value in values(entity, label))


def labels() -> Iterator[tuple[str, str]]:
    for entity in KEYS:
        for label in source(entity, DAYS[0])[0]:
            if label not in ("", "column1"):
                yield entity, label


@pytest.mark.parametrize(("entity", "label"), labels())
def test_every_column_has_empty_and_padded_values(entity: str, label: str) -> None:
    found = values(entity, label)
    assert "" in {value.strip() for value in found} or (entity, label) == ("agents", "NamE")
    assert any(value != value.strip() and value.strip() for value in found)


@pytest.mark.parametrize(("entity", "label"), [e for e in labels() if e[1] in CHOICES])
def test_choices_come_in_all_spellings_and_some_that_are_none(entity: str, label: str) -> None:
    spelt = {value.strip() for value in values(entity, label)} - {""}
    right = CHOICES[label]
    assert set(right) <= spelt
    assert {v for v in spelt if v not in right and v.lower() in {r.lower() for r in right}}
    assert {v for v in spelt if v.lower() not in {r.lower() for r in right}}


@pytest.mark.parametrize("entity", KEYS)
def test_rows_come_twice_without_key_and_with_other_content(entity: str) -> None:
    for day in DAYS:
        rows = Counter(stripped(entity, day))
        assert max(rows.values()) > 1
        assert any(not key for key, *_ in rows)
        assert max(Counter(key for key, *_ in rows if key).values()) > 1
        assert sum(rows.values()) - len({row[0] for row in rows}) < 0.06 * len(rows) + 10


@pytest.mark.parametrize(
    ("entity", "begin", "end"),
    [
        ("call_logs", "call_start_time", "call_end_time"),
        ("sm_complaints", "request_date", "resolution_date"),
        ("web_complaints", "request_date", "resolution_date"),
    ],
)
def test_a_few_end_before_they_begin(entity: str, begin: str, end: str) -> None:
    both = [(row[begin], row[end]) for day in DAYS for row in source(entity, day)]
    iso = [(a, b) for a, b in both if is_date(a[:10]) and is_date(b[:10])]
    assert 0 < sum(b < a[: len(b)] for a, b in iso) < 0.03 * len(iso)
