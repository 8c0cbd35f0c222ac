"""docs/contract.md#order: what a row becomes, step by step, one row at a time."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from tests.oracle import values
from tests.oracle.entities import ENTITIES, Entity
from tests.oracle.sources import Row
from tests.oracle.stripping import strip, strip_key

Clean = dict[str, object]


@dataclass(frozen=True)
class Rejected:
    """A row in quarantine, with its original values."""

    issue: str
    record_key: str | None
    record: Row
    at_fault: frozenset[str] = frozenset()  # an orphan's: customer_id, agent_id or both


@dataclass(frozen=True)
class Problem:
    """A value that could not be cleaned."""

    record_key: str
    field: str
    original_value: str


@dataclass
class Outcome:
    """Where every row of a source went."""

    rows_read: int = 0
    exact_duplicates: int = 0
    conformed: dict[str, Clean] = field(default_factory=dict)
    quarantine: list[Rejected] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def count(self, issue: str) -> int:
        return sum(rejected.issue == issue for rejected in self.quarantine)

    @property
    def counts(self) -> dict[str, int]:
        """The ledger's counts."""
        return {
            "rows_read": self.rows_read,
            "exact_duplicates": self.exact_duplicates,
            "missing_key": self.count("missing_key"),
            "duplicate_key": self.count("duplicate_key"),
            "orphan": self.count("orphan"),
            "loaded": len(self.conformed),
            "field_problems": len(self.problems),
        }


def interpret(
    name: str,
    rows: Iterable[Row],
    customers: Iterable[str] = (),
    agents: Iterable[str] = (),
) -> Outcome:
    """The fate of each row; complaints need the keys of the conformed customers and agents."""
    entity = ENTITIES[name]
    known = {"customer_id": set(customers), "agent_id": set(agents)}
    outcome = Outcome()

    seen: list[tuple[Row, Row]] = []  # (original, stripped) of every distinct row
    contents = set()
    for original in rows:
        outcome.rows_read += 1
        stripped = {
            column: (strip_key if rule == "key" else strip)(original[column])
            for column, rule in entity.rules.items()
        }
        content = tuple(stripped.values())
        if content in contents:
            outcome.exact_duplicates += 1
        else:
            contents.add(content)
            seen.append((original, stripped))

    kept: dict[str, tuple[Row, Row]] = {}
    for original, stripped in seen:
        key = stripped[entity.key]
        if key is None:
            outcome.quarantine.append(Rejected("missing_key", None, dict(original)))
            continue
        if key in kept:
            outcome.quarantine.append(Rejected("duplicate_key", key, dict(kept[key][0])))
        kept[key] = (original, stripped)

    for key, (original, stripped) in kept.items():
        clean, unclean = clean_row(entity, stripped)
        if entity.is_complaint:
            lost = frozenset(column for column in known if clean[column] not in known[column])
            if lost:
                outcome.quarantine.append(Rejected("orphan", key, dict(original), lost))
                continue
        for column in unclean:
            value = original["address" if column in ("zip_code", "state_code") else column]
            assert value is not None  # only a value can be a problem
            outcome.problems.append(Problem(key, column, value))
        outcome.conformed[key] = clean
    return outcome


def clean_row(entity: Entity, row: Row) -> tuple[Clean, list[str]]:
    """Step 5: the row's clean values, and the fields whose value could not be cleaned."""
    clean: Clean = {}
    problems = []
    for column, rule in entity.rules.items():
        value = row[column]
        clean[column] = None if value is None else values.RULES[rule](value)
        if value is not None and clean[column] is None:
            problems.append(column)

    if entity.name == "customers":
        address = row["address"]
        zip_code, code = values.zip_and_state(address or "")
        clean |= {"zip_code": zip_code, "state_code": code, "state": values.state_name(code)}
        if address is not None:
            problems += [name for name in ("zip_code", "state_code") if clean[name] is None]

    for first, last in (("call_start_time", "call_end_time"), ("request_date", "resolution_date")):
        begun, ended = clean.get(first), clean.get(last)
        if begun is not None and ended is not None and _before(ended, begun):
            clean[last] = None
            problems.append(last)

    if entity.name == "call_logs":
        start = clean["call_start_time"]
        clean["request_date"] = start.date() if isinstance(start, datetime) else None
    return clean, problems


def _before(ended: object, begun: object) -> bool:
    assert isinstance(ended, date)
    assert isinstance(begun, date)
    return ended < begun


def upsert(table: dict[str, Clean], outcome: Outcome, run_date: date) -> dict[str, int]:
    """Load customers or agents into `table`; how many rows were new, changed and as before."""
    counts = {"inserted": 0, "updated": 0, "unchanged": 0}
    for key, row in outcome.conformed.items():
        before = table.get(key)
        if before is None:
            counts["inserted"] += 1
        elif {**before, "run_date": None} == {**row, "run_date": None}:
            counts["unchanged"] += 1
            continue
        else:
            counts["updated"] += 1
        table[key] = {**row, "run_date": run_date}
    return counts
