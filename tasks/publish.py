"""Shows a finished run to people: artifacts in Prefect's UI, an event, Slack.

None of it decides how the run ended: what can't be shown is a warning.
"""

import asyncio
from collections.abc import Mapping
from datetime import date
from typing import Any

from prefect import runtime
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.states import State

from blocks.errors import CoreTelecomsError
from blocks.resources import resolve
from tasks.stage import logger
from tasks.summary import Summary, read_summary


async def publish(
    state: State[Any], run_date: date, platform: str, steps: Mapping[str, State[Any]]
) -> None:
    """Show how a run ended. Never raises for a picture that can't be shown."""
    runs = [str(runtime.flow_run.id)]
    if static := steps.get("static_data"):
        runs.append(str(static.state_details.flow_run_id))
    try:
        dsn = resolve(platform).warehouse_dsn
        summary = await asyncio.to_thread(read_summary, dsn, run_date, runs)
    except CoreTelecomsError as error:
        logger().warning("No summary: %s", error)
        summary = Summary(run_date)
    try:
        await acreate_markdown_artifact(
            markdown(state, summary, initial="static_data" in steps),
            key=f"daily-{run_date}",
            description=f"The daily run of {run_date}",
        )
        if summary.ledger:
            await acreate_table_artifact(
                summary.ledger, key="ledger", description=f"Where every row went, {run_date}"
            )
    except Exception as error:
        logger().warning("No artifacts: %s", type(error).__name__)


def markdown(state: State[Any], summary: Summary, initial: bool) -> str:
    """A run's summary as Markdown: the path taken, the ledger, quarantine, field problems."""
    path = "initial (complaints waited for customers and agents)"
    if not initial:
        path = "incremental (static path skipped, complaints went at once)"
    parts = [f"# {summary.run_date}: {state.name}", f"Path: **{path}**"]
    if state.message and not state.is_completed():
        parts.append(f"> {state.message}")
    for title, rows in (
        ("Ledger", summary.ledger),
        ("Quarantine", summary.quarantine),
        ("Field problems", summary.problems),
    ):
        parts.append(f"## {title}")
        parts.append(_table(rows) if rows else "None.")
    return "\n\n".join(parts)


def _table(rows: list[dict[str, Any]]) -> str:
    columns = list(rows[0])
    lines = [" | ".join(columns), " | ".join("---" for _ in columns)]
    lines += [" | ".join(_cell(row[column]) for column in columns) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)
