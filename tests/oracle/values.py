"""docs/contract.md#fields: what a stripped, non-empty value becomes, None if nothing."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from tests.oracle.entities import CHOICES, STATES

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001


def kept(value: str) -> str:
    """Addresses stay as they are, and so do keys after step 1."""
    return value


def name(value: str) -> str:
    """
    >>> name("  o'brien\\tVAN\\u00a0 mary-jane ")
    "O'Brien Van Mary-Jane"
    """
    return " ".join(value.split()).title()


def choice(field: str) -> Callable[[str], str | None]:
    """A rule that takes a choice in any case and writes it as the contract does.

    >>> choice("experience")("mid-LEVEL")
    'Mid-Level'
    """
    spelled = {option.lower(): option for option in CHOICES[field]}
    return lambda value: spelled.get(value.lower())


def state(value: str) -> str | None:
    """
    >>> state("new YORK"), state("ny"), state("Ontario")
    ('New York', 'New York', None)
    """
    for code, called in STATES.items():
        if value.lower() in (code.lower(), called.lower()):
            return called
    return None


def state_name(code: str | None) -> str | None:
    return None if code is None else STATES[code]


def email(value: str) -> str | None:
    """
    >>> email("Jo hn@@GMIAL.om"), email("no one")
    ('john@gmail.com', None)
    """
    parts = value.lower().split("@")
    if len(parts) > 2:
        parts = [part for part in parts if part][-2:]
    if len(parts) < 2:
        return None
    local, domain = parts
    local = "".join(c for c in local if c in "abcdefghijklmnopqrstuvwxyz0123456789._+-")
    if domain.endswith(".om"):
        domain = domain[: -len("om")] + "com"
    if domain == "gmial.com":
        domain = "gmail.com"
    if domain in ("hotmai.com", "hotmaill.com"):
        domain = "hotmail.com"
    labels = domain.split(".")
    if not local or len(labels) < 2:
        return None
    if not all(re.fullmatch(r"[a-z0-9-]+", label) for label in labels):
        return None
    return f"{local}@{domain}"


def zip_and_state(address: str) -> tuple[str | None, str | None]:
    """
    >>> zip_and_state("1 High St, Troy, ny,, 12180-1234")
    ('12180', 'NY')
    """
    words = address.split()
    last = words[-1] if words else ""
    second_last = words[-2] if len(words) > 1 else ""
    code = second_last.rstrip(",").upper()
    found = re.fullmatch(r"([0-9]{5})(-[0-9]{4})?", last)
    return (found[1] if found else None), (code if code in STATES else None)


def timestamp(value: str) -> datetime | None:
    """
    >>> timestamp("2025-11-20T10:11:12.5"), timestamp("2025-02-29")
    (datetime.datetime(2025, 11, 20, 10, 11, 12, 500000), None)
    >>> timestamp("2025-11-20 01:11:12 +0200")
    datetime.datetime(2025, 11, 19, 23, 11, 12)
    >>> timestamp("1763632800"), timestamp("1763632800000999999")
    (datetime.datetime(2025, 11, 20, 10, 0), datetime.datetime(2025, 11, 20, 10, 0, 0, 999))
    """
    if value.isascii() and value.isdigit():
        per_second = {10: 1, 13: 10**3, 16: 10**6, 19: 10**9}.get(len(value))
        if per_second is None:
            return None
        return _EPOCH + timedelta(microseconds=int(value) * 10**6 // per_second)
    found = re.fullmatch(
        r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
        r"(?:[ T]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?( ?[ZU+-].*)?)?",
        value,
    )
    if not found:
        return None
    *whole, fraction, zone = found.groups()
    year, month, day, hour, minute, second = (int(group or "0") for group in whole)
    microsecond = int((fraction or "").ljust(6, "0")[:6])
    try:
        local = datetime(year, month, day, hour, minute, second, microsecond)  # noqa: DTZ001
        return local - _offset((zone or "Z").removeprefix(" "))
    except (ValueError, OverflowError):
        return None


def _offset(zone: str) -> timedelta:
    """How far a zone is ahead of UTC; ValueError if it is none.

    >>> _offset("UTC"), _offset("-0330")
    (datetime.timedelta(0), datetime.timedelta(days=-1, seconds=73800))
    """
    if zone in ("Z", "UTC"):
        return timedelta()
    sign, digits = zone[0], zone[1:]
    if len(digits) == 5 and digits[2] == ":":
        digits = digits[:2] + digits[3:]
    if not (len(digits) in (2, 4) and digits.isascii() and digits.isdigit()):
        raise ValueError
    hours, minutes = int(digits[:2]), int(digits[2:] or "0")
    if sign not in "+-" or hours > 23 or minutes > 59:
        raise ValueError
    ahead = timedelta(hours=hours, minutes=minutes)
    return -ahead if sign == "-" else ahead


def calendar_day(value: str) -> date | None:
    """
    >>> calendar_day("2024-02-29 23:59:59")
    datetime.date(2024, 2, 29)
    """
    moment = timestamp(value)
    return None if moment is None else moment.date()


RULES: dict[str, Callable[[str], object]] = {
    "key": kept,
    "name": name,
    "email": email,
    "address": kept,
    "state": state,
    "date": calendar_day,
    "timestamp": timestamp,
    **{field: choice(field) for field in CHOICES},
}
