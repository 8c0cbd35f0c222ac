"""The last run dates, read back from the ledger: the state of each, and its counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from statistics import median_low
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from blocks.database import connect, is_there
from tasks.entities.contracts import ENTITIES, STATIC, complaints_on
from tasks.entities.references import ledger_columns
from tasks.loading.tables import lost_days

DAYS = 60
USUAL_OF = 7  # run dates before one, whose median is usual, from four on (docs/contract.md#audit)
SECONDS = tuple(ledger_columns("seconds"))


class DayState(StrEnum):
    """How a run date stands, by the ledger, the audit's rejections and the tables."""

    LOADED = "loaded"
    REJECTED = "rejected"
    INCOMPLETE = "incomplete"
    MISSING = "missing"
    NOT_YET = "not yet"


# each state's mark, and what it means.
STATES = {
    DayState.LOADED: ("✔", "all channels are loaded"),
    DayState.REJECTED: ("✘", "the audit kept a delivery out"),
    DayState.INCOMPLETE: ("◐", "a channel failed or never came, others are loaded"),
    DayState.MISSING: ("!", "nothing is loaded: the run failed at once, or never began"),
    DayState.NOT_YET: ("·", "today, or before the first run date"),
}


@dataclass
class Day:
    """A run date. Counts alone: no key, no value of a row."""

    run_date: date
    due: bool  # it is over, and not before the first one that was ever loaded
    ledger: dict[str, dict[str, Any]] = field(default_factory=dict)  # entity: row of ops.ledger
    rejected: dict[str, dict[str, Any]] = field(default_factory=dict)  # row of ops.rejected_days
    problems: dict[str, dict[str, int]] = field(default_factory=dict)  # entity: field: problems
    lost: list[str] = field(default_factory=list)  # channels whose rows somebody removed

    @property
    def state(self) -> DayState:
        """How it stands."""
        if self.rejected:
            return DayState.REJECTED
        if self.ledger and not self.absent:
            return DayState.LOADED
        if not self.due:
            return DayState.NOT_YET
        return DayState.INCOMPLETE if self.ledger else DayState.MISSING

    @property
    def notes(self) -> list[str]:
        """What keeps it from being loaded."""
        if self.state is DayState.MISSING:
            return ["nothing is loaded"]
        return [
            *(
                f"{entity} was rejected ({', '.join(row['failed_checks'])}): "
                f"{row['rows_read']:,} rows read, {quarantined(row):,} for quarantine"
                for entity, row in self.rejected.items()
            ),
            *(f"the rows of {entity} are gone from the database" for entity in self.lost),
            *(f"{e} is not loaded" for e in self.absent if self.due and e not in self.lost),
        ]

    @property
    def load_type(self) -> str:
        """`initial` if static entities were loaded, too; empty if nothing was."""
        static = any(entity.name in self.ledger for entity in STATIC)
        return "initial" if static else "incremental" if self.ledger else ""

    @property
    def absent(self) -> list[str]:
        """Channels of this date that are neither loaded nor rejected."""
        there = (self.ledger.keys() - set(self.lost)) | self.rejected.keys()
        return [e.name for e in complaints_on(self.run_date) if e.name not in there]

    def total(self, column: str) -> Any:
        """The sum of a column of the ledger over the entities."""
        return sum(row[column] or 0 for row in self.ledger.values())


def quarantined(row: dict[str, Any]) -> int:
    """Rows of the ledger's row that ended in quarantine."""
    return int(row["missing_key"] + row["duplicate_key"] + row["orphan"])


def usual(values: Iterable[float | None]) -> list[float | None]:
    """For each run date the median of the last seven before it that have a value.

    >>> usual([1, 9, None, 3, 5, 7])
    [None, None, None, None, None, 3]
    """
    before: list[float] = []
    found: list[float | None] = []
    for value in values:
        last = before[-USUAL_OF:]
        found.append(median_low(last) if len(last) >= 4 else None)
        if value is not None:
            before.append(value)
    return found


def read_history(
    dsn: str, last: date | None, *, due_before: date, days: int = DAYS, problems: bool = True
) -> list[Day]:
    """The run dates up to `last`, the oldest first. `problems`: of each field, too.

    Dates from `due_before` on need not be loaded yet. Without a `last`, they end at that date, or
    at the newest known one if that is earlier than all of them. Empty where no run has made the
    tables yet.
    """
    counts = list(ledger_columns("count"))
    columns = {
        "ledger": [*counts, *ledger_columns("static", "seconds")],
        "rejected_days": ["failed_checks", *counts[: counts.index("loaded")]],
    }
    with connect(dsn, purpose="history") as connection:
        if not is_there(connection, "ops.rejected_days"):
            return []
        began, newest = connection.execute(_KNOWN).fetchone() or (None, None)
        if last is None:
            old = newest is not None and newest <= due_before - timedelta(days=days)
            last = newest if old else due_before
        first = last - timedelta(days=days - 1)
        given = {"first": first, "last": last, "entities": list(ENTITIES)}
        dates = [first + timedelta(days=n) for n in range(days)]
        found = {
            day: Day(day, due=began is not None and began <= day < due_before) for day in dates
        }
        for entity, day in lost_days(connection):
            if day in found:
                found[day].lost.append(entity)
        cursor = connection.cursor(row_factory=dict_row)
        of_days = sql.SQL(_OF_DAYS)
        for table, wanted in columns.items():
            names = sql.SQL(", ").join(map(sql.Identifier, wanted))
            query = of_days.format(names, sql.Identifier("ops", table))
            for row in cursor.execute(query, given).fetchall():
                about = found[row.pop("run_date")]
                of_table = about.ledger if table == "ledger" else about.rejected
                of_table[row.pop("entity")] = row
        for row in cursor.execute(_PROBLEMS, given).fetchall() if problems else ():
            fields = found[row["run_date"]].problems.setdefault(row["entity"], {})
            fields[row["field"]] = row["problems"]
    return list(found.values())


def weeks(days: Sequence[Day]) -> list[list[Day | None]]:
    """The days by week, Monday first; None before the first and after the last."""
    cells: list[Day | None] = [None] * days[0].run_date.weekday() + list(days)
    cells += [None] * (-len(cells) % 7)
    return [cells[n : n + 7] for n in range(0, len(cells), 7)]


_KNOWN = """
    SELECT min(run_date), max(run_date) FROM (
        SELECT run_date FROM ops.ledger UNION ALL SELECT run_date FROM ops.rejected_days
    ) AS known
"""
_OF_DAYS = """
    SELECT entity, run_date, {} FROM {}
    WHERE run_date BETWEEN %(first)s AND %(last)s AND entity = ANY (%(entities)s)
    ORDER BY array_position(%(entities)s::text[], entity)
"""
_PROBLEMS = """
    SELECT entity, run_date, field, count(*) AS problems FROM ops.field_problems
    WHERE run_date BETWEEN %(first)s AND %(last)s AND entity = ANY (%(entities)s)
    GROUP BY entity, run_date, field
    ORDER BY array_position(%(entities)s::text[], entity), problems DESC, field
"""
