"""Shows a finished run to people: artifacts in Prefect's UI, an event, a word to Slack.

None of it decides how the run ended: what can't be shown is a warning.
"""

import asyncio
from collections.abc import Mapping
from datetime import date
from typing import Any

from prefect import runtime
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.events import emit_event
from prefect.states import State

from blocks.errors import CoreTelecomsError
from blocks.resolving import resolve
from tasks import slack
from tasks.reporting import markdown
from tasks.reporting.summary import Summary, read_summary
from tasks.stage import logger

SUMMARY_KEY = "daily-summary"  # of artifacts: the same for every run, so that Prefect's UI shows
LEDGER_KEY = "daily-ledger"  # the history behind the newest
FINISHED = "coretelecoms.daily.finished"


async def publish(
    state: State[Any], run_date: date, platform: str, steps: Mapping[str, State[Any]]
) -> None:
    """Show how a daily run ended. Never raises for what can't be shown."""
    runs = [str(runtime.flow_run.id)]
    if static := steps.get("static_data"):
        runs.append(str(static.state_details.flow_run_id))
    run = markdown.Run(
        name=f"daily-{run_date}",
        load_type=_load_type(steps),
        state=state,
        steps=steps,
        summary=await _summary(platform, run_date, runs),
    )
    await asyncio.gather(_artifacts(run), asyncio.to_thread(_event, run))
    if state.is_completed():  # a failed run tells by itself, whatever ended it
        await slack.tell_of_success(run, platform)


def _load_type(steps: Mapping[str, State[Any]]) -> str:
    if "static_data" in steps:
        return "initial"
    decided = steps.get("determine_load_type")
    return "incremental" if decided and decided.is_completed() else "undecided"


async def _summary(platform: str, run_date: date, runs: list[str]) -> Summary:
    try:
        dsn = resolve(platform).warehouse_dsn
        return await asyncio.to_thread(read_summary, dsn, run_date, runs)
    except CoreTelecomsError as error:
        logger().warning("No summary: %s", error)
        return Summary(run_date)


async def _artifacts(run: markdown.Run) -> None:
    day = run.summary.run_date
    try:
        await acreate_markdown_artifact(
            markdown.markdown(run), key=SUMMARY_KEY, description=f"The daily run of {day}"
        )
        if run.summary.ledger:
            await acreate_table_artifact(
                markdown.ledger_rows(run),
                key=LEDGER_KEY,
                description=f"Where every row of {day} went",
            )
    except Exception as error:
        logger().warning("No artifacts: %s", type(error).__name__)


def _event(run: markdown.Run) -> None:
    """Tell Prefect's automations: docs/deployment.md has two that listen."""
    summary = run.summary
    day, share = summary.run_date, summary.quarantine_share
    try:
        emit_event(
            FINISHED,
            resource={
                "prefect.resource.id": f"coretelecoms.daily.{day}",
                "prefect.resource.name": run.name,
                "coretelecoms.state": run.state.name or "",
                # automations compare text alone: zeros in front keep the order of numbers.
                "coretelecoms.quarantine-percent": f"{100 * share:06.2f}",
            },
            payload={
                "run_date": str(day),
                "load_type": run.load_type,
                "state": run.state.name,
                "quarantine_share": share,
                "rows_read": summary.total("rows_read"),
                "loaded": summary.total("loaded"),
            },
        )
    except Exception as error:
        logger().warning("No event: %s", type(error).__name__)
