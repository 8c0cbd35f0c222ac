"""What an entity is, as data: its source, key, fields with their rules, derived columns."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Rule(StrEnum):
    """What cleaning does to a field (docs/contract.md#fields)."""

    TEXT = "text"  # as it is: keys and references
    NAME = "name"
    ONE_OF = "one of"
    EMAIL = "email"
    ADDRESS = "address"
    STATE = "state"
    DATE = "date"
    TIMESTAMP = "timestamp"


class Derivation(StrEnum):
    """How a column is made from a cleaned field."""

    ZIP_CODE = "zip code of an address"
    STATE_CODE = "state code of an address"
    STATE_NAME = "state name of an address"
    DAY = "day of a timestamp"


# every other rule and derivation gives text.
SQL_TYPES: dict[StrEnum, str] = {
    Rule.DATE: "date",
    Rule.TIMESTAMP: "timestamp",
    Derivation.DAY: "date",
}


@dataclass(frozen=True)
class Field:
    """One canonical column of an entity."""

    name: str
    rule: Rule = Rule.TEXT
    choices: tuple[str, ...] = ()  # of Rule.ONE_OF, in their canonical spelling
    not_before: str | None = None  # a field of the same row that this one may not precede
    label: str = ""  # the source's label in letters and digits, where it isn't the name's
    references: "Entity | None" = None  # the static entity whose key this is
    since: date | None = None  # the first run date that has it; NULL before
    personal: bool = False  # says who somebody is: docs/contract.md#personal
    versioned: bool = False  # earlier values are kept, with what derives from it; static ones only

    @property
    def source_label(self) -> str:
        """The source column's label as `normalised` gives it."""
        return self.label or normalised(self.name)

    def is_there(self, run_date: date) -> bool:
        """Whether a source of that date has it."""
        return self.since is None or self.since <= run_date


@dataclass(frozen=True)
class Derived:
    """A column computed from a field: it has no source column."""

    name: str
    of: str
    by: Derivation
    reported: bool = False  # a value that doesn't give it is a field problem


@dataclass(frozen=True)
class File:
    """A file of the source store; its ending says what it holds. `name` has the date filled in."""

    name: str
    delimiter: str = ","  # of a CSV, as the next one
    encoding: str = "utf-8"
    setting: str = ""  # of the platform: the address of another file, or a Google Sheet, if set


@dataclass(frozen=True)
class Table:
    """A table of the web-forms database. `name` has the date filled in."""

    schema: str
    name: str


@dataclass(frozen=True)
class Entity:
    """What an entity is. `columns` is the order of the silver file and of the conformed table."""

    name: str
    key: str
    source: File | Table
    fields: tuple[Field, ...]
    derived: tuple[Derived, ...] = ()
    channel: str | None = None  # complaints only, as the warehouse names it
    since: date | None = None  # complaints only: the first run date that asks for it
    # static ones only: columns that tell whose row it is that has no key (docs/contract.md#erasure)
    recognised_by: tuple[tuple[str, ...], ...] = ()
    max_quarantine: float | None = None  # share of rows, 0 to 1; else the platform's

    @property
    def is_static(self) -> bool:
        """Loaded once, by upsert; every other entity is loaded by the day, as a partition."""
        return self.channel is None

    @property
    def columns(self) -> tuple[str, ...]:
        """Canonical columns, derived ones last."""
        return tuple(self.sql_types())

    @property
    def versioned(self) -> tuple[str, ...]:
        """The columns whose earlier values are kept (docs/contract.md#versions)."""
        return self._with_derived(f.name for f in self.fields if f.versioned)

    @property
    def versions(self) -> str:
        """Name of the conformed table that keeps them."""
        return f"{self.name}_versions"

    @property
    def references(self) -> dict[Field, "Entity"]:
        """The static entities that rows refer to, by the field that holds their key."""
        return {f: f.references for f in self.fields if f.references}

    @property
    def personal(self) -> tuple[str, ...]:
        """The columns that say who somebody is, those derived from them included."""
        return self._with_derived(f.name for f in self.fields if f.personal)

    def _with_derived(self, names: Iterable[str]) -> tuple[str, ...]:
        fields = tuple(names)
        return (*fields, *(d.name for d in self.derived if d.of in fields))

    @property
    def keys(self) -> frozenset[str]:
        """The fields that hold a key: its own, and those of the entities it refers to."""
        return frozenset({self.key, *(f.name for f in self.references)})

    def source_on(self, run_date: date) -> str:
        """Key of the file, or name of the table, of a run date."""
        return run_date.strftime(self.source.name)

    def fields_on(self, run_date: date) -> tuple[Field, ...]:
        """The fields that a source of that date has."""
        return tuple(f for f in self.fields if f.is_there(run_date))

    def sql_types(self) -> dict[str, str]:
        """PostgreSQL type of every canonical column, in the order of `columns`."""
        types = {f.name: SQL_TYPES.get(f.rule, "text") for f in self.fields}
        return types | {d.name: SQL_TYPES.get(d.by, "text") for d in self.derived}


def normalised(label: str) -> str:
    """A label's letters and digits alone, lower-cased.

    >>> normalised("customeR iD"), normalised("COMPLAINT_catego ry")
    ('customerid', 'complaintcategory')
    """
    return "".join(c for c in label.lower() if c.isalnum())


def is_index(label: str) -> bool:
    """Whether a source column is a row number that some tool wrote with the data.

    >>> [is_index(label) for label in ("", "Unnamed: 0", "column1", "index", "call ID")]
    [True, True, True, True, False]
    >>> is_index("__index_level_0__")
    True
    """
    letters = normalised(label)
    return letters in {"", "column1", "index"} or any(
        letters.startswith(word) and letters.removeprefix(word).isdecimal()
        for word in ("unnamed", "indexlevel")
    )
