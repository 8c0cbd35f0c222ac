"""The stages called one after the other, without Prefect: what a run must come to."""

from collections.abc import Iterable
from datetime import date

from blocks.database import connect
from blocks.resources import Resources
from tasks.cleaning.silver import refine
from tasks.entities.contracts import COMPLAINTS, ENTITIES, STATIC
from tasks.lake.bronze import landed
from tasks.loading.day import load_day
from tasks.loading.static import load_static
from tasks.loading.tables import create_all_tables
from tasks.reading.land import land

CHANNELS = [entity.name for entity in COMPLAINTS]


def load_one(name: str, day: date, resources: Resources) -> None:
    """One entity of a run date, from its source to its tables."""
    entity = ENTITIES[name]
    silver = refine(entity, land(entity, day, resources), resources)
    (load_static if entity.is_static else load_day)(entity, silver, resources)


def load_all(resources: Resources, days: Iterable[date]) -> None:
    """Customers and agents as of the first day, then every channel of every day."""
    with connect(resources.warehouse_dsn) as connection:
        create_all_tables(connection)
    days = list(days)
    for static in STATIC:
        load_one(static.name, days[0], resources)
    for day in days:
        for channel in CHANNELS:
            load_one(channel, day, resources)


def load_landed(name: str, day: date, resources: Resources) -> None:
    """One entity of a run date, from the bronze file that a run left."""
    entity = ENTITIES[name]
    silver = refine(entity, landed(name, day, resources.lake), resources)
    (load_static if entity.is_static else load_day)(entity, silver, resources)
