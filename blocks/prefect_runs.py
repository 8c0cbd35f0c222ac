"""Old flow runs in the database of Prefect's server on this machine: what removes them.

Prefect's own vacuum does it, with their task runs, logs and artifacts. `make server` has it run
every hour (`blocks.server`). A temporary server does not live long enough: for those it is called
from here.
"""

import asyncio
from datetime import UTC, date, datetime, timedelta

from blocks.server import keep_to_one_connection


def old_flow_runs(before: date, *, remove: bool) -> int:
    """How many flow runs ended before that day (UTC); removed, if asked to.

    Call it only where no server runs on the database: the temporary one's (no PREFECT_API_URL).
    """
    from prefect.settings import get_current_settings

    config = get_current_settings()
    file, chosen = config.home / "prefect.db", config.server.database.connection_url
    if chosen and chosen.get_secret_value().endswith(str(file)) and not file.exists():
        return 0
    keep_to_one_connection()  # or says that a newer Prefect has changed it
    return asyncio.run(_old_flow_runs(datetime(*before.timetuple()[:3], tzinfo=UTC), remove))


async def _old_flow_runs(before: datetime, remove: bool) -> int:
    import sqlalchemy as sa
    from prefect.server.database import provide_database_interface
    from prefect.server.schemas.states import TERMINAL_STATES
    from prefect.server.services import db_vacuum
    from prefect.settings import (
        PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD,
        temporary_settings,
    )

    db = provide_database_interface()
    await db.create_db()
    async with db.session_context() as session:
        ended = sa.select(sa.func.count(db.FlowRun.id)).where(
            db.FlowRun.end_time < before,
            db.FlowRun.state_type.in_(TERMINAL_STATES),
            db.FlowRun.parent_task_run_id.is_(None),
        )
        found = int((await session.execute(ended)).scalar_one())
    if remove and found:
        age = max(datetime.now(UTC) - before, timedelta(hours=2))
        with temporary_settings({PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD: age}):
            await db_vacuum.vacuum_old_flow_runs(db=db)
            await db_vacuum.vacuum_orphaned_logs(db=db)
            await db_vacuum.vacuum_orphaned_artifacts(db=db)
            await db_vacuum.vacuum_stale_artifact_collections(db=db)
    return found
