"""The oracle by hand: an example for every rule of docs/contract.md#fields."""

# ruff: noqa: DTZ001 - the sources' timestamps have no time zone, so neither have the moments here.

from datetime import date, datetime

import pytest

from tests.oracle import ENTITIES, entities
from tests.oracle.good import cleaned, problems


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ("o'brien", "O'Brien"),
        ("mary-jane", "Mary-Jane"),
        ("mcdonald", "Mcdonald"),
        ("ANN  \u2009\n lee", "Ann Lee"),
        ("élodie", "Élodie"),
        ("ßen", "Ssen"),
        ("ǆurđa ŉikola", "ǅurđa ʼNikola"),
        ("ΟΔΥΣΣΕΥΣ", "Οδυσσευς"),
        ("İPEK", "İpek"),
        ("李 小龙", "李 小龙"),
        ("3com", "3Com"),
    ],
)
def test_name(value: str, clean: str) -> None:
    assert cleaned("customers", name=value)["name"] == clean
    assert cleaned("agents", name=value)["name"] == clean


@pytest.mark.parametrize(("value", "clean"), [("m", "M"), ("F", "F"), ("male", None), ("-", None)])
def test_gender(value: str, clean: str | None) -> None:
    assert cleaned("customers", gender=value)["gender"] == clean
    assert problems("customers", gender=value) == ({} if clean else {"gender": value})


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ("Ann.Lee@GMAIL.com", "ann.lee@gmail.com"),
        ("ann@@gmail.com", "ann@gmail.com"),
        ("@ann@gmail.com@", "ann@gmail.com"),
        ("x@ann@gmail.com", "ann@gmail.com"),
        ("ann", None),
        ("ann@@", None),
        ("@@gmail.com", None),
        ("@gmail.com", None),
        ("ann@", None),
        ("a!n n(é)_+-.1@b.co", "ann_+-.1@b.co"),
        ("李@b.co", None),
        ("İ@b.co", "i@b.co"),
        ("ann@yahoo.om", "ann@yahoo.com"),
        ("ann@gmial.om", "ann@gmail.com"),
        ("ann@gmial.com", "ann@gmail.com"),
        ("ann@hotmai.com", "ann@hotmail.com"),
        ("ann@hotmaill.om", "ann@hotmail.com"),
        ("ann@mail.gmial.com", "ann@mail.gmial.com"),
        ("ann@gmail", None),
        ("ann@gmail..com", None),
        ("ann@.om", None),
        ("ann@gmail.com.", None),
        ("ann@g_mail.com", None),
        ("ann@ gmail.com", None),
        ("ann @gmail.com", "ann@gmail.com"),
        ("ann@-.-", "ann@-.-"),
        ("ann@gmail.com\u200b", "ann@gmail.com"),
        ("ann@gm\u200bail.com", None),
    ],
)
def test_email(value: str, clean: str | None) -> None:
    assert cleaned("customers", email=value)["email"] == clean
    assert problems("customers", email=value) == ({} if clean else {"email": value})


@pytest.mark.parametrize(
    ("address", "zip_code", "code", "state"),
    [
        ("1 High St, Troy, NY 12180", "12180", "NY", "New York"),
        ("1 High St, Troy, ny,, 12180-1234", "12180", "NY", "New York"),
        ("Unit 1 APO\u00a0AE\u200309012", "09012", "AE", "Armed Forces Europe"),
        ("St Thomas VI 00802", "00802", "VI", "Virgin Islands"),
        ("1 High St, Troy, NY 1218", None, "NY", "New York"),
        ("1 High St, Troy, NY 12180,", None, "NY", "New York"),
        ("1 High St, Troy, New York 12180", "12180", None, None),
        ("1 High St, Troy, ,NY 12180", "12180", None, None),
        ("12180", "12180", None, None),
        ("NY 12180-12345", None, "NY", "New York"),
        ("NY １２１８０", None, "NY", "New York"),
        ("nowhere", None, None, None),
    ],
)
def test_address(address: str, zip_code: str | None, code: str | None, state: str | None) -> None:
    row = cleaned("customers", address=address)
    assert row["address"] == address
    assert (row["zip_code"], row["state_code"], row["state"]) == (zip_code, code, state)
    expected = {}
    if zip_code is None:
        expected["zip_code"] = address
    if code is None:
        expected["state_code"] = address
    assert problems("customers", address=address) == expected


