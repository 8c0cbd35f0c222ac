"""Sample customers and agents as they stood on a date: people move, get promoted, arrive, leave.

Who somebody is and how their row is dirty never changes with the date, so that between the files of
two dates exactly the moved, promoted and newly arrived differ.
"""

from datetime import date, timedelta
from functools import cache
from random import Random
from uuid import UUID, uuid5

from blocks.samples.dirt import Dirt, padded
from blocks.samples.words import PITFALLS, STATES, address, mailbox, person

Row = list[str]

CUSTOMERS_HEADER = (
    "customer_id",
    "name",
    "Gender",
    "DATE of biRTH",
    "signup_date",
    "email",
    "address",
)
_CUSTOMER_KINDS = ("reference", "name", "gender", "date", "date", "email", "address")
AGENTS_HEADER = ("iD", "NamE", "experience", "state")
_AGENT_KINDS = ("reference", "name", "experience", "state")

BASE_CUSTOMERS = 2000
SEATS = len(STATES)  # one agent each, so that every state and territory has one
LEVELS = ("Intern", "Junior", "Mid-Level", "Senior")

_ARRIVALS_FROM = date(2025, 1, 1)  # a new customer every second day from here on
_MOVES_EVERY = 800  # days, of one customer: 2 or 3 customers move on any day
_DOMAINS = (
    "gmail.com",
    "gmail.com",
    "hotmail.com",
    "example.com",
    "example.org",
    "mail.example.net",
)
_NAMESPACE = UUID("8a4f6f0e-5f0b-4c57-9d3c-3f1d3ad2a0c5")

# A seat's agent starts as an intern, is promoted on these days and leaves on the last, when a new
# intern takes over the seat's id. Starts are 6 days apart and the promotions 0, 2 and 4 days
# off that beat, so that somebody is promoted every second day.
_START_EVERY = 6
_PROMOTED_AFTER = (60, 140, 238)
_CAREER = SEATS * _START_EVERY


def customer_id(number: int) -> str:
    """The id of a customer; numbers from `BASE_CUSTOMERS` on arrive one by one."""
    return str(uuid5(_NAMESPACE, str(number)))


def arrival(day: date) -> int:
    """The number of the customer who came last into the customers file by this day."""
    return BASE_CUSTOMERS + (day - _ARRIVALS_FROM).days // 2


def agent_id(seat: int) -> str:
    """The id that a seat's agents bear, one after the other."""
    return str(1000 + seat * 29 % 997)


def customers(as_of: date) -> list[Row]:
    """The rows of the customers file on a date, in file order."""
    who = Random("customers")
    dirt = Dirt("customers' dirt", 0.03)
    rows: list[Row] = []
    again: list[Row] = []
    for number in range(max(BASE_CUSTOMERS, arrival(as_of) + 1)):
        name, gender = person(who)
        if number % 400 == 7:
            name = PITFALLS[number // 400 % len(PITFALLS)]
        born = date(1940, 1, 1) + timedelta(who.randrange(23_700))
        signed_up = date(2016, 1, 1) + timedelta(who.randrange(3_280))
        if number >= BASE_CUSTOMERS:
            signed_up = _ARRIVALS_FROM + timedelta((number - BASE_CUSTOMERS) * 2 - 5)
        email = f"{mailbox(name, number)}@{_DOMAINS[who.randrange(len(_DOMAINS))]}"
        home = (as_of.toordinal() + number * 37) // _MOVES_EVERY
        row = [
            customer_id(number),
            name,
            gender,
            born.isoformat(),
            signed_up.isoformat(),
            email,
            address(number * 10_007 + home),
        ]
        soiled = dirt.row(_CUSTOMER_KINDS, row)
        if dirt.now("stale", 0.006):  # an address of old, still in the file before the present one
            rows.append([*row[:-1], address(number * 10_007 + home - 1)])
        rows.append(soiled)
        if dirt.now("twice", 0.008):
            again.append(soiled if number % 2 else padded(soiled))
        if dirt.now("keyless", 0.005):
            again.append(["   " if number % 2 else "", *soiled[1:]])
    return rows + again


@cache
def _agent_of(seat: int, career: int) -> str:
    if seat == 3:
        return PITFALLS[0]
    return person(Random(f"agent {seat} {career}"))[0]


def agents(as_of: date) -> list[Row]:
    """The rows of the agents file on a date, in file order."""
    dirt = Dirt("agents' dirt", 0.25)
    rows: list[Row] = []
    for seat, state in enumerate(STATES):
        career, day = divmod(as_of.toordinal() - seat * _START_EVERY, _CAREER)
        level = sum(day >= promoted for promoted in _PROMOTED_AFTER)
        place = state.name
        if seat % 3 == 1:
            place = state.code if seat % 2 else state.code.lower()
        row = dirt.row(
            _AGENT_KINDS, [agent_id(seat), _agent_of(seat, career), LEVELS[level], place]
        )
        # bad forms only in people's first days: later ones could hide a promotion.
        if day < _START_EVERY:
            row[2] = ""
        elif day < 2 * _START_EVERY:
            row[2] = "Trainee"
        if seat % 25 == 11:
            rows.append([row[0], row[1], LEVELS[level - 1] if level else "", row[3]])
        rows.append(row)
        if seat % 30 == 4:
            rows.append(padded(row))
        if seat % 40 == 20:
            rows.append(["", *row[1:]])
    return rows
