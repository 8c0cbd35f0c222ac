"""Erasure, as tasks: everybody whom the lake remembers, out of its files and out of the tables."""

from prefect import task
from prefect.artifacts import acreate_table_artifact

from blocks.resolving import resolve
from tasks.entities.contracts import CUSTOMERS
from tasks.erasure import files, rows
from tasks.lake.erasures import remembered
from tasks.stage import OPTIONS, logger, stage

ARTIFACT_KEY = "erasure"
Found = dict[str, int]  # rows or files, by the place in which they were found


@task(name="erase_files", task_run_name="erase_files", **OPTIONS)
def erase_files(platform: str) -> Found:
    """Out of the lake."""
    with stage("erase_files"):
        resources = resolve(platform)
        return dict(files.erase_files(CUSTOMERS, remembered(resources), resources))


@task(name="erase_rows", task_run_name="erase_rows", **OPTIONS)
def erase_rows(platform: str) -> Found:
    """Out of the database."""
    with stage("erase_rows"):
        resources = resolve(platform)
        return dict(rows.erase_rows(CUSTOMERS, remembered(resources), resources))


async def show(found: Found) -> None:
    """Keep what was found where as an artifact; what can't be is a warning."""
    try:
        table = [{"place": place, "erased": number} for place, number in found.items()]
        await acreate_table_artifact(table, key=ARTIFACT_KEY, description="What was erased where")
    except Exception as error:
        logger().warning("No artifact: %s", type(error).__name__)
