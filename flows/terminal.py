"""A run on the terminal: the graph live while it goes, then what happened in one table."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tasks.progress import Status, Step, board

MARKS = {
    Status.WAITING: ("○", "dim"),
    Status.RUNNING: ("●", "cyan"),
    Status.DONE: ("✔", "green"),
    Status.FAILED: ("✘", "bold red"),
    Status.HELD_BACK: ("■", "yellow"),
    Status.SKIPPED: ("–", "dim"),
}
STAGES = ("ingest", "transform", "load")
STATIC = ("customers", "agents")
CHANNELS = ("call_logs", "sm_complaints", "web_complaints")


class Graph:
    """The graph of DESIGN section 1 as a grid; rich asks it again at every refresh."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def __rich__(self) -> Group:
        grid = Table.grid(padding=(0, 3))
        for _ in range(5):
            grid.add_column(no_wrap=True)
        set_up = ("create_all_tables", "clear_staging", "determine_load_type")
        grid.add_row(Text("set-up", "bold"), "", *(_cell(name) for name in set_up))
        for entity in STATIC:
            title = Text("static data", "bold") if entity == STATIC[0] else ""
            grid.add_row(title, entity, *(_cell(f"{s}_{entity}", s) for s in STAGES))
        grid.add_row("", "", "", "", _cell("mark_first_run_complete", "mark complete"))
        grid.add_row(Text("gate", "bold"), "", _gate())
        for channel in CHANNELS:
            title = Text("complaints", "bold") if channel == CHANNELS[0] else ""
            grid.add_row(title, channel, *(_cell(f"{s}_{channel}", s) for s in STAGES))
        grid.add_row(Text("warehouse", "bold"), "", _cell("run_dbt"), _cell("cleanup_checkpoints"))
        seconds = time.monotonic() - self.began
        waiting = "" if board.steps else "  starting Prefect …"
        return Group(Text(f"{seconds:5.1f} s{waiting}", "dim"), grid)


def _cell(name: str, label: str = "") -> Text:
    step = board.steps.get(name, Step(name))
    mark, style = MARKS[step.status]
    text = Text(f"{mark} {label or name}", style)
    if step.rows:
        text.append(f" {step.rows:,}", "dim")
    if step.status in (Status.RUNNING, Status.DONE, Status.FAILED) and step.seconds is not None:
        text.append(f" {step.seconds:.1f} s", "dim")
    return text


def _gate() -> Text:
    status = board.steps.get("open_static_data_gate", Step("")).status
    if status is Status.DONE:
        return Text("▯ open", "green")
    return Text("▮ closed", "yellow" if status is Status.HELD_BACK else "dim")


def watching(console: Console, *, plain: bool) -> AbstractContextManager[Any]:
    """Show the run's steps while the block goes on."""
    if not plain:
        return Live(Graph(), console=console, refresh_per_second=8, transient=False)

    def line(step: Step) -> None:
        if step.status in (Status.RUNNING, Status.WAITING):
            return
        rows = f"  {step.rows:,} rows" if step.rows else ""
        seconds = f"  {step.seconds:.2f} s" if step.started else ""
        console.print(f"{step.status:<10} {step.name}{rows}{seconds}  {step.detail}".rstrip())

    board.listener = line
    return nullcontext()


def show(run: Callable[[], Any], given: Any, *, plain: bool) -> int:
    """Run a flow under the eyes of a person; its exit code."""
    console = Console(highlight=False, soft_wrap=plain, width=120 if plain else None)
    board.clear()
    with watching(console, plain=plain):
        state = asyncio.run(run())
    done = state.is_completed()
    console.print(
        Text("Completed", "bold green") if done else Text(f"{state.name}: {state.message}", "red")
    )
    day = getattr(given, "run_date", None)
    _show_summary(console, given.platform, day)
    for note in board.notes:
        console.print(Text(f"Note: {note}", "yellow"))
    return 0 if done else 1


def _show_summary(console: Console, platform: str, day: date | None) -> None:
    from blocks.errors import CoreTelecomsError
    from blocks.resources import resolve
    from flows.run import checked_run_date
    from tasks.summary import read_summary

    try:
        resources = resolve(platform)
        summary = read_summary(resources.warehouse_dsn, checked_run_date(day), board.flow_runs)
    except CoreTelecomsError as error:
        console.print(f"No ledger to show: {error}")
        return
    if not summary.ledger:
        return
    table = Table(
        box=SIMPLE_HEAD,
        title=f"Where every row went, run date {summary.run_date}",
        title_style="bold",
    )
    table.add_column("entity")
    for title in (
        "read",
        "exact dup.",
        "no key",
        "key twice",
        "orphan",
        "loaded",
        "field problems",
        "new/changed/same",
        "seconds",
    ):
        table.add_column(title, justify="right")
    for row in summary.ledger:
        kinds = ("inserted", "updated", "unchanged")
        upsert = "" if row["inserted"] is None else "/".join(f"{row[kind]:,}" for kind in kinds)
        seconds = sum(row[f"{stage}_seconds"] or 0.0 for stage in STAGES)
        counts = [
            f"{row[column]:,}"
            for column in (
                "rows_read",
                "exact_duplicates",
                "missing_key",
                "duplicate_key",
                "orphan",
                "loaded",
                "field_problems",
            )
        ]
        table.add_row(row["entity"], *counts, upsert, f"{seconds:.2f}")
    console.print(table)
    console.print(_next_steps(resources.lake.url, summary.run_date, resources.warehouse_dsn))


def _next_steps(lake: str, day: date, dsn: str) -> Text:
    from blocks.database import address

    return Text(
        f"Quarantine     TABLE quarantine.records (run_date {day})\n"
        f"Field problems TABLE ops.field_problems (run_date {day})\n"
        f"Warehouse      TABLE analytics.agg_daily_complaints\n"
        f"Where          make psql, {address(dsn)}; files in {lake}\n"
        f"Prefect's UI   prefect server start, then PREFECT_API_URL to it before the run",
        "dim",
    )
