"""A second reading of docs/contract.md, #sources and #order, to compare the pipeline with.

Slow on purpose: one row at a time, the standard library alone, no code shared with the pipeline.
"""

from tests.oracle.entities import ENTITIES, Entity
from tests.oracle.rows import Outcome, Problem, Rejected, interpret, upsert
from tests.oracle.sources import DriftError, Table, UnreadableError, read, tabulate

__all__ = [
    "ENTITIES",
    "DriftError",
    "Entity",
    "Outcome",
    "Problem",
    "Rejected",
    "Table",
    "UnreadableError",
    "interpret",
    "read",
    "tabulate",
    "upsert",
]
