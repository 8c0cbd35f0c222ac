"""Bronze → silver, as a task: what every row becomes (docs/contract.md#order)."""

from prefect import task

from blocks.resolving import resolve
from tasks.cleaning.silver import refine
from tasks.entities.contracts import ENTITIES
from tasks.entities.references import Bronze, Silver
from tasks.stage import OPTIONS, stage


@task(name="transform", **OPTIONS)
def transform(bronze: Bronze, platform: str) -> Silver:
    """Clean a bronze file into silver, field problems and rejected rows."""
    with stage(f"transform_{bronze.entity}", bronze.rows) as on_rows:
        return refine(ENTITIES[bronze.entity], bronze, resolve(platform), on_rows)
