"""Five lines to Slack: on failure, and on success if asked. Nothing configured: nothing said."""

import asyncio
from typing import Any

from prefect import Flow, get_run_logger
from prefect.client.schemas.objects import FlowRun
from prefect.logging.loggers import flow_run_logger
from prefect.states import State

from blocks.errors import Part, RunFailedError
from blocks.resolving import resolve
from blocks.server import page_of
from blocks.slack import post
from tasks.outcome import error_of
from tasks.reporting.markdown import PATHS, Report

MOST = 3  # sentences of a kind


async def post_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """A flow's hook for its failures and crashes, whatever brought them about."""
    if flow_run.parameters.get("within_daily"):  # the daily run says it
        return
    head = f"{flow_run.name} {str(state.name).lower()}"
    text = failure(head, await error_of(state), page_of(flow_run.id))
    platform = flow_run.parameters.get("platform", "local")
    await _post(platform, text, flow_run_logger(flow_run, flow))


async def post_success(report: Report, platform: str) -> None:
    """A completed daily run, if the platform asks to hear of those."""
    await _post(platform, success(report), get_run_logger(), success=True)


def failure(head: str, error: RunFailedError, page: str | None) -> str:
    """What failed, where, what to do, what it held back; five lines at most."""
    said: dict[Part, list[str]] = {part: [] for part in Part}
    for part, text in error.lines():
        said[part].append(text)
    return _joined(
        f"❌ {head}",
        _one([*said[Part.FAILED], *said[Part.WHERE]]),
        _one(said[Part.HELD_BACK]),
        _one(said[Part.TODO] or said[Part.AGAIN]),
        page,
    )


def success(report: Report) -> str:
    """What a completed run did, in counts; five lines at most."""
    summary = report.summary
    issues = {kind: summary.total(kind) for kind in ("orphan", "duplicate_key", "missing_key")}
    reasons = ", ".join(f"{number:,} {kind}" for kind, number in issues.items() if number)
    return _joined(
        f"✅ {report.name} completed ({report.load_type}: {PATHS[report.load_type]})",
        f"{summary.total('rows_read'):,} rows read, {summary.total('loaded'):,} loaded, "
        f"{summary.total('exact_duplicates'):,} exact duplicates",
        f"Quarantine: {100 * summary.quarantine_share:.2f} %{f' ({reasons})' if reasons else ''}",
        f"Field problems: {summary.total('field_problems'):,}",
        report.page,
    )


def _joined(*lines: str | None) -> str:
    return "\n".join(line for line in lines if line)


def _one(said: list[str]) -> str:
    """Sentences as one line of a message."""
    more = f" (and {len(said) - MOST} more)" if len(said) > MOST else ""
    return " ".join(said[:MOST]) + more


async def _post(platform: str, text: str, logger: Any, *, success: bool = False) -> None:
    try:
        resources = await asyncio.to_thread(resolve, platform)
        if resources.slack_url and (resources.slack_on_success or not success):
            await asyncio.to_thread(post, resources.slack_url, text)
    except Exception as error:
        # its text may hold the webhook's address, which is a secret.
        logger.warning("Slack got no message: %s", type(error).__name__)