def test_no_address_is_no_problem() -> None:
    assert problems("customers", address=" ") == {}
    assert cleaned("customers", address=None)["zip_code"] is None


def test_every_state_and_territory() -> None:
    listed = ["DC", "PR", "VI", "GU", "AS", "MP", "FM", "MH", "PW", "AA", "AE", "AP"]
    assert len(entities.STATES) == 50 + len(listed)
    assert set(listed) <= set(entities.STATES)
    assert len(set(entities.STATES.values())) == len(entities.STATES)


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ("OHIO", "Ohio"),
        ("oh", "Ohio"),
        ("District Of Columbia", "District of Columbia"),
        ("gu", "Guam"),
        ("New  York", None),
        ("Ontario", None),
    ],
)
def test_agents_state(value: str, clean: str | None) -> None:
    assert cleaned("agents", state=value)["state"] == clean
    assert problems("agents", state=value) == ({} if clean else {"state": value})


@pytest.mark.parametrize("field", sorted(entities.CHOICES))
def test_choices(field: str) -> None:
    entity = next(e.name for e in ENTITIES.values() if field in e.rules)
    for spelling in entities.CHOICES[field]:
        for value in (spelling, spelling.upper(), spelling.lower(), spelling.swapcase()):
            assert cleaned(entity, **{field: value})[field] == spelling
    kelvin = [spelled.lower().replace("k", "\u212a") for spelled in entities.CHOICES[field]]
    assert [cleaned(entity, **{field: value})[field] for value in kelvin] == list(
        entities.CHOICES[field]
    )
    assert cleaned(entity, **{field: "Other"})[field] is None
    assert problems(entity, **{field: "Other"}) == {field: "Other"}


