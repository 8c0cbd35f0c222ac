"""What a person reads after a run: how it ended, where every row went, where to look next."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from blocks.database import address
from blocks.errors import CoreTelecomsError, Part, RunFailedError
from blocks.resolving import resolve
from blocks.resources import Resources
from blocks.server import page_of
from blocks.settings import settings
from tasks.entities.contracts import ENTITIES
from tasks.entities.references import ledger_columns
from tasks.reporting.progress import Status, board
from tasks.reporting.summary import Summary, read_summary

COLUMNS = {  # of the ledger, with what a narrow terminal has room for
    name: re.sub("duplicates?", "dup.", title).replace(" ", "\n")
    for name, title in ledger_columns("count").items()
}
BALANCE = "read = exact duplicates + missing key + duplicate key + orphan + loaded"
NO_UI = "make server, then PREFECT_API_URL=http://127.0.0.1:4200/api"
NOTHING = "–"
NOT_LOADED = f"{NOTHING} not loaded by this run: what was there of that date is as it was"
SELECT = "select * from"
LABEL = 17  # width


def say(
    console: Console,
    given: Any,
    said: str,
    error: RunFailedError | None,
    seconds: float,
    noise: Path | None = None,
) -> None:
    """How a run ended. What failed and what to do comes last, where a short screen still has it."""
    page = page_of(board.flow_runs[0]) if board.flow_runs else None
    places: dict[str, str] = {}
    if hasattr(given, "run_date") and board.flow_runs:  # not a range, whose days the picture has
        said, places = _day(console, given, error)
    if page or places:
        places["Prefect's UI"] = page or NO_UI
    for label, where in places.items():
        console.print(Text(f"{label:<{LABEL}}", "bold").append(where, "not bold"), soft_wrap=True)
    _notes(console)
    if noise:
        _line(console, f"What libraries wrote is in {noise}", "dim")
    if places:
        console.print()
    if error:
        failed(console, error)
        if hasattr(given, "run_date"):
            asked = "" if given.platform == "local" else f" --platform {given.platform}"
            look = f"python -m flows.check --run-date {given.run_date}{asked}"
            _line(console, f"  Whether the next run will find all that it needs: {look}", "dim")
    else:
        _line(console, f"✔ Completed in {seconds:.1f} s{said and f': {said}'}", "bold green")


def failed(console: Console, error: RunFailedError) -> None:
    """What failed, where, what to do, what was held back."""
    mark, style = "✘", "bold red"
    for part, text in error.lines():
        # what to do may be a command, which has to copy as one line.
        (_line if part is Part.TODO else _words)(console, f"{mark} {text}", style)
        mark, style = " ", ""


def _day(console: Console, given: Any, error: RunFailedError | None) -> tuple[str, dict[str, str]]:
    """Show where every row of a run date went; its counts in short, and where to look next."""
    try:
        resources = resolve(given.platform)
        summary = read_summary(resources.warehouse_dsn, given.run_date, board.flow_runs)
    except CoreTelecomsError as unread:
        if not error:
            _line(console, f"No ledger to show: {unread}")
        return "", {}
    if summary.ledger:
        missing = not_loaded()
        console.print(ledger_table(summary, missing))
        console.print(f"\n{BALANCE}", style="dim")
        if missing:
            console.print(NOT_LOADED, style="dim")
        console.print()
    return in_short(summary), where_to_look(summary, resources, completed=not error)


def _words(console: Console, text: str, style: str = "") -> None:
    if not console.is_terminal:
        return _line(console, text, style)
    indent = 2
    console.print(Padding(Text(text.lstrip(), style), (0, 0, 0, indent * text.startswith(" "))))
    return None


def _notes(console: Console) -> None:
    for note in board.notes:
        _words(console, f"! {note}", "yellow")


def _line(console: Console, text: str, style: str = "") -> None:
    # broken by the terminal, not by us: it copies as one line.
    console.print(text, style=style, soft_wrap=True, markup=False)


def in_short(summary: Summary) -> str:
    """A run's counts in half a sentence."""
    return (
        f"{summary.total('rows_read'):,} rows read, {summary.total('loaded'):,} loaded, "
        f"{summary.quarantined:,} in quarantine"
    )


def not_loaded() -> list[str]:
    """The entities that this run was to load and didn't."""
    steps = {name: board.steps.get(f"load_{name}") for name in ENTITIES}
    ended = {name: step.status for name, step in steps.items() if step}
    return [name for name in ended if ended[name] in (Status.FAILED, Status.HELD_BACK)]


def ledger_table(summary: Summary, missing: Iterable[str] = ()) -> Table:
    """Where every row went: one line an entity, those that are missing from the ledger last."""
    table = Table(
        box=SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        pad_edge=False,
        show_edge=False,
        title=f"Where every row of {summary.run_date} went\n",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("", no_wrap=True)
    for title in COLUMNS.values():
        table.add_column(title, justify="right", no_wrap=True)
    for row in summary.ledger:
        table.add_row(row["entity"], *(f"{row[column]:,}" for column in COLUMNS))
    for entity in missing:
        table.add_row(entity, *NOTHING * len(COLUMNS), style="red")
    if len(summary.ledger) > 1:
        table.add_section()
        table.add_row("all", *(f"{summary.total(column):,}" for column in COLUMNS), style="bold")
    return table


def where_to_look(summary: Summary, resources: Resources, *, completed: bool) -> dict[str, str]:
    """Places to look next, each as something to type or to open."""
    day, places = summary.run_date, {}
    if summary.quarantined:
        places["Quarantine"] = f"{SELECT} quarantine.records where run_date = '{day}';"
    if summary.total("field_problems"):
        problems = f"{_near(resources.lake.url)}/problems/<entity>/{day}.parquet"
        places["Field problems"] = problems
    embedded = resources.platform == "local" and not settings().warehouse_dsn
    places["SQL prompt"] = "make psql" if embedded else address(resources.warehouse_dsn)
    if completed:
        places["Warehouse"] = f"{SELECT} analytics.agg_daily_complaints; or: make dbt-docs"
    return places


def _near(url: str) -> str:
    """A folder as seen from here, where that is shorter."""
    if "://" in url:
        return url
    return min(url, os.path.relpath(url), key=len)
