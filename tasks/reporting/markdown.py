"""What a daily run did, as Markdown and tables for Prefect's UI: counts, no value of a row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prefect import runtime
from prefect.settings import get_current_settings
from prefect.states import State
from prefect.utilities.urls import url_for

from tasks.entities.references import ledger_columns
from tasks.reporting.summary import Summary, sentences

PATHS = {
    "initial": "customers and agents were loaded first, complaints waited at the gate",
    "incremental": "the static path was skipped, complaints went at once",
    "undecided": "the run failed before it knew its path",
}
COUNTS, STATIC_COUNTS, SECONDS = map(ledger_columns, ("count", "static", "seconds"))

SELECT = "SELECT * FROM"


@dataclass(frozen=True)
class Run:
    """A daily run at its end."""

    name: str
    load_type: str
    state: State[Any]
    steps: Mapping[str, State[Any]]
    summary: Summary


def markdown(run: Run) -> str:
    """A run's summary: the path taken, what failed, where every row went, where to look."""
    summary = run.summary
    parts = [
        f"# Daily run of {summary.run_date}: {run.state.name}",
        f"**{run.load_type.capitalize()}**: {PATHS[run.load_type]}.{_flow_run()}",
    ]
    if not run.state.is_completed():
        parts.append("\n".join(f"> {said}  " for said in sentences(run.state.message or "")))
        parts += ["## Steps", _table(("step", "state"), _steps(run))]
    parts += ["## Where every row went", _ledger(summary)]
    static = [row for row in summary.ledger if row["inserted"] is not None]
    if static:
        titles = ("loaded of", *STATIC_COUNTS.values())
        rows = [[row["entity"], *(row[column] for column in STATIC_COUNTS)] for row in static]
        parts.append(_table(titles, rows))
    parts += ["## Quarantine by reason", _counted(summary.quarantine)]
    parts += ["## Field problems by field", _counted(summary.problems)]
    parts += ["## Where to look", "\n".join(_places(run))]
    return "\n\n".join(parts)


def ledger_rows(run: Run) -> list[dict[str, Any]]:
    """The ledger of a run for a table artifact: one row an entity, and their sum."""
    summary = run.summary
    about = {"run date": str(summary.run_date), "load type": run.load_type}
    rows = [
        about
        | {"entity": row["entity"]}
        | {title: row[column] for column, title in (COUNTS | STATIC_COUNTS).items()}
        | {f"{t} seconds": round(row[column] or 0.0, 2) for column, t in SECONDS.items()}
        for row in summary.ledger
    ]
    total = {title: summary.total(column) for column, title in COUNTS.items()}
    return [*rows, dict.fromkeys(rows[0]) | about | {"entity": "all"} | total]


def flow_run_url(run_id: Any) -> str | None:
    """The page of a flow run in Prefect's UI; None on a temporary server, which has no UI."""
    if get_current_settings().api.url is None:
        return None
    return url_for("flow-run", obj_id=run_id)


def _flow_run() -> str:
    url = flow_run_url(runtime.flow_run.id)
    return f" [Flow run]({url})." if url else ""


def _steps(run: Run) -> list[list[str]]:
    held_back = "held back"
    return [
        [f"`{name}`", str(state.name) if state.is_final() else held_back]
        for name, state in run.steps.items()
    ]


def _ledger(summary: Summary) -> str:
    if not summary.ledger:
        return "Nothing was loaded."
    rows = [[row["entity"], *(row[column] for column in COUNTS)] for row in summary.ledger]
    rows.append(["**all**", *(summary.total(column) for column in COUNTS)])
    share = f"{100 * summary.quarantine_share:.2f} % of the rows read are in quarantine."
    balance = "Read = exact duplicates + missing key + duplicate key + orphan + loaded."
    return f"{_table(('entity', *COUNTS.values()), rows)}\n\n{balance} {share}"


def _counted(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "None."
    return _table(tuple(rows[0]), (list(row.values()) for row in rows))


def _places(run: Run) -> Iterable[str]:
    day = run.summary.run_date
    if run.summary.quarantined:
        yield f"- Quarantine: `{SELECT} quarantine.records WHERE run_date = '{day}'`"
        yield "- Orphans whose customer or agent came later: `docs/runbooks/replay-quarantine.md`"
    if run.summary.total("field_problems"):
        yield f"- Field problems: `{SELECT} ops.field_problems WHERE run_date = '{day}'`"
    if run.state.is_completed():
        yield "- Warehouse: schema `analytics`, described in `docs/warehouse.md`"
    else:
        yield "- What to do after a failed run: `docs/runbooks/failed-run.md`"


def _table(titles: tuple[str, ...], rows: Iterable[list[Any]]) -> str:
    rows = list(rows)
    numbers = [all(isinstance(row[n], int) for row in rows) for n in range(len(titles))]
    lines = [list(titles), ["---:" if number else "---" for number in numbers]]
    lines += [[_cell(value) for value in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
