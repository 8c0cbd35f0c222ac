"""The entities, each declared once as data: its source, key, columns, rules, references.

A new source is a new declaration here; the stages read it and differ in nothing else.
"""

from datetime import date

from tasks.entities.model import Derivation, Derived, Entity, Field, File, Rule, Table

_CATEGORY = Field(
    "complaint_category",
    Rule.ONE_OF,
    ("Technician Support", "Network Failure", "Router Delivery", "Payments"),
)
_STATUS = Field("resolution_status", Rule.ONE_OF, ("Resolved", "Backlog", "In-Progress", "Blocked"))

CUSTOMERS = Entity(
    name="customers",
    key="customer_id",
    source=File("customers/customers_dataset.csv"),
    fields=(
        Field("customer_id"),
        Field("name", Rule.NAME, personal=True),
        Field("gender", Rule.ONE_OF, ("M", "F")),
        Field("date_of_birth", Rule.DATE, personal=True),
        Field("signup_date", Rule.DATE),
        Field("email", Rule.EMAIL, personal=True),
        Field("address", Rule.ADDRESS, personal=True, versioned=True),
    ),
    derived=(
        Derived("zip_code", of="address", by=Derivation.ZIP_CODE, reported=True),
        Derived("state_code", of="address", by=Derivation.STATE_CODE, reported=True),
        Derived("state", of="address", by=Derivation.STATE_NAME),
    ),
    recognised_by=(("email",), ("name", "date_of_birth")),
)

AGENTS = Entity(
    name="agents",
    key="agent_id",
    source=File("agents/agents.csv", setting="agents_url"),
    fields=(
        Field("agent_id", label="id"),
        Field("name", Rule.NAME, personal=True),
        Field(
            "experience",
            Rule.ONE_OF,
            ("Intern", "Junior", "Mid-Level", "Senior"),
            versioned=True,
        ),
        Field("state", Rule.STATE),
    ),
)

_CUSTOMER = Field("customer_id", references=CUSTOMERS)
_AGENT = Field("agent_id", references=AGENTS)

CALL_LOGS = Entity(
    name="call_logs",
    channel="call_log",
    key="call_id",
    source=File("call logs/call_logs_day_%Y-%m-%d.csv"),
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
    derived=(Derived("request_date", of="call_start_time", by=Derivation.DAY),),
)

SM_COMPLAINTS = Entity(
    name="sm_complaints",
    channel="social_media",
    key="complaint_id",
    source=File("social_medias/media_complaint_day_%Y-%m-%d.json"),
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
)

WEB_COMPLAINTS = Entity(
    name="web_complaints",
    channel="web_form",
    key="request_id",
    source=Table("customer_complaints", "web_form_request_%Y_%m_%d"),
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
)

STATIC = (CUSTOMERS, AGENTS)
COMPLAINTS = (CALL_LOGS, SM_COMPLAINTS, WEB_COMPLAINTS)
ENTITIES = {entity.name: entity for entity in STATIC + COMPLAINTS}


def complaints_on(run_date: date) -> tuple[Entity, ...]:
    """The channels that are asked for a run date."""
    return tuple(e for e in COMPLAINTS if e.since is None or e.since <= run_date)
