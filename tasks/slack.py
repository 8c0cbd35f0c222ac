"""Five lines to Slack: on failure, and on success if asked. Nothing configured: nothing said."""

import asyncio
import json
import re
from typing import Any
from urllib.request import Request, urlopen

from prefect import Flow, get_run_logger, runtime
from prefect.client.schemas.objects import FlowRun
from prefect.logging.loggers import flow_run_logger
from prefect.states import State

from blocks.resolving import resolve
from blocks.resources import Resources
from tasks.reporting.markdown import PATHS, Run, flow_run_url
from tasks.reporting.summary import sentences

TIMEOUT_SECONDS = 5.0


async def tell_of_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """A flow's hook for its failures and crashes, whatever brought them about."""
    if flow_run.parameters.get("within_daily"):  # the daily run says it
        return
    text = failure(flow_run.name, state, flow_run_url(flow_run.id))
    platform = flow_run.parameters.get("platform", "local")
    await _tell(platform, text, flow_run_logger(flow_run, flow))


async def tell_of_success(run: Run, platform: str) -> None:
    """A completed daily run, if the platform asks to hear of those."""
    text = success(run, flow_run_url(runtime.flow_run.id))
    await _tell(platform, text, get_run_logger(), success=True)


def failure(name: str, state: State[Any], url: str | None) -> str:
    """What failed, where, what to do, what it held back; five lines at most."""
    said = sentences(state.message or f"The run ended in {state.name}.")
    first = [s for s in said if re.match(r"\w+ (failed: |ended in )", s)] or said[:1]
    rest = [s for s in said if s not in first]
    todo = [s for s in rest if s.startswith("What to do: ")]
    held = [s for s in rest if s.startswith(("The gate ", "Held back: "))]
    where = [s for s in rest if s.startswith("Where: ")]
    lines = [
        f":x: *{name}* {str(state.name).lower()}",
        _one([*first, *where]),
        _one(held),
        _one(todo) or _one(rest[-1:]),
        url or "",
    ]
    return "\n".join(line for line in lines if line)


def success(run: Run, url: str | None) -> str:
    """What a completed run did, in counts; five lines at most."""
    summary = run.summary
    issues = {kind: summary.total(kind) for kind in ("orphan", "duplicate_key", "missing_key")}
    reasons = ", ".join(f"{number:,} {kind}" for kind, number in issues.items() if number)
    lines = [
        f":white_check_mark: *{run.name}* completed ({run.load_type}: {PATHS[run.load_type]})",
        f"{summary.total('rows_read'):,} rows read, {summary.total('loaded'):,} loaded, "
        f"{summary.total('exact_duplicates'):,} exact duplicates",
        f"Quarantine: {100 * summary.quarantine_share:.2f} %{f' ({reasons})' if reasons else ''}",
        f"Field problems: {summary.total('field_problems'):,}",
        url or "",
    ]
    return "\n".join(line for line in lines if line)


def _one(said: list[str], most: int = 3) -> str:
    """Sentences as one line of a message."""
    more = f" (and {len(said) - most} more)" if len(said) > most else ""
    return " ".join(said[:most]) + more


async def _tell(platform: str, text: str, logger: Any, *, success: bool = False) -> None:
    try:
        resources = await asyncio.to_thread(resolve, platform)
        if resources.slack_url and (resources.slack_on_success or not success):
            await asyncio.to_thread(_post, resources, text)
    except Exception as error:
        # its text may hold the webhook's address, which is a secret.
        logger.warning("Slack was not told: %s", type(error).__name__)


def _post(resources: Resources, text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    request = Request(  # not httpx, which logs the address
        str(resources.slack_url),
        data=json.dumps({"text": escaped}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urlopen(request, timeout=TIMEOUT_SECONDS):
        pass
