"""Eight run dates, one of each state at least, for what reports of them."""

from datetime import date, timedelta

import pytest
from psycopg import sql

from blocks.database import connect
from blocks.errors import DayRejectedError
from blocks.resources import Resources
from tasks.entities.contracts import COMPLAINTS
from tasks.entities.model import Entity
from tasks.loading.day import load_day
from tasks.reporting.history import Day, DayState, read_history
from tests.integration.days import DAY as FIRST
from tests.integration.days import Day as Delivery
from tests.integration.days import known_parties

STATES = {  # by days after the first
    0: DayState.LOADED,  # with customers and agents
    1: DayState.LOADED,
    2: DayState.MISSING,
    3: DayState.REJECTED,
    4: DayState.INCOMPLETE,
    5: DayState.INCOMPLETE,  # a partition is gone
    6: DayState.LOADED,
    7: DayState.NOT_YET,
}
LAST = FIRST + timedelta(days=max(STATES))


def delivery(entity: Entity, day: date, number: int, orphans: int = 1) -> Delivery:
    rows = [
        {
            entity.key: f"{entity.name} {n}",
            "customer_id": "c0",
            "agent_id": "nobody" if n < orphans else "a0",
        }
        for n in range(number)
    ]
    problems = [
        {
            "source_row": n,
            "record_key": "k",
            "field": "resolution_status",
            "original_value": "a very private value",
        }
        for n in range(orphans, orphans + 3)
    ]
    return Delivery(entity, rows, day, fingerprint=str(day), problems=problems, exact_duplicates=2)


def eight_days(resources: Resources) -> list[Day]:
    """Load them as a run does; gives the history of sixty run dates."""
    known_parties(resources)
    for n in STATES:
        day = FIRST + timedelta(days=n)
        for number, entity in enumerate(COMPLAINTS):
            if n in (2, 7) or (n == 4 and number == 1):
                continue
            if n == 3 and number == 0:
                refused = delivery(entity, day, 200, orphans=150).write(resources)
                with pytest.raises(DayRejectedError):
                    load_day(entity, refused, resources)
                continue
            silver = delivery(entity, day, 100 + 10 * n + number).write(resources)
            load_day(entity, silver, resources)
    gone = f"{COMPLAINTS[0].name}_{FIRST + timedelta(days=5):%Y%m%d}"
    with connect(resources.warehouse_dsn) as connection:
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("conformed", gone)))
    return read_history(resources.warehouse_dsn, LAST, due_before=LAST)
