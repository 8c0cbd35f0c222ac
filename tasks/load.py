"""Silver → conformed tables, as a task: static entities by upsert, complaints by partition."""

from prefect import runtime
from prefect.assets import materialize
from prefect.context import AssetContext

from blocks.resolving import resolve
from tasks.entities.contracts import ENTITIES
from tasks.entities.references import Loaded, Silver
from tasks.loading.day import load_day
from tasks.loading.static import load_static
from tasks.reporting.progress import board
from tasks.stage import OPTIONS, logger, stage

ASSETS = "postgres://warehouse/conformed"  # one below it for each table: flows name the task so


@materialize(ASSETS, by="psycopg", name="load", **OPTIONS)
def load(silver: Silver, platform: str, accept: bool = False) -> Loaded:
    """Load a silver file; the ledger row it wrote.

    `accept`: also when it fails the audit. Raises DayRejectedError, and RunDateBusyError when
    another run loads the same entity and date.
    """
    entity = ENTITIES[silver.entity]
    with stage(f"load_{entity.name}", silver.rows) as on_rows:
        into = load_static if entity.is_static else load_day
        run_id = str(runtime.flow_run.id or "")
        loaded = into(entity, silver, resolve(platform), run_id, on_rows, accept=accept)
        board.loaded(f"load_{entity.name}", loaded.loaded)
        logger().info(
            "%s rows read, %s loaded, %s orphans, %s batches copied, %s resumed",
            loaded.rows_read,
            loaded.loaded,
            loaded.orphan,
            loaded.batches,
            loaded.batches_resumed,
        )
        context = AssetContext.get()
        for table in context.downstream_assets if context else ():
            table.add_metadata({"run_date": str(loaded.run_date), "loaded": loaded.loaded})
        return loaded
