"""Bronze files of the lake: where they are, and what their manifests say."""

import json
from datetime import date

from blocks.errors import SourceMissingError, SourceUnreadableError
from blocks.stores.store import Store
from tasks.entities.references import Bronze


def bronze_keys(entity: str, run_date: date) -> tuple[str, str]:
    """Where in the lake a bronze file is, and its manifest."""
    key = f"bronze/{entity}/{run_date}"
    return f"{key}.parquet", f"{key}.manifest.json"


def landed(entity: str, run_date: date, lake: Store) -> Bronze:
    """What `bronze.land` gave for a run date, read back from the manifest.

    Raises SourceMissingError, SourceUnreadableError.
    """
    key, manifest_key = bronze_keys(entity, run_date)
    again = f"load the day from its source: --from {run_date} --to {run_date} --force"
    text = lake.read(manifest_key)
    if text is None:
        raise SourceMissingError(
            f"The bronze file of {entity} of {run_date} is no longer in the lake",
            where=lake.uri(manifest_key),
            todo=again,
        )
    try:
        manifest = json.loads(text)
        return Bronze(
            entity=entity,
            run_date=run_date,
            key=key,
            source=manifest["source"],
            fingerprint=manifest["fingerprint"],
            rows=manifest["rows"],
            unexpected_columns=tuple(manifest["unexpected_columns"]),
        )
    except (ValueError, KeyError, TypeError):
        raise SourceUnreadableError(
            f"The manifest of {entity} of {run_date} is not what we wrote",
            where=lake.uri(manifest_key),
            todo=again,
        ) from None
