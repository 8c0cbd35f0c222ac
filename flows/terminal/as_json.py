"""A run's outcome for scripts: one JSON object on standard output (`--json`)."""

import json
from dataclasses import asdict
from typing import Any, TextIO

from blocks.errors import CoreTelecomsError, RunFailedError
from blocks.resolving import resolve
from blocks.server import page_of
from flows.terminal.picture import load_type
from tasks.reporting.progress import Board, board, days
from tasks.reporting.summary import Summary, read_summary


def write(
    out: TextIO,
    given: Any,
    state: str,
    message: str = "",
    error: RunFailedError | None = None,
    seconds: float = 0.0,
) -> None:
    """How a run ended: states, counts, failures; no value of a row."""
    flow_run = board.flow_runs[0] if board.flow_runs else None
    found: dict[str, Any] = {
        "state": state,
        "message": message,
        "error": asdict(error) if error else None,
        "flow_run": flow_run,
        "page": page_of(flow_run) if flow_run else None,
        "seconds": round(seconds, 1),
        "notes": board.notes,
        "steps": _steps(board),
    }
    if hasattr(given, "run_date"):
        summary = _summary(given)
        found |= {
            "run_date": str(given.run_date),
            "load_type": load_type(board) or None,
            "ledger": summary.ledger,
            "quarantine": summary.quarantine,
            "field_problems": summary.problems,
        }
    elif hasattr(given, "remembered"):
        found["erased"] = {place.name: place.rows for place in days.steps.values()}
    else:
        if hasattr(given, "start"):
            found |= {"from": given.start, "to": given.end}
        found["days"] = _steps(days)
    out.write(json.dumps(found, default=str, ensure_ascii=False, indent=2) + "\n")
    out.flush()


def _steps(of: Board) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "status": str(step.status),
            "rows": step.rows,
            "seconds": round(step.seconds or 0.0, 3),
        }
        for name, step in of.steps.items()
    }


def _summary(given: Any) -> Summary:
    if not board.flow_runs:  # it never began
        return Summary(given.run_date)
    try:
        dsn = resolve(given.platform).warehouse_dsn
        return read_summary(dsn, given.run_date, board.flow_runs)
    except CoreTelecomsError:
        return Summary(given.run_date)
