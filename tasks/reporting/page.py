"""The history of runs as one HTML page that needs nothing else: no server, no network."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.entities.references import ledger_columns
from tasks.reporting.charts import charts, colour
from tasks.reporting.history import SECONDS, Day, DayState, quarantined

# each state's mark, and what it means.
STATES = {
    DayState.LOADED: ("✔", "all channels are loaded"),
    DayState.REJECTED: ("✘", "the audit kept a delivery out"),
    DayState.INCOMPLETE: ("◐", "a channel failed or never came, others are loaded"),
    DayState.MISSING: ("!", "nothing is loaded: the run failed at once, or never began"),
    DayState.NOT_YET: ("·", "today, or before the first run date"),
}


def page(days: Sequence[Day], platform: str, sample_note: str, made: datetime) -> str:
    """The page of these run dates, the oldest first."""
    counts = ledger_columns("count")
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("page.html").render(
        days=days,
        weeks=weeks(days),
        newest=([day for day in days if day.state is not DayState.NOT_YET] or days)[-1],
        charts=charts(days),
        states=STATES,
        counts=counts,
        seconds=dict(zip(SECONDS, ledger_columns("seconds").values(), strict=True)),
        totals={column: sum(day.total(column) for day in days) for column in counts},
        work=lambda row: sum(row[column] or 0 for column in SECONDS),
        quarantined=sum(quarantined(row) for day in days for row in day.ledger.values()),
        colour=colour,
        platform=platform,
        sample_note=sample_note,
        made=made,
    )


def weeks(days: Sequence[Day]) -> list[list[Day | None]]:
    """The days by week, Monday first; None before the first and after the last."""
    cells: list[Day | None] = [None] * days[0].run_date.weekday() + list(days)
    cells += [None] * (-len(cells) % 7)
    return [cells[n : n + 7] for n in range(0, len(cells), 7)]
