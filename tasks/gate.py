"""The first-run state and the gate: rules G1 to G11 of docs/contract.md#gate."""

import asyncio
from contextlib import suppress
from enum import StrEnum
from typing import Any

from prefect import task
from prefect.states import State
from prefect.variables import Variable
from psycopg import sql

from blocks.database import Connection, connect, is_there
from blocks.errors import CoreTelecomsError, DayRejectedError, FirstRunVariableError
from blocks.resolving import resolve
from tasks.entities.contracts import STATIC
from tasks.loading.locks import Lock
from tasks.outcome import error_of
from tasks.reporting.progress import board
from tasks.stage import OPTIONS, logger, stage

FIRST_RUN = "coretelecoms_first_run"


class LoadType(StrEnum):
    """Which of the two paths a run takes."""

    INITIAL = "initial"
    INCREMENTAL = "incremental"


def read_first_run(value: Any) -> bool:
    """What the first-run Variable says; unset means that no first run completed.

    Raises FirstRunVariableError for anything but true and false.

    >>> read_first_run(None), read_first_run(" True "), read_first_run("false")
    (True, True, False)
    """
    if value is None:
        return True
    said = str(value).strip().lower() if isinstance(value, str | bool) else None
    if said in ("true", "false"):
        return said == "true"
    raise FirstRunVariableError(
        f"The Variable {FIRST_RUN} holds {value!r}, which is neither true nor false",
        where="Prefect's Variables",
        todo=f"prefect variable set {FIRST_RUN} true --overwrite "
        '("false" if customers and agents are loaded already), then run again',
    )


@task(name="determine_load_type", task_run_name="determine_load_type", **OPTIONS)
def determine_load_type(platform: str, first_run: Lock, refresh_static: bool = False) -> LoadType:
    """Which path this run takes; on `initial` it has taken the flow's first-run lock.

    Raises FirstRunVariableError.
    """
    with stage("determine_load_type"):
        load_type = _load_type(platform, refresh_static)
        if load_type is LoadType.INITIAL and first_run.take():
            # another run may have loaded the static data while this one waited (G11).
            load_type = _load_type(platform, refresh_static)
        return load_type


def _load_type(platform: str, refresh_static: bool) -> LoadType:
    first_run = read_first_run(Variable.get(FIRST_RUN))
    if first_run or refresh_static:
        return LoadType.INITIAL
    if empty := empty_static_tables(platform):
        names = " and ".join(f"conformed.{name}" for name in empty)
        names += " are" if len(empty) > 1 else " is"
        warning = (
            f"The Variable {FIRST_RUN} says false, but {names} empty: "
            "taking the initial path (a new or restored database?)"
        )
        logger().warning(warning)
        board.note(warning)
        return LoadType.INITIAL
    return LoadType.INCREMENTAL


def empty_static_tables(platform: str) -> list[str]:
    """Static entities whose conformed table is missing or empty (G10)."""
    with connect(resolve(platform).warehouse_dsn, purpose="state") as connection:
        return [entity.name for entity in STATIC if not _has_rows(connection, entity.name)]


async def earlier_ones_serve(static: State[Any], platform: str) -> bool:
    """Whether the audit alone stopped the static path, and customers and agents are loaded (G4)."""
    if static.is_completed():
        return False
    ended = {failure.ended for failure in (await error_of(static)).failures}
    with suppress(CoreTelecomsError):  # a database out of reach serves nobody
        none_is_empty = not await asyncio.to_thread(empty_static_tables, platform)
        return ended == {DayRejectedError.ended} and none_is_empty
    return False


@task(name="mark_first_run", task_run_name="mark_first_run", **OPTIONS)
def mark_first_run() -> None:
    """Set the first-run Variable to "true": customers and agents are not all there."""
    with stage("mark_first_run"):
        Variable.set(FIRST_RUN, "true", overwrite=True)


@task(name="mark_first_run_complete", task_run_name="mark_first_run_complete", **OPTIONS)
def mark_first_run_complete() -> None:
    """Set the first-run Variable to "false": later runs skip the static path."""
    with stage("mark_first_run_complete"):
        Variable.set(FIRST_RUN, "false", overwrite=True)


@task(name="open_static_data_gate", task_run_name="open_static_data_gate", **OPTIONS)
def open_static_data_gate(load_type: LoadType) -> None:
    """Opens once everything it waits for is complete; complaint transforms wait for it."""
    with stage("open_static_data_gate"):
        logger().info("The gate is open (%s)", load_type)


def _has_rows(connection: Connection, table: str) -> bool:
    if not is_there(connection, f"conformed.{table}"):
        return False
    query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier("conformed", table))
    return connection.execute(query).fetchone() == (True,)
