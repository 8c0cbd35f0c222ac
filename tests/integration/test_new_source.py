"""A source more, added to a copy of the project as CONTRIBUTING.md says: from file to marts.

The steps are read from the page: a block of code with the name of its file above it.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterName,
    TaskRunFilter,
    TaskRunFilterName,
)
from prefect.settings import PREFECT_API_URL

from blocks.samples.static import agent_id, customer_id

ROOT = Path(__file__).parents[2]
BEFORE, FIRST, SECOND = (date(2025, 11, day) for day in (20, 21, 22))
STEP = re.compile(r"^`([\w./]+)`:\n\n```\w+\n(.*?)```", re.DOTALL | re.MULTILINE)
LABELS = "Complaint-ID;Customer ID;Agent ID;Complaint Category;Resolution Status;" + (
    "Request Date;Resolution Date"
)
NEW = {"ingest_store_complaints", "transform_store_complaints", "load_store_complaints"}


def steps() -> dict[str, str]:
    """What the page writes into which file."""
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    return dict(STEP.findall(page.partition("## Add a source")[2].partition("\n## ")[0]))


def apply(file: Path, text: str) -> None:
    """Do one step: a new file as it stands, and in the two lists where the page says."""
    if not file.exists():
        file.write_text(text, "utf-8")
        return
    before = file.read_text("utf-8")
    if file.name == "contracts.py":
        name = text.partition(" ")[0]
        after = before.replace("STATIC = (", f"{text}\nSTATIC = (", 1)
        after = re.sub(r"^(COMPLAINTS = \(.*)\)$", rf"\1, {name})", after, flags=re.MULTILINE)
        assert after.count(name) == 2
    else:
        after = before.replace("  channels:\n", f"  channels:\n{text}", 1)
    assert after != before
    file.write_text(after, "utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project as it is after the steps."""
    copy = tmp_path / "project"
    ignored = shutil.ignore_patterns("__pycache__", "target", "logs")
    for folder in ("flows", "tasks", "blocks", "dbt"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", copy)
    for file, text in steps().items():
        apply(copy / file, text)
    return copy


def write(home: Path, day: date, *rows: Sequence[str], more: str = "") -> None:
    """The shops' file of a day."""
    file = home / "sources" / "stores" / f"complaints_{day}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [LABELS + more, *(";".join(row) for row in rows)]
    file.write_text("\n".join(lines), "cp1252")


def test_the_page_touches_four_files() -> None:
    assert list(steps()) == [
        "tasks/entities/contracts.py",
        "dbt/models/staging/stg_store_complaints.sql",
        "dbt/models/staging/stg_store_complaints.yml",
        "dbt/dbt_project.yml",
    ]


def test_two_days_of_a_new_source_and_one_before_it(
    local: Path, database: str, project: Path
) -> None:
    customer, agent = customer_id(0), agent_id(0)
    open_ = (customer, agent, "payments", "Backlog", "2025-11-20", "")
    write(
        local,
        FIRST,
        ("s1", *open_),
        ("s2", "nobody", agent, "Payments", "Backlog", "2025-11-20", ""),
        ("", *open_),
        ("s3", customer, agent, "Zahlung für später", "Backlog", "2025-11-21", "2025-11-19"),
        ("s3", customer, agent, "Zahlung für später", "Backlog", "2025-11-21", "2025-11-19"),
    )
    done = (customer, agent, "Payments", "Resolved", "2025-11-20", "2025-11-22", "till 7")
    write(local, SECOND, ("s1", *done), more=";Till")

    days = ("--from", str(BEFORE), "--to", str(SECOND))
    assert "3 of 3 days completed" in backfill(project, *days)
    assert "3 were complete" in backfill(project, *days)

    with psycopg.connect(database) as connection:

        def found(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query).fetchall()

        assert found(
            "SELECT run_date, rows_read, exact_duplicates, missing_key, orphan, loaded, "
            "field_problems FROM ops.ledger WHERE entity = 'store_complaints' ORDER BY 1"
        ) == [(FIRST, 5, 1, 1, 1, 2, 2), (SECOND, 1, 0, 0, 0, 1, 0)]
        assert found("SELECT count(*) FROM ops.ledger WHERE entity = 'call_logs'") == [(3,)]
        assert found(
            "SELECT issue, record ->> 'customer_id' FROM quarantine.records "
            "WHERE entity = 'store_complaints' ORDER BY 1"
        ) == [("missing_key", customer), ("orphan", "nobody")]
        assert found(
            "SELECT field, original_value FROM ops.field_problems "
            "WHERE entity = 'store_complaints' ORDER BY 1"
        ) == [("complaint_category", "Zahlung für später"), ("resolution_date", "2025-11-19")]
        assert found(
            "SELECT run_date, complaint_id, till FROM conformed.store_complaints ORDER BY 1, 2"
        ) == [(FIRST, "s1", None), (FIRST, "s3", None), (SECOND, "s1", "till 7")]
        assert found(
            "SELECT complaint_id, resolution_status, first_run_date, last_run_date "
            "FROM analytics.fct_complaints WHERE channel = 'store' ORDER BY 1"
        ) == [("s1", "Resolved", FIRST, SECOND), ("s3", "Backlog", FIRST, FIRST)]
        assert found(
            "SELECT complaint_id, backlog_date, resolved_date, days_to_resolved "
            "FROM analytics.fct_complaint_lifecycle WHERE channel = 'store' ORDER BY 1"
        ) == [("s1", FIRST, SECOND, 2), ("s3", FIRST, None, None)]
        assert found(
            "SELECT complaint_date, complaint_category, resolution_status, complaints "
            "FROM analytics.agg_daily_complaints WHERE channel = 'store' ORDER BY 1"
        ) == [
            (date(2025, 11, 20), "Payments", "Resolved", 1),
            (date(2025, 11, 21), None, "Backlog", 1),
        ]
        assert found(
            "SELECT complaints - call_log_complaints - social_media_complaints "
            "- web_form_complaints FROM analytics.feat_customer_month "
            f"WHERE customer_id = '{customer}' AND month = '2025-11-01'"
        ) == [(2,)]
    assert task_runs(f"daily-{BEFORE}-initial") == set()
    assert task_runs(f"daily-{FIRST}-incremental") == NEW
    assert task_runs(f"daily-{SECOND}-incremental") == NEW


def backfill(project: Path, *options: str) -> str:
    """`python -m flows.backfill` of the copy; what it wrote."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.backfill", "--plain", *options],
        cwd=project,
        env=os.environ | {"PREFECT_API_URL": str(PREFECT_API_URL.value())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def task_runs(flow_run: str) -> set[str]:
    """The new source's task runs in a flow run, all of them Completed."""
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(
            flow_run_filter=FlowRunFilter(name=FlowRunFilterName(any_=[flow_run])),
            task_run_filter=TaskRunFilter(name=TaskRunFilterName(like_="_store_complaints")),
        )
    assert {run.state_type.value for run in runs if run.state_type} <= {"COMPLETED"}
    return {run.name for run in runs} & NEW  # dbt has one for the staging model, too
