"""Sample complaints: each one's whole life follows from the day it was made, without any state.

A day's file holds that day's new complaints and, with their later statuses, those of the days
before that somebody worked on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from random import Random

from blocks.samples.dirt import Dirt, padded
from blocks.samples.static import BASE_CUSTOMERS, SEATS, Row, agent_id, arrival, customer_id
from blocks.samples.words import skewed

LONGEST_LIFE = 6  # days after the first on which a complaint may come back


# the kind of dirt, where it isn't what the column holds.
_KINDS = {
    **dict.fromkeys(("key", "customer", "agent"), "reference"),
    **dict.fromkeys(("start", "end"), "timestamp"),
    **dict.fromkeys(("requested", "generated"), "date"),
    "resolved": "resolution",
}


@dataclass(frozen=True, eq=False)  # so it can be a key of a cache
class Channel:
    """A channel's rows: its source's column labels, and what each column holds."""

    name: str
    number: int  # keeps the channels' complaint ids apart
    per_day: int  # new complaints, about
    columns: dict[str, str]


_SHARED = {"customeR iD": "customer", "COMPLAINT_catego ry": "category", "agent ID": "agent"}
_REQUEST = {
    "resolutionstatus": "status",
    "request_date": "requested",
    "resolution_date": "resolved",
}
CALL_LOGS = Channel(
    "call_logs",
    number=0,
    per_day=210,
    columns={
        "call ID": "key",
        **_SHARED,
        "call_start_time": "start",
        "call_end_time": "end",
        "resolutionstatus": "status",
        "callLogsGenerationDate": "generated",
    },
)
SM_COMPLAINTS = Channel(
    "sm_complaints",
    number=1,
    per_day=150,
    columns={
        "complaint_id": "key",
        **_SHARED,
        **_REQUEST,
        "media_channel": "media",
        "MediaComplaintGenerationDate": "generated",
    },
)
WEB_COMPLAINTS = Channel(
    "web_complaints",
    number=2,
    per_day=120,
    columns={"request_id": "key", **_SHARED, **_REQUEST, "webFormGenerationDate": "generated"},
)

CATEGORIES = ("Network Failure", "Technician Support", "Payments", "Router Delivery")
_USUAL, _OUTAGE = (40, 27, 21, 12), (78, 12, 6, 4)  # how often each, in percent
_MEDIA = ("TWITTER", "FACEBOOK", "INSTAGRAM", "LINKEDIN")
_STATUSES = {"B": "Backlog", "P": "In-Progress", "R": "Resolved", "X": "Blocked"}
# statuses from the first day to the last, and how often.
_LIVES = ("R", "BPR", "BR", "PR", "BP", "BBPR", "B", "BPXPR", "BX", "BPRPR", "RP", "BXR")
_LIVES_OFTEN = (16, 30, 12, 8, 8, 6, 5, 4, 4, 4, 2, 1)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_KEYS = len(_DIGITS) ** 7


@dataclass(frozen=True)
class Complaint:
    """A complaint, from its first day to its last."""

    key: str
    customer: str
    agent: str
    category: str
    media: str
    opened: datetime
    steps: tuple[tuple[int, str, datetime], ...]  # days after the first, status, last contact


def _key(number: int) -> str:
    # a factor without a divisor in common with the number of keys: no two numbers share one.
    number = number * 48_271_364_519 % _KEYS
    letters = ""
    for _ in range(7):
        number, digit = divmod(number, len(_DIGITS))
        letters += _DIGITS[digit]
    return letters


def _customer(rng: Random, day: date, serial: int) -> str:
    if serial % 120 == 61:  # at least once on any day
        return ""
    chance = rng.random()
    if chance < 0.008:
        return customer_id(-1 - rng.randrange(500))  # known to nobody, ever
    if chance < 0.028:
        # new customers: some complain before the customers file has them.
        return customer_id(max(0, arrival(day + timedelta(rng.randrange(-4, 6)))))
    return customer_id(skewed(rng, BASE_CUSTOMERS))


def _agent(rng: Random, seat: int, serial: int) -> str:
    if serial % 120 == 37:
        return ""
    return str(9000 + rng.randrange(40)) if rng.random() < 0.006 else agent_id(seat)


@lru_cache(maxsize=64)
def complaints_of(channel: Channel, day: date) -> tuple[Complaint, ...]:
    """The complaints made on a day, in the order they came in, each with its whole life."""
    outage = Random(f"outage {day}").random() < 0.12
    rng = Random(f"{channel.name} {day}")
    count = channel.per_day * rng.randrange(88, 113) // (145 if day.weekday() >= 5 else 100)
    count = count * 3 // 2 if outage else count
    seconds = sorted(int(rng.triangular(6.5, 22.5, 11) * 3600) for _ in range(count))
    made = []
    for serial, second in enumerate(seconds):
        seat = skewed(rng, SEATS) * 23 % SEATS  # busy or not has nothing to do with experience
        opened = datetime.combine(day, time()) + timedelta(seconds=second)
        step = 0
        steps: list[tuple[int, str, datetime]] = []
        for letter in rng.choices(_LIVES, _LIVES_OFTEN)[0]:
            if steps:
                # some agents let things lie.
                step += 1 + (rng.random() < seat % 10 / 15) + (rng.random() < 0.12)
            contact = opened + timedelta(seconds=rng.randrange(40, 2400))
            if step:
                contact = datetime.combine(day, time(8)) + timedelta(
                    days=step, seconds=rng.randrange(36_000)
                )
            if step <= LONGEST_LIFE:
                steps.append((step, _STATUSES[letter], contact))
        made.append(
            Complaint(
                key=_key((day.toordinal() * 1000 + serial) * 3 + channel.number),
                customer=_customer(rng, day, serial),
                agent=_agent(rng, seat, serial),
                category=rng.choices(CATEGORIES, _OUTAGE if outage else _USUAL)[0],
                media=rng.choices(_MEDIA, (44, 28, 22, 6))[0],
                opened=opened,
                steps=tuple(steps),
            )
        )
    return tuple(made)


def _row(
    channel: Channel, run_date: date, complaint: Complaint, status: str, contact: datetime
) -> Row:
    values = vars(complaint) | {
        "start": complaint.opened.isoformat(" "),
        "end": contact.isoformat(" "),
        "requested": complaint.opened.date().isoformat(),
        "resolved": contact.date().isoformat() if status == "Resolved" else "",
        "status": status,
        "generated": run_date.isoformat(),
    }
    return [values[column] for column in channel.columns.values()]


def _clean(channel: Channel, run_date: date) -> Iterator[tuple[Complaint, Row]]:
    for age in range(LONGEST_LIFE, -1, -1):
        for complaint in complaints_of(channel, run_date - timedelta(age)):
            for step, status, contact in complaint.steps:
                if step == age:
                    yield complaint, _row(channel, run_date, complaint, status, contact)


def rows(channel: Channel, run_date: date) -> list[Row]:
    """The rows of a channel's source of a run date, in file order, dirt and all."""
    # 4 forms on from the day before: in four days every column goes through all of its forms.
    dirt = Dirt(f"{channel.name} dirt {run_date}", 0.03, turn=run_date.toordinal() * 4)
    result: list[Row] = []
    again: list[Row] = []
    holds = list(channel.columns.values())
    kinds = [_KINDS.get(what, what) for what in holds]
    status_at = holds.index("status")
    end_at = holds.index("end" if "end" in holds else "resolved")
    for complaint, row in _clean(channel, run_date):
        if row[end_at] and dirt.now("over before it began", 0.01):
            early = complaint.opened - timedelta(days=dirt.below(3) + 1, minutes=3)
            row[end_at] = early.isoformat(" ")[: len(row[end_at])]
        soiled = dirt.row(kinds, row)
        if dirt.now("stale", 0.008):  # the same complaint before somebody worked on it
            before = list(row)
            before[status_at] = "Blocked" if row[status_at] == "Backlog" else "Backlog"
            before[end_at] = ""
            result.append(before)
        result.append(soiled)
        if dirt.now("twice", 0.01):
            again.append(padded(soiled) if dirt.below(2) else soiled)
        if dirt.now("keyless", 0.006):
            again.append([" " if dirt.below(2) else "", *soiled[1:]])
    return result + again
