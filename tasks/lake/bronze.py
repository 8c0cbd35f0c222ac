"""Bronze files of the lake: where they are, what their manifests say, what their rows hold."""

import json
from datetime import date

import polars as pl

from blocks.errors import SourceMissingError, SourceUnreadableError
from blocks.stores.store import Store
from tasks.entities.columns import match_columns
from tasks.entities.model import Entity
from tasks.entities.references import Bronze, Silver
from tasks.lake.parquet import FileReplacedError, made_from, reading


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


def prove_made_from(silver: Silver, lake: Store) -> None:
    """Raise FileReplacedError unless silver, its problems and rejects are of the bronze there is.

    Another run may have landed the source again since: then these rows are not what bronze holds.
    """
    manifest = json.loads(lake.read(bronze_keys(silver.entity, silver.run_date)[1]) or b"{}")
    found = {silver.bronze_key: manifest.get("fingerprint")}
    for key in (silver.key, silver.problems_key, silver.rejects_key):
        found[key] = made_from(lake, key)
    other = [key for key, fingerprint in found.items() if fingerprint != silver.fingerprint]
    if other:
        raise FileReplacedError(
            f"{len(other)} files of the lake are no longer those of this load",
            where=", ".join(map(lake.uri, other)),
            todo="another run landed or cleaned the date meanwhile: run the date again",
        )


def bronze_rows(entity: Entity, run_date: date, key: str, lake: Store) -> pl.LazyFrame:
    """A bronze file's contract columns under their canonical names, NULL before they were declared.

    Raises SchemaDriftError; SourceUnreadableError for a damaged or foreign file.
    """
    uri = lake.uri(key)
    with reading(lake, key):
        scan = pl.scan_parquet(uri, storage_options=lake.storage_options, glob=False)
        columns = scan.collect_schema()
        if any(kind != pl.String for kind in columns.dtypes()):
            raise pl.exceptions.SchemaError("not all text")
    labels = columns.names()
    # by position: an extra column may be called as one of ours.
    there = match_columns(entity, run_date, labels, uri).positions
    found = {name: pl.col(labels[position]) for name, position in there.items()}
    missing = pl.lit(None, pl.String)
    return scan.select(found.get(f.name, missing).alias(f.name) for f in entity.fields)
