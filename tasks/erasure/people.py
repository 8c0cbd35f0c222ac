"""Who is to be erased: remembered before anything is removed, so that a crash loses nobody."""

from collections.abc import Collection

import polars as pl

from blocks.resources import Resources
from tasks.cleaning import rules
from tasks.entities.model import Entity
from tasks.erasure.files import identifying_values_in_files
from tasks.erasure.rows import identifying_values_in_rows
from tasks.lake.erasures import remember
from tasks.loading import locks


def remember_people(static: Entity, ids: Collection[str], resources: Resources) -> None:
    """Remember the people with these ids in the lake: from here on no load takes them.

    With them, and with all who are remembered, what rows without a key are known by, as lake and
    database still have it. Runs that load static data are waited for. Raises ConfigurationError
    where there is no key to do it with.
    """
    given = pl.DataFrame({static.key: list(ids)}, schema={static.key: pl.String()})
    keys = given.select(rules.stripped(static, static.key)).to_series().drop_nulls().to_list()
    with locks.held(resources.warehouse_dsn, "first run", wait=True):
        erasures = remember(static.name, [(static.key, key) for key in keys], resources)
        identities = identifying_values_in_files(static, erasures, resources.lake)
        identities |= identifying_values_in_rows(static, erasures, resources)
        remember(static.name, identities, resources)
