"""What stays of erased people's rows: docs/contract.md#erasure."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from blocks.resources import Resources
from blocks.stores.local import LocalStore
from tasks.cleaning.erased import identifying_values, source_without_people, without_people
from tasks.entities.contracts import AGENTS, CALL_LOGS, CUSTOMERS
from tasks.lake.erasures import Erasures, known_again, remember, remembered

DAY = date(2025, 11, 21)
# how a value may be written, and what it is; None: can't be cleaned, or there is none.
KEYS: dict[str | None, str | None] = {
    "7": "7",
    " 7.0 ": "7",
    "8": "8",
    "70": "70",
    "": None,
    None: None,
}
EMAILS: dict[str | None, str | None] = {
    "Zeb@@X.om": "zeb@x.com",
    "zeb@x.com": "zeb@x.com",
    "o@x.com": "o@x.com",
    "zeb": None,
}
NAMES: dict[str | None, str | None] = {"zeb  Q": "Zeb Q", "Zeb Q": "Zeb Q", "Ott": "Ott", "": None}
BIRTHS: dict[str | None, str | None] = {
    "1931-02-27": "1931-02-27",
    "1931-02-28": "1931-02-28",
    "soon": None,
}
GENDERS: dict[str | None, bool] = {
    "f": True,
    "zeb@x.com": False,
    "": True,
    None: True,
}  # whether it can stay


KEY = "a key of the tests"


def platform(folder: Path, key: str | None = KEY) -> Resources:
    store = LocalStore(folder)
    return Resources("test", store, store, None, "", "", erasure_key=key)


def customers(rows: list[tuple[str | None, ...]]) -> pl.DataFrame:
    columns = ("customer_id", "email", "name", "date_of_birth", "gender")
    found = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String()), orient="row")
    rest = pl.lit("2020-01-01").alias("signup_date"), pl.lit("1 A St").alias("address")
    return found.with_columns(rest).select(field.name for field in CUSTOMERS.fields)


def _seven() -> Erasures:
    known: list[tuple[str, ...]] = [("customer_id", "7"), ("email", "zeb@x.com")]
    known += [("name", "date_of_birth", "Zeb Q", "1931-02-27")]
    with TemporaryDirectory() as folder:
        return remember("customers", known, platform(Path(folder)))


SEVEN = _seven()
ROWS = st.lists(
    st.tuples(*(st.sampled_from(list(each)) for each in (KEYS, EMAILS, NAMES, BIRTHS, GENDERS)))
)


@given(ROWS)
def test_exactly_their_rows_lose_exactly_what_is_theirs(
    rows: list[tuple[str | None, ...]],
) -> None:
    """Seven is erased: known by an e-mail, and by a name with a date of birth."""
    raw = customers(rows)
    kept, theirs = without_people(CUSTOMERS, raw, SEVEN)
    expected = []
    for key, email, name, birth, _ in rows:
        keyless = KEYS[key] is None
        known = EMAILS[email] == "zeb@x.com"
        known |= (NAMES[name], BIRTHS[birth]) == ("Zeb Q", "1931-02-27")
        expected.append(KEYS[key] == "7" or (keyless and known))
    assert theirs.to_list() == [number for number, erased in enumerate(expected) if erased]
    for number, erased in enumerate(expected):
        before, after = raw.row(number, named=True), kept.row(number, named=True)
        if not erased:
            assert after == before
            continue
        assert {name: after[name] for name in ("customer_id", "signup_date")} == {
            name: before[name] for name in ("customer_id", "signup_date")
        }
        assert after["gender"] == (before["gender"] if GENDERS[before["gender"]] else None)
        assert [after[name] for name in CUSTOMERS.personal if name in after] == [None] * 4
    again, _ = without_people(CUSTOMERS, kept, SEVEN)
    assert again.equals(kept)


def test_a_source_loses_columns_outside_the_contract(tmp_path: Path) -> None:
    calls = pl.DataFrame(
        {
            "": ["0", "1"],
            "call ID": ["c0", "c1"],
            "customeR iD": ["7.0", "8"],
            "COMPLAINT_catego ry": ["ring Zeb", "ring Ott"],
            "agent ID": ["a", "a"],
            "call_start_time": ["2025-11-21 09:00:00", ""],
            "call_end_time": ["", ""],
            "resolutionstatus": ["RESOLVED", "?"],
            "callLogsGenerationDate": ["2025-11-21", "2025-11-21"],
            "note": ["about Zeb", "about Ott"],
        }
    )
    kept, theirs = source_without_people(CALL_LOGS, DAY, calls, SEVEN)
    assert theirs.to_list() == [0]
    assert kept.columns == calls.columns
    gone = {"COMPLAINT_catego ry", "note"}
    assert kept.row(0, named=True) == calls.row(0, named=True) | dict.fromkeys(gone)
    assert kept.row(1) == calls.row(1)


def test_in_a_column_of_row_numbers_only_these_stay() -> None:
    numbers = ["0", "12", "", None, "ask Zeb", "0199 777", "1\nZeb", "zeb@x.com", "3.0"]
    rows = customers([("7", None, None, None, None)] * len(numbers))
    rows = rows.with_columns(pl.Series("index", numbers), pl.Series("Unnamed: 0", numbers[::-1]))
    kept, _ = source_without_people(CUSTOMERS, DAY, rows, SEVEN)
    left = ["0", "12"] + [None] * (len(numbers) - 2)
    assert [value or None for value in kept["index"]] == left
    assert [value or None for value in kept["Unnamed: 0"]] == left[::-1]
    again, _ = source_without_people(CUSTOMERS, DAY, kept, SEVEN)
    assert again.equals(kept)


def test_who_is_no_customer_is_not_touched() -> None:
    agents = pl.DataFrame({f.name: ["7"] for f in AGENTS.fields})
    assert without_people(AGENTS, agents, SEVEN)[0].equals(agents)


def test_what_tells_them_is_what_any_of_their_rows_had() -> None:
    raw = customers(
        [("7", "Zeb@X.com", "zeb", "soon", "f"), (" 7.0", "zeb", "Zeb", "1931-02-27", "")]
    )
    assert identifying_values(CUSTOMERS, raw, SEVEN) == {
        ("email", "zeb@x.com"),
        ("name", "date_of_birth", "Zeb", "1931-02-27"),
    }


def test_people_are_added_and_the_file_says_nothing_of_them(tmp_path: Path) -> None:
    place = platform(tmp_path)
    assert remember("customers", [], place).hashes == {}
    assert list(tmp_path.iterdir()) == []
    assert remembered(replace(place, erasure_key=None)) == Erasures()  # nobody: no key is needed
    remember("customers", [("customer_id", "7")], place)
    remember("customers", [("email", "zeb@x.com")], place)
    found = remembered(place)
    assert known_again(place) == "erased people are known"
    assert found.has("customers", "customer_id", "7")
    assert found.has("customers", "email", "zeb@x.com")
    assert not found.has("customers", "customer_id", "zeb@x.com")
    assert not found.has("agents", "customer_id", "7")
    assert place.erasure_key
    for text in ('"7"', "zeb", place.erasure_key):
        assert text not in (tmp_path / "erasures/people.json").read_text()
        assert text not in repr(found)
