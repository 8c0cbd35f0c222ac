"""Rows of erased people: which they are, and what stays of them (docs/contract.md#erasure)."""

from collections.abc import Iterable, Iterator
from datetime import date

import polars as pl

from tasks.cleaning import rules
from tasks.entities.columns import match_columns
from tasks.entities.model import Entity, is_index
from tasks.lake.erasures import Erasures


def without_people(
    entity: Entity, raw: pl.DataFrame, erasures: Erasures
) -> tuple[pl.DataFrame, pl.Series]:
    """Rows as they came, under our names for their columns; and the numbers of the erased ones.

    Of those stay keys, and what is not personal and can be cleaned: what can't may be anything.
    """
    theirs = of_erased(entity, raw, erasures)
    if theirs.is_empty():
        return raw, theirs
    text = _stripped(entity, raw[theirs])
    for field in entity.fields:
        if field.name not in entity.keys:
            unknown = rules.cleaned(field).is_null() & pl.col(field.name).is_not_null()
            gone = theirs
            if not field.personal:
                gone = theirs.filter(text.select(unknown).to_series())
            raw = raw.with_columns(raw[field.name].scatter(gone, None))
    return raw, theirs


def source_without_people(
    entity: Entity, run_date: date, rows: pl.DataFrame, erasures: Erasures
) -> tuple[pl.DataFrame, pl.Series]:
    """The same of rows under the source's own labels: what is outside the contract goes as well,
    but for numbers of rows: whole numbers in a column of them.
    """
    labels = rows.columns
    raw, places = _ours(entity, run_date, rows)
    kept, theirs = without_people(entity, raw, erasures)
    if theirs.is_empty():
        return rows, theirs
    ours = {labels[place]: kept[name] for name, place in places.items()}
    left = []
    for label in labels:
        gone = theirs
        if is_index(label):
            number = rows[label][theirs].str.contains("^[0-9]+$")
            gone = theirs.filter(~number.fill_null(True))
        column = ours[label] if label in ours else rows[label].scatter(gone, None)
        left.append(column.alias(label))
    return rows.with_columns(left), theirs


def source_identifying_values(
    entity: Entity, run_date: date, rows: pl.DataFrame, erasures: Erasures
) -> set[tuple[str, ...]]:
    """As `identifying_values`, of rows under the source's own labels."""
    return identifying_values(entity, _ours(entity, run_date, rows)[0], erasures)


def _ours(
    entity: Entity, run_date: date, rows: pl.DataFrame
) -> tuple[pl.DataFrame, dict[str, int]]:
    """A source's rows under our names for their columns, and the positions of these."""
    places = match_columns(entity, run_date, rows.columns, entity.name).positions
    missing = pl.lit(None, pl.String)
    raw = rows.select(
        (pl.col(rows.columns[places[f.name]]) if f.name in places else missing).alias(f.name)
        for f in entity.fields
    )
    return raw, places


def identifying_values(
    entity: Entity, raw: pl.DataFrame, erasures: Erasures
) -> set[tuple[str, ...]]:
    """Columns and values that rows with an erased key have: by these one without a key is known."""
    if not entity.recognised_by or entity.name not in erasures.hashes:
        return set()
    text = _stripped(entity, raw)
    theirs = text.filter(_erased(text[entity.key], entity, erasures))
    found = (_values_of(entity, theirs, columns) for columns in entity.recognised_by)
    return {row for rows in found for row in rows if row}


def _stripped(entity: Entity, raw: pl.DataFrame) -> pl.DataFrame:
    return raw.select(rules.stripped(entity, f.name) for f in entity.fields)


def _values_of(
    entity: Entity, text: pl.DataFrame, columns: Iterable[str]
) -> Iterator[tuple[str, ...] | None]:
    """For each row these columns and their cleaned values; None where one is missing."""
    by_name = {f.name: f for f in entity.fields}
    values = text.select(rules.cleaned(by_name[c]).cast(pl.String).alias(c) for c in columns)
    for row in values.iter_rows():
        yield None if None in row else (*columns, *row)


def of_erased(entity: Entity, raw: pl.DataFrame, erasures: Erasures) -> pl.Series:
    """The numbers of the rows that are erased people's, sorted."""
    statics = {f.name: static for f, static in entity.references.items()}
    if entity.is_static:
        statics[entity.key] = entity
    statics = {name: static for name, static in statics.items() if static.name in erasures.hashes}
    found = pl.Series(dtype=pl.UInt32)
    if not statics:
        return found
    keys = raw.select(rules.stripped(entity, column) for column in statics)
    for column, static in statics.items():
        found = found.append(_erased(keys[column], static, erasures).arg_true())
    if entity.key in statics:
        without_key = keys[entity.key].is_null().arg_true()
        lost = _stripped(entity, raw[without_key])
        for columns in entity.recognised_by:
            rows = _values_of(entity, lost, columns)
            erased = [bool(row and erasures.has(entity.name, *row)) for row in rows]
            found = found.append(without_key.filter(pl.Series(erased, dtype=pl.Boolean)))
    return found.unique().sort()


def _erased(keys: pl.Series, static: Entity, erasures: Erasures) -> pl.Series:
    """Whether each key is an erased one's."""
    ids = keys.unique().drop_nulls().to_list()
    erased = [i for i in ids if erasures.has(static.name, static.key, i)]
    return keys.is_in(erased).fill_null(False)
