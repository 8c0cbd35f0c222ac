"""Before and after the loads: tables made, staging and checkpoints cleared."""

from datetime import date
from typing import Any

from prefect import task

from blocks.database import connect, refuse_database
from blocks.pooler import refuse_pooler
from blocks.resolving import resolve
from tasks.loading import tables
from tasks.loading.ledger import record
from tasks.reporting.progress import board
from tasks.stage import OPTIONS, logger, stage


@task(name="create_all_tables", task_run_name="create_all_tables", **OPTIONS)
def create_all_tables(platform: str) -> None:
    """Make the schemas and tables that aren't there yet, and records that a run left unwritten."""
    with stage("create_all_tables"):
        resources = resolve(platform)
        refuse_pooler(resources.warehouse_dsn)
        with _warehouse(platform) as connection:
            refuse_database(connection)
            tables.create_all_tables(connection, resources.readers)
            lost = tables.lost_days(connection)
        with connect(resources.warehouse_dsn, autocommit=True, purpose="records") as connection:
            record(connection, resources.lake)
    if lost:
        days = ", ".join(f"{entity} of {day}" for entity, day in lost[:5])
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        note = (
            f"The ledger has rows of {days}{more}, but their partitions are gone or empty. "
            f"Load them again: python -m flows.backfill --from {lost[0][1]} --to {lost[-1][1]}"
        )
        logger().warning(note)
        board.note(note)


@task(name="clear_staging", task_run_name="clear_staging", **OPTIONS)
def clear_staging(platform: str) -> int:
    """Remove staging tables and checkpoints that no load can resume; how many."""
    with stage("clear_staging"), _warehouse(platform) as connection:
        return tables.clear_staging(connection)


@task(name="cleanup_checkpoints", task_run_name="cleanup_checkpoints", **OPTIONS)
def cleanup_checkpoints(run_date: date, platform: str) -> int:
    """Remove the run's checkpoints: dbt succeeded, nothing needs resuming; how many."""
    with stage("cleanup_checkpoints"), _warehouse(platform) as connection:
        return tables.cleanup_checkpoints(connection, run_date)


def _warehouse(platform: str) -> Any:
    return connect(resolve(platform).warehouse_dsn, purpose="set up")