MOMENTS = [
    ("2025-11-20", datetime(2025, 11, 20)),
    ("2025-11-20 10:11:12", datetime(2025, 11, 20, 10, 11, 12)),
    ("2025-11-20T10:11:12", datetime(2025, 11, 20, 10, 11, 12)),
    ("2025-11-20 10:11:12.5", datetime(2025, 11, 20, 10, 11, 12, 500000)),
    ("2025-11-20 10:11:12.000001", datetime(2025, 11, 20, 10, 11, 12, 1)),
    ("0001-01-01", datetime(1, 1, 1)),
    ("9999-12-31 23:59:59.999999", datetime(9999, 12, 31, 23, 59, 59, 999999)),
    ("2024-02-29", datetime(2024, 2, 29)),
    ("2025-11-20 10:11:12.123456789", datetime(2025, 11, 20, 10, 11, 12, 123456)),
    ("2025-11-20T10:11:12.9999999", datetime(2025, 11, 20, 10, 11, 12, 999999)),
    ("2025-11-20T10:11:12Z", datetime(2025, 11, 20, 10, 11, 12)),
    ("2025-11-20 10:11:12 Z", datetime(2025, 11, 20, 10, 11, 12)),
    ("2025-11-20 10:11:12.5UTC", datetime(2025, 11, 20, 10, 11, 12, 500000)),
    ("2025-11-20 10:11:12 UTC", datetime(2025, 11, 20, 10, 11, 12)),
    ("2025-11-20 10:11:12+00", datetime(2025, 11, 20, 10, 11, 12)),
    ("2025-11-20 10:11:12-00:00", datetime(2025, 11, 20, 10, 11, 12)),
    ("2025-11-20 01:11:12+02", datetime(2025, 11, 19, 23, 11, 12)),
    ("2025-11-20 01:11:12 +0530", datetime(2025, 11, 19, 19, 41, 12)),
    ("2024-02-29T23:30:00.25-00:45", datetime(2024, 3, 1, 0, 15, 0, 250000)),
    ("2025-11-20 10:11:12+23:59", datetime(2025, 11, 19, 10, 12, 12)),
    ("0001-01-01 01:00:00+01", datetime(1, 1, 1)),
    ("1763632800", datetime(2025, 11, 20, 10)),
    ("1763632800123", datetime(2025, 11, 20, 10, 0, 0, 123000)),
    ("1763632800123456", datetime(2025, 11, 20, 10, 0, 0, 123456)),
    ("1763632800123456789", datetime(2025, 11, 20, 10, 0, 0, 123456)),
    ("0000000000", datetime(1970, 1, 1)),
    ("9999999999", datetime(2286, 11, 20, 17, 46, 39)),
    ("9999999999999999999", datetime(2286, 11, 20, 17, 46, 39, 999999)),
]
NO_MOMENTS = [
    "2025-02-29",
    "2025-11-31 10:11:12",
    "2025-13-01",
    "0000-01-01",
    "2025-1-1",
    "20251120",
    "20/11/2025",
    "2025-11-20 24:00:00",
    "2025-11-20 23:59:60",
    "2025-11-20 10:11",
    "2025-11-20 10:11:12.",
    "2025-11-20 10:11:12.1234567891",
    "2025-11-20t10:11:12",
    "2025-11-20  10:11:12",
    *["2025-11-20Z", "2025-11-20 UTC", "2025-11-20+00:00", "2025-11-20 10:11Z"],
    *["2025-11-20T10:11:12z", "2025-11-20 10:11:12  Z", "2025-11-20 10:11:12 GMT"],
    *["2025-11-20 10:11:12+1", "2025-11-20 10:11:12+1:00", "2025-11-20 10:11:12+01:0"],
    *["2025-11-20 10:11:12+24:00", "2025-11-20 10:11:12+00:60", "2025-11-20 10:11:12+"],
    *["2025-11-20 10:11:12 + 01", "2025-11-20 10:11:12+01:00:00", "2025-11-20 10:11:12 UTC+1"],
    *["2025-11-20 10:11:12−01:00", "2025-11-20 10:11:12.Z", "2025-11-20 10:11:12Z."],
    *["0001-01-01 00:59:59+01", "9999-12-31 23:00:00-01"],
    *["1", "176363280", "17636328000", "176363280000", "17636328000000", "-1763632800"],
    *[
        "1763632800.0",
        "1,763,632,800",
        "+1763632800",
        "176363280000000000000",
        "１７６３６３２８００",
    ],
    "２０２５-11-20",
    "today",
]


@pytest.mark.parametrize(("value", "moment"), MOMENTS)
def test_dates_and_timestamps(value: str, moment: datetime) -> None:
    assert cleaned("customers", signup_date=value)["signup_date"] == moment.date()
    call = cleaned("call_logs", call_start_time=value, call_end_time=None)
    assert (call["call_start_time"], call["request_date"]) == (moment, moment.date())


@pytest.mark.parametrize("value", NO_MOMENTS)
def test_what_is_no_date_and_no_timestamp(value: str) -> None:
    assert cleaned("customers", signup_date=value)["signup_date"] is None
    assert problems("customers", signup_date=value) == {"signup_date": value}
    call = cleaned("call_logs", call_start_time=value)
    assert (call["call_start_time"], call["request_date"]) == (None, None)
    assert problems("call_logs", call_start_time=value) == {"call_start_time": value}


def test_call_that_ends_before_it_starts() -> None:
    change = {"call_end_time": " 2025-11-20 09:59:59.999999"}
    assert cleaned("call_logs", **change)["call_end_time"] is None
    assert problems("call_logs", **change) == change
    assert problems("call_logs", call_end_time="2025-11-20 10:00:00") == {}


@pytest.mark.parametrize("entity", ["sm_complaints", "web_complaints"])
def test_resolution_before_request(entity: str) -> None:
    change = {"resolution_date": "2025-11-18 23:59:59"}
    assert cleaned(entity, **change)["resolution_date"] is None
    assert problems(entity, **change) == change
    same_day = cleaned(entity, resolution_date="2025-11-19", request_date="2025-11-19 08:00:00")
    assert same_day["resolution_date"] == same_day["request_date"] == date(2025, 11, 19)
