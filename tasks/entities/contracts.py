"""The five entities, declared once as data: columns, rules, keys, sources, tables.

A new source is a new declaration here; the stages read it and differ in nothing else.
"""

from tasks.entities.model import Derived, Entity, Field, Rule

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
