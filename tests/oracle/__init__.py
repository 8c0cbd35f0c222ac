"""A second reading of DESIGN sections 4 and 5, to hold the pipeline against.

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
