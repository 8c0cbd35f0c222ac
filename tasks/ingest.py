"""Source → bronze, as a task: lands one entity's source of a run date, unchanged."""

from dataclasses import replace
from datetime import date, datetime

from prefect import runtime, task

from blocks import samples
from blocks.resolving import resolve
from tasks.entities.contracts import ENTITIES
from tasks.entities.references import Bronze
from tasks.late import until_there
from tasks.reading.land import land
from tasks.reporting.progress import board
from tasks.stage import OPTIONS, logger, stage


@task(name="ingest", **OPTIONS)
def ingest(entity: str, run_date: date, platform: str, until: datetime | None = None) -> Bronze:
    """Land the source of `run_date` as bronze Parquet with its manifest.

    A source that is missing is waited for until that moment, if one is given.

    Raises SourceMissingError, SourceUnreadableError, SchemaDriftError; transient ones are retried.
    """
    with stage(f"ingest_{entity}") as on_rows:
        resources = resolve(platform)
        if resources.samples:
            board.note(resources.sample_note)
            # a database of somebody's web forms is read, never written to.
            ours = resources.web_forms_dsn == resources.warehouse_dsn
            samples.ensure(resources.samples, resources.warehouse_dsn, run_date, web_forms=ours)
        given = ENTITIES[entity], run_date, resources, str(runtime.flow_run.id or ""), on_rows
        bronze = until_there(lambda: land(*given), f"ingest_{entity}", until)
        for warning in bronze.warnings:
            logger().warning(warning)
            board.note(warning)
        # a date of its own: in Prefect's graph an edge leads from a task to each that takes an
        # object which it returned.
        return replace(bronze, run_date=run_date.replace())
