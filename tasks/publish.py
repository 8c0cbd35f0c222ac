"""Shows a finished run to people: artifacts in Prefect's UI, an event, a word to Slack.

None of it decides how the run ended: what can't be shown is a warning.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from prefect import runtime
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.events import emit_event
from prefect.states import State

from blocks.errors import CoreTelecomsError
from blocks.resolving import resolve
from blocks.server import page_of
from blocks.settings import settings
from tasks import slack
from tasks.outcome import error_of
from tasks.reporting.history import Day, read_history
from tasks.reporting.markdown import Report, history, ledger_rows, markdown
from tasks.reporting.progress import Status, board
from tasks.reporting.summary import Summary, read_summary
from tasks.stage import logger

SUMMARY_KEY = "daily-summary"  # of artifacts: the same for every run, so that Prefect's UI shows
LEDGER_KEY = "daily-ledger"  # the history behind the newest
HISTORY_KEY = "daily-history"
HISTORY_DAYS = 28
FINISHED = "coretelecoms.daily.finished"
VOLUME = "coretelecoms.daily.volume"  # far fewer rows than usual
REJECTED = "coretelecoms.daily.rejected"  # by the audit
QUARANTINE = "coretelecoms.daily.quarantine"  # more than the alert's share


async def publish(
    state: State[Any], run_date: date, platform: str, steps: Mapping[str, State[Any]]
) -> None:
    """Show how a daily run ended. Never raises for what can't be shown."""
    runs = [str(runtime.flow_run.id)]
    if static := steps.get("static_data"):
        runs.append(str(static.state_details.flow_run_id))
    summary, days = await asyncio.to_thread(_read, platform, run_date, runs)
    report = Report(
        name=f"daily-{run_date}",
        load_type=_load_type(steps),
        error=None if state.is_completed() else await error_of(state),
        steps={n: str(s.name) if s.is_final() else Status.HELD_BACK for n, s in steps.items()},
        summary=summary,
        sample_note=_sample_note(platform),
        page=page_of(runtime.flow_run.id),
    )
    for low in report.summary.low:
        note = f"{low['entity']}: {low['rows_read']:,} rows read, {low['usual']:,} are usual"
        logger().warning(note)
        board.note(note)
    await asyncio.gather(_artifacts(report, days), asyncio.to_thread(_events, report))
    if not report.error:  # a failed run sends its own message, whatever ended it
        await slack.post_success(report, platform)


def _load_type(steps: Mapping[str, State[Any]]) -> str:
    if "static_data" in steps:
        return "initial"
    decided = steps.get("determine_load_type")
    return "incremental" if decided and decided.is_completed() else "undecided"


def _read(platform: str, run_date: date, runs: list[str]) -> tuple[Summary, list[Day]]:
    try:
        dsn = resolve(platform).warehouse_dsn
        over = run_date + timedelta(days=1)  # this run has ended, so its date is due
        days = read_history(dsn, run_date, due_before=over, days=HISTORY_DAYS, problems=False)
        return read_summary(dsn, run_date, runs), days
    except CoreTelecomsError as error:
        logger().warning("No summary: %s", error)
        return Summary(run_date), []


def _sample_note(platform: str) -> str:
    try:
        return resolve(platform).sample_note
    except CoreTelecomsError:  # the summary has said so
        return ""


async def _artifacts(report: Report, days: list[Day]) -> None:
    day = report.summary.run_date
    try:
        await acreate_markdown_artifact(
            markdown(report), key=SUMMARY_KEY, description=f"The daily run of {day}"
        )
        if report.summary.ledger:
            await acreate_table_artifact(
                ledger_rows(report),
                key=LEDGER_KEY,
                description=f"Where every row of {day} went",
            )
        if days:
            await acreate_markdown_artifact(
                history(days), key=HISTORY_KEY, description=f"The run dates up to {day}"
            )
    except Exception as error:
        logger().warning("No artifacts: %s", type(error).__name__)


def _events(report: Report) -> None:
    """Events for Prefect's automations (docs/deployment.md#alerts)."""
    try:
        for name, about, payload in events(report):
            emit_event(
                name,
                resource={
                    "prefect.resource.id": ".".join(("coretelecoms.daily", *about)),
                    "prefect.resource.name": report.name,
                },
                payload={"run_date": about[0]} | payload,
            )
    except Exception as error:
        logger().warning("No event: %s", type(error).__name__)


def events(report: Report) -> Iterator[tuple[str, tuple[str, ...], dict[str, Any]]]:
    """A run's events: what happened, to which date (and entity), and figures.

    Automations compare no numbers. So each thing that is worth an alert is an event of its own.
    """
    summary = report.summary
    day, share = str(summary.run_date), summary.quarantine_share
    for low in summary.low:
        yield VOLUME, (day, low["entity"]), low
    for entity, checks in summary.rejected.items():
        yield REJECTED, (day, entity), {"entity": entity, "failed_checks": checks}
    if share > settings().quarantine_alert:
        yield QUARANTINE, (day,), {"quarantine_share": share}
    yield (
        FINISHED,
        (day,),
        {
            "load_type": report.load_type,
            "state": report.ended,
            "quarantine_share": share,
            "rows_read": summary.total("rows_read"),
            "loaded": summary.total("loaded"),
            "rejected": list(summary.rejected),
            "error": asdict(report.error) if report.error else None,
        },
    )
