"""The history of runs as one HTML page that needs nothing else: no server, no network."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.entities.references import ledger_columns
from tasks.reporting.charts import charts, colour
from tasks.reporting.history import SECONDS, STATES, Day, DayState, quarantined, weeks


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
        quarantined=sum(quarantined(row) for day in days for row in day.ledger.values()),
        colour=colour,
        platform=platform,
        sample_note=sample_note,
        made=made,
    )
