"""Bronze files of the lake: where they are, what their manifests say, what their rows hold.

The delivery that landed last is `D.parquet`. One of another fingerprint that was there before is
kept next to it, as `D.{fingerprint}.parquet`: it may be the one that is published.
"""

import json
from contextlib import suppress
from datetime import date
from typing import Any

import polars as pl

from blocks.errors import SourceMissingError, SourceUnreadableError
from blocks.stores.store import Store
from tasks.entities.columns import match_columns
from tasks.entities.model import Entity
from tasks.entities.references import Bronze, Silver
from tasks.lake.parquet import FileReplacedError, made_from, reading, scan

MADE = ("silver", "problems", "rejects")  # folders of what is made from it


def bronze_keys(entity: str, run_date: date, kept: str = "") -> tuple[str, str]:
    """Where in the lake a bronze file is, and its manifest; of the one kept with a fingerprint."""
    key = f"bronze/{entity}/{run_date}" + (f".{kept[:12]}" if kept else "")
    return f"{key}.parquet", f"{key}.manifest.json"


def landed(entity: str, run_date: date, lake: Store, fingerprint: str = "") -> Bronze:
    """What `land` gave for a run date, read back from the manifest: of that delivery, or the last.

    Raises SourceMissingError, SourceUnreadableError.
    """
    key, manifest_key = bronze_keys(entity, run_date)
    if fingerprint and _fingerprint(lake.read(manifest_key)) != fingerprint:
        kept = bronze_keys(entity, run_date, fingerprint)
        if _fingerprint(lake.read(kept[1])) == fingerprint:
            key, manifest_key = kept
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
        if fingerprint and manifest["fingerprint"] != fingerprint:
            raise SourceMissingError(
                f"The bronze file of {entity} of {run_date} is of another delivery than was loaded",
                where=lake.uri(manifest_key),
                todo=again,
            )
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
    found = {silver.bronze_key: _fingerprint(lake.read(manifest_of(silver.bronze_key)))}
    for key in (silver.key, silver.problems_key, silver.rejects_key):
        found[key] = made_from(lake, key)
    other = [key for key, fingerprint in found.items() if fingerprint != silver.fingerprint]
    if other:
        raise FileReplacedError(
            f"{len(other)} files of the lake are no longer those of this load",
            where=", ".join(map(lake.uri, other)),
            todo="another run landed or cleaned the date meanwhile: run the date again",
        )


def keep_earlier(entity: str, run_date: date, lake: Store, fingerprint: str) -> None:
    """Keep the delivery that is there, if it isn't the one of this fingerprint about to land."""
    key, manifest_key = bronze_keys(entity, run_date)
    manifest = lake.read(manifest_key)
    there = _fingerprint(manifest)
    if manifest and there and there != fingerprint:
        kept, kept_manifest = bronze_keys(entity, run_date, there)
        with suppress(SourceMissingError):  # somebody removed the file, and left its manifest
            lake.copy(key, kept)
            lake.write(kept_manifest, manifest)


def forget_kept(silver: Silver, lake: Store) -> None:
    """Remove the deliveries kept of a run date, now that this silver is what is published."""
    stay = {*bronze_keys(silver.entity, silver.run_date), silver.bronze_key}
    for key in lake.keys(f"bronze/{silver.entity}/{silver.run_date}."):
        if key not in stay and key != manifest_of(silver.bronze_key):
            lake.delete(key)


def manifest_of(key: str) -> str:
    """The manifest next to a bronze file."""
    return key.removesuffix(".parquet") + ".manifest.json"


def _fingerprint(manifest: bytes | None) -> str | None:
    """The fingerprint that a manifest says; None where there is none of ours."""
    try:
        said: Any = json.loads(manifest or b"{}")
        return said.get("fingerprint") if isinstance(said, dict) else None
    except ValueError:
        return None


def bronze_rows(entity: Entity, run_date: date, key: str, lake: Store) -> pl.LazyFrame:
    """A bronze file's contract columns under their canonical names, NULL before they were declared.

    Raises SchemaDriftError; SourceUnreadableError for a damaged or foreign file.
    """
    with reading(lake, key):
        rows = scan(lake, key)
        columns = rows.collect_schema()
        if any(kind != pl.String for kind in columns.dtypes()):
            raise pl.exceptions.SchemaError("not all text")
    labels = columns.names()
    # by position: an extra column may be called as one of ours.
    there = match_columns(entity, run_date, labels, lake.uri(key)).positions
    found = {name: pl.col(labels[position]) for name, position in there.items()}
    missing = pl.lit(None, pl.String)
    return rows.select(found.get(f.name, missing).alias(f.name) for f in entity.fields)
