"""A good row of every entity, and what the oracle makes of it when values change."""

from tests.oracle.rows import Outcome, interpret

GOOD: dict[str, dict[str, str | None]] = {
    "customers": {
        "customer_id": "c1",
        "name": "Ann Lee",
        "gender": "F",
        "date_of_birth": "1990-01-31",
        "signup_date": "2020-02-29",
        "email": "ann@gmail.com",
        "address": "1 High St, Troy, NY 12180",
    },
    "agents": {"agent_id": "a1", "name": "Bo", "experience": "Senior", "state": "Ohio"},
    "call_logs": {
        "call_id": "k1",
        "customer_id": "c1",
        "agent_id": "a1",
        "complaint_category": "Payments",
        "call_start_time": "2025-11-20 10:00:00",
        "call_end_time": "2025-11-20 10:05:00",
        "resolution_status": "Resolved",
        "call_logs_generation_date": "2025-11-20",
    },
    "sm_complaints": {
        "complaint_id": "k1",
        "customer_id": "c1",
        "agent_id": "a1",
        "complaint_category": "Payments",
        "media_channel": "TWITTER",
        "request_date": "2025-11-19",
        "resolution_date": "2025-11-20",
        "resolution_status": "Resolved",
        "media_complaint_generation_date": "2025-11-20",
    },
    "web_complaints": {
        "request_id": "k1",
        "customer_id": "c1",
        "agent_id": "a1",
        "complaint_category": "Payments",
        "request_date": "2025-11-19",
        "resolution_date": "2025-11-20",
        "resolution_status": "Resolved",
        "web_form_generation_date": "2025-11-20",
    },
}


def outcome(entity: str, *changes: dict[str, str | None]) -> Outcome:
    """What becomes of good rows with these values changed; c1 and a1 are known."""
    return interpret(entity, [{**GOOD[entity], **change} for change in changes], {"c1"}, {"a1"})


def cleaned(entity: str, **change: str | None) -> dict[str, object]:
    """The conformed row of a good row with these values changed."""
    return next(iter(outcome(entity, change).conformed.values()))


def problems(entity: str, **change: str | None) -> dict[str, str]:
    """The field problems, by field, of a good row with these values changed."""
    return {problem.field: problem.original_value for problem in outcome(entity, change).problems}
