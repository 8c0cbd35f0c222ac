"""Rejected rows as the quarantine keeps them: their original values, under canonical names."""

from collections.abc import Sequence

import polars as pl

from tasks.contracts import Entity, normalised


def record(entity: Entity, labels: Sequence[str]) -> pl.Expr:
    """JSON text of a bronze row: the contract's columns in its order, values as the source's.

    `labels` are the bronze file's columns.
    """
    by_letters = {normalised(label): label for label in reversed(labels)}
    fields = [pl.col(by_letters[f.source_label]).alias(f.name) for f in entity.fields]
    return pl.struct(fields).struct.json_encode().alias("record")
