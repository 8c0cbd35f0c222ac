"""What a daily run did, as Markdown and tables for Prefect's UI: counts, no value of a row."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blocks.errors import RunFailedError
from tasks.entities.references import ledger_columns
from tasks.reporting.history import STATES, Day, DayState, quarantined, weeks
from tasks.reporting.summary import Summary

PATHS = {
    "initial": "customers and agents were loaded first, complaints waited at the gate",
    "incremental": "the static path was skipped, complaints went at once",
    "undecided": "the run failed before it knew its path",
}
COUNTS, STATIC_COUNTS, SECONDS = map(ledger_columns, ("count", "static", "seconds"))

SELECT = "SELECT * FROM"


@dataclass(frozen=True)
class Report:
    """A daily run at its end."""

    name: str
    load_type: str
    error: RunFailedError | None
    steps: Mapping[str, str]  # and how each ended
    summary: Summary
    page: str | None = None  # in Prefect's UI
    sample_note: str = ""  # that the data are made up

    @property
    def ended(self) -> str:
        """Completed or Failed."""
        return "Failed" if self.error else "Completed"


def markdown(report: Report) -> str:
    """A run's summary: the path taken, what failed, where every row went, where to look."""
    summary = report.summary
    link = f" [Flow run]({report.page})." if report.page else ""
    parts = [
        f"# Daily run of {summary.run_date}: {report.ended}",
        f"**{report.load_type.capitalize()}**: {PATHS[report.load_type]}.{link}",
    ]
    if report.sample_note:
        parts.append(f"**{report.sample_note}.**")
    if report.error:
        parts.append("\n".join(f"> {escaped(text)}  " for _, text in report.error.lines()))
        steps = [[f"`{name}`", ended] for name, ended in report.steps.items()]
        parts += ["## Steps", _table(("step", "state"), steps)]
    parts += ["## Where every row went", _ledger(summary)]
    if summary.low:
        parts += ["## Far fewer rows than usual", _counted(summary.low)]
    static = [row for row in summary.ledger if row["inserted"] is not None]
    if static:
        titles = ("loaded of", *STATIC_COUNTS.values())
        rows = [[row["entity"], *(row[column] for column in STATIC_COUNTS)] for row in static]
        parts.append(_table(titles, rows))
    parts += ["## Quarantine by reason", _counted(summary.quarantine)]
    parts += ["## Field problems by field", _counted(summary.problems)]
    parts += ["## Where to look", "\n".join(_places(report))]
    return "\n\n".join(parts)


def ledger_rows(report: Report) -> list[dict[str, Any]]:
    """The ledger of a run for a table artifact: one row an entity, and their sum."""
    summary = report.summary
    about = {"run date": str(summary.run_date), "load type": report.load_type}
    rows = [
        about
        | {"entity": row["entity"]}
        | {title: row[column] for column, title in (COUNTS | STATIC_COUNTS).items()}
        | {f"{t} seconds": round(row[column] or 0.0, 2) for column, t in SECONDS.items()}
        for row in summary.ledger
    ]
    total = {title: summary.total(column) for column, title in COUNTS.items()}
    return [*rows, dict.fromkeys(rows[0]) | about | {"entity": "all"} | total]


def history(days: Sequence[Day]) -> str:
    """The run dates up to a run's own: a calendar of their states, and what each one loaded."""
    marks = {state: mark for state, (mark, _) in STATES.items()}
    counted = Counter(day.state for day in days)
    calendar = [
        [f"{day.run_date.day} {marks[day.state]}" if day else "" for day in week]
        for week in weeks(days)
    ]
    rows = [
        [
            str(day.run_date),
            f"{marks[day.state]} {day.state}",
            day.load_type,
            day.total("rows_read"),
            day.total("loaded"),
            sum(map(quarantined, day.ledger.values())),
            day.total("field_problems"),
            f"{sum(map(day.total, SECONDS)):.1f} s",
            escaped("; ".join(day.notes)),
        ]
        for day in reversed(days)
        if day.state is not DayState.NOT_YET
    ]
    counts = ("read", "loaded", "quarantine", "field problems")
    parts = [
        f"# Run dates up to {days[-1].run_date}",
        " · ".join(f"{marks[state]} {counted[state]} {state}" for state in STATES),
        _table(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), calendar),
        _table(("run date", "state", "load type", *counts, "work", "what is wrong"), rows),
        "As charts: `python -m flows.history`",
    ]
    return "\n\n".join(parts)


def escaped(text: str) -> str:
    r"""A text as Markdown shows it, whatever labels and file names it quotes.

    >>> print(escaped("load_x failed: no column `a*b` in <x>"))
    load_x failed: no column \`a\*b\` in \<x\>
    """
    return re.sub(r"[\\`*\[\]<>|~#&]|(?<!\w)_|_(?!\w)", r"\\\g<0>", text)


def _ledger(summary: Summary) -> str:
    if not summary.ledger:
        return "Nothing was loaded."
    rows = [[row["entity"], *(row[column] for column in COUNTS)] for row in summary.ledger]
    rows.append(["**all**", *(summary.total(column) for column in COUNTS)])
    share = f"{100 * summary.quarantine_share:.2f} % of the rows read are in quarantine."
    balance = "Read = exact duplicates + missing key + duplicate key + orphan + loaded."
    return f"{_table(('entity', *COUNTS.values()), rows)}\n\n{balance} {share}"


def _counted(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "None."
    return _table(tuple(rows[0]), (list(row.values()) for row in rows))


def _places(report: Report) -> Iterable[str]:
    day = report.summary.run_date
    if report.summary.quarantined:
        yield f"- Quarantine: `{SELECT} quarantine.records WHERE run_date = '{day}'`"
        yield "- Orphans whose customer or agent came later: `docs/runbooks/replay-quarantine.md`"
    if report.summary.total("field_problems"):
        yield f"- Field problems: `{SELECT} ops.field_problems WHERE run_date = '{day}'`"
    if not report.error:
        yield "- Warehouse: schema `analytics`, described in `docs/warehouse.md`"
    else:
        yield "- What to do after a failed run: `docs/runbooks/failed-run.md`"


def _table(titles: tuple[str, ...], rows: Iterable[list[Any]]) -> str:
    rows = list(rows)
    numbers = [all(isinstance(row[n], int) for row in rows) for n in range(len(titles))]
    lines = [list(titles), ["---:" if number else "---" for number in numbers]]
    lines += [[_cell(value) for value in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
