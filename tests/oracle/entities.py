"""The five entities as docs/contract.md#canonical names them: columns, keys, rules, choices."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entity:
    """What a source must hold and which rule each of its columns follows."""

    name: str
    key: str
    rules: dict[str, str]  # canonical column → rule of section 5
    derived: tuple[str, ...] = ()

    @property
    def is_complaint(self) -> bool:
        return "complaint_category" in self.rules

    @property
    def columns(self) -> tuple[str, ...]:
        """What the conformed table holds of a row."""
        return (*self.rules, *self.derived)


ENTITIES = {
    entity.name: entity
    for entity in (
        Entity(
            "customers",
            key="customer_id",
            rules={
                "customer_id": "key",
                "name": "name",
                "gender": "gender",
                "date_of_birth": "date",
                "signup_date": "date",
                "email": "email",
                "address": "address",
            },
            derived=("zip_code", "state_code", "state"),
        ),
        Entity(
            "agents",
            key="agent_id",
            rules={
                "agent_id": "key",
                "name": "name",
                "experience": "experience",
                "state": "state",
            },
        ),
        Entity(
            "call_logs",
            key="call_id",
            rules={
                "call_id": "key",
                "customer_id": "key",
                "agent_id": "key",
                "complaint_category": "complaint_category",
                "call_start_time": "timestamp",
                "call_end_time": "timestamp",
                "resolution_status": "resolution_status",
                "call_logs_generation_date": "date",
            },
            derived=("request_date",),
        ),
        Entity(
            "sm_complaints",
            key="complaint_id",
            rules={
                "complaint_id": "key",
                "customer_id": "key",
                "agent_id": "key",
                "complaint_category": "complaint_category",
                "media_channel": "media_channel",
                "request_date": "date",
                "resolution_date": "date",
                "resolution_status": "resolution_status",
                "media_complaint_generation_date": "date",
            },
        ),
        Entity(
            "web_complaints",
            key="request_id",
            rules={
                "request_id": "key",
                "customer_id": "key",
                "agent_id": "key",
                "complaint_category": "complaint_category",
                "request_date": "date",
                "resolution_date": "date",
                "resolution_status": "resolution_status",
                "web_form_generation_date": "date",
            },
        ),
    )
}

# the agents' source calls its key "iD": every other column is called as its canonical name.
SOURCE_NAMES = {("agents", "agent_id"): "id"}

CHOICES = {
    "gender": ("M", "F"),
    "experience": ("Intern", "Junior", "Mid-Level", "Senior"),
    "complaint_category": (
        "Technician Support",
        "Network Failure",
        "Router Delivery",
        "Payments",
    ),
    "resolution_status": ("Resolved", "Backlog", "In-Progress", "Blocked"),
    "media_channel": ("INSTAGRAM", "TWITTER", "FACEBOOK", "LINKEDIN"),
}

STATES = dict(
    line.split(" ", 1)
    for line in """\
AL Alabama
AK Alaska
AZ Arizona
AR Arkansas
CA California
CO Colorado
CT Connecticut
DE Delaware
FL Florida
GA Georgia
HI Hawaii
ID Idaho
IL Illinois
IN Indiana
IA Iowa
KS Kansas
KY Kentucky
LA Louisiana
ME Maine
MD Maryland
MA Massachusetts
MI Michigan
MN Minnesota
MS Mississippi
MO Missouri
MT Montana
NE Nebraska
NV Nevada
NH New Hampshire
NJ New Jersey
NM New Mexico
NY New York
NC North Carolina
ND North Dakota
OH Ohio
OK Oklahoma
OR Oregon
PA Pennsylvania
RI Rhode Island
SC South Carolina
SD South Dakota
TN Tennessee
TX Texas
UT Utah
VT Vermont
VA Virginia
WA Washington
WV West Virginia
WI Wisconsin
WY Wyoming
DC District of Columbia
PR Puerto Rico
VI Virgin Islands
GU Guam
AS American Samoa
MP Northern Mariana Islands
FM Federated States of Micronesia
MH Marshall Islands
PW Palau
AA Armed Forces Americas
AE Armed Forces Europe
AP Armed Forces Pacific""".splitlines()
)
