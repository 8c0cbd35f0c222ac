"""What an entity is, as data: fields with their rules, key, source, table."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal


class Rule(StrEnum):
    """What cleaning does to a field (docs/contract.md#fields)."""

    TEXT = "text"  # stripped, nothing else: keys and references
    NAME = "name"
    ONE_OF = "one of"
    EMAIL = "email"
    ADDRESS = "address"
    STATE = "state"
    DATE = "date"
    TIMESTAMP = "timestamp"


SQL_TYPES = {Rule.DATE: "date", Rule.TIMESTAMP: "timestamp"}  # every other rule gives text


@dataclass(frozen=True)
class Field:
    """One canonical column of an entity."""

    name: str
    rule: Rule = Rule.TEXT
    choices: tuple[str, ...] = ()  # of Rule.ONE_OF, in their canonical spelling
    not_before: str | None = None  # a field of the same row that this one may not precede
    label: str = ""  # the source's label in letters and digits, where it isn't the name's

    @property
    def source_label(self) -> str:
        """The source column's label as `normalised` gives it."""
        return self.label or normalised(self.name)


@dataclass(frozen=True)
class Derived:
    """A column computed from a field: it has no source column."""

    name: str
    of: str
    sql_type: str = "text"


Format = Literal["csv", "json", "table", "agents"]


@dataclass(frozen=True)
class Entity:
    """What an entity is. `source` is a key in the source store or a table, with the date filled in.

    `columns` is the order of the silver file and of the conformed table.
    """

    name: str
    key: str
    fields: tuple[Field, ...]
    format: Format
    source: str
    derived: tuple[Derived, ...] = ()
    channel: str | None = None  # complaints only, as the warehouse names it

    @property
    def is_static(self) -> bool:
        """Loaded once, by upsert; every other entity is loaded by the day, as a partition."""
        return self.channel is None

    @property
    def columns(self) -> tuple[str, ...]:
        """Canonical columns, derived ones last."""
        return tuple(f.name for f in self.fields) + tuple(d.name for d in self.derived)

    def source_on(self, run_date: date) -> str:
        """Object key or table name of a run date."""
        return run_date.strftime(self.source)

    def sql_types(self) -> dict[str, str]:
        """PostgreSQL type of every canonical column, in the order of `columns`."""
        types = {f.name: SQL_TYPES.get(f.rule, "text") for f in self.fields}
        return types | {d.name: d.sql_type for d in self.derived}


def normalised(label: str) -> str:
    """A label's letters and digits alone, lower-cased.

    >>> normalised("customeR iD"), normalised("COMPLAINT_catego ry")
    ('customerid', 'complaintcategory')
    """
    return "".join(c for c in label.lower() if c.isalnum())


def is_index(label: str) -> bool:
    """Whether a source column is a row number that some tool wrote beside the data.

    >>> [is_index(label) for label in ("", "Unnamed: 0", "column1", "index", "call ID")]
    [True, True, True, True, False]
    """
    letters = normalised(label)
    return letters in {"", "column1", "index"} or (
        letters.startswith("unnamed") and letters.removeprefix("unnamed").isdecimal()
    )
