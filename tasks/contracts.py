"""The five entities, declared once as data: columns, rules, keys, sources, tables.

A new source is a new declaration here; the stages read it and differ in nothing else.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal


class Rule(StrEnum):
    """What cleaning does to a field (DESIGN section 5)."""

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


_CATEGORY = Field(
    "complaint_category",
    Rule.ONE_OF,
    ("Technician Support", "Network Failure", "Router Delivery", "Payments"),
)
_STATUS = Field("resolution_status", Rule.ONE_OF, ("Resolved", "Backlog", "In-Progress", "Blocked"))
_CUSTOMER = Field("customer_id")
_AGENT = Field("agent_id")

CUSTOMERS = Entity(
    name="customers",
    key="customer_id",
    fields=(
        Field("customer_id"),
        Field("name", Rule.NAME),
        Field("gender", Rule.ONE_OF, ("M", "F")),
        Field("date_of_birth", Rule.DATE),
        Field("signup_date", Rule.DATE),
        Field("email", Rule.EMAIL),
        Field("address", Rule.ADDRESS),
    ),
    derived=(
        Derived("zip_code", of="address"),
        Derived("state_code", of="address"),
        Derived("state", of="address"),
    ),
    format="csv",
    source="customers/customers_dataset.csv",
)

AGENTS = Entity(
    name="agents",
    key="agent_id",
    fields=(
        Field("agent_id", label="id"),
        Field("name", Rule.NAME),
        Field("experience", Rule.ONE_OF, ("Intern", "Junior", "Mid-Level", "Senior")),
        Field("state", Rule.STATE),
    ),
    format="agents",
    source="agents/agents.csv",
)

CALL_LOGS = Entity(
    name="call_logs",
    key="call_id",
    fields=(
        Field("call_id"),
        _CUSTOMER,
        _AGENT,
        _CATEGORY,
        Field("call_start_time", Rule.TIMESTAMP),
        Field("call_end_time", Rule.TIMESTAMP, not_before="call_start_time"),
        _STATUS,
        Field("call_logs_generation_date", Rule.DATE),
    ),
    derived=(Derived("request_date", of="call_start_time", sql_type="date"),),
    format="csv",
    source="call logs/call_logs_day_%Y-%m-%d.csv",
    channel="call_log",
)

SM_COMPLAINTS = Entity(
    name="sm_complaints",
    key="complaint_id",
    fields=(
        Field("complaint_id"),
        _CUSTOMER,
        _AGENT,
        _CATEGORY,
        Field("media_channel", Rule.ONE_OF, ("INSTAGRAM", "TWITTER", "FACEBOOK", "LINKEDIN")),
        Field("request_date", Rule.DATE),
        Field("resolution_date", Rule.DATE, not_before="request_date"),
        _STATUS,
        Field("media_complaint_generation_date", Rule.DATE),
    ),
    format="json",
    source="social_medias/media_complaint_day_%Y-%m-%d.json",
    channel="social_media",
)

WEB_COMPLAINTS = Entity(
    name="web_complaints",
    key="request_id",
    fields=(
        Field("request_id"),
        _CUSTOMER,
        _AGENT,
        _CATEGORY,
        Field("request_date", Rule.DATE),
        Field("resolution_date", Rule.DATE, not_before="request_date"),
        _STATUS,
        Field("web_form_generation_date", Rule.DATE),
    ),
    format="table",
    source="web_form_request_%Y_%m_%d",
    channel="web_form",
)

STATIC = (CUSTOMERS, AGENTS)
COMPLAINTS = (CALL_LOGS, SM_COMPLAINTS, WEB_COMPLAINTS)
ENTITIES = {entity.name: entity for entity in STATIC + COMPLAINTS}
