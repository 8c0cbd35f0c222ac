"""Whether a platform works: each of its parts really reached, from where this runs."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from prefect.blocks.notifications import SlackWebhook

from blocks import checks, database_checks, slack
from blocks.checks import Found
from blocks.connectors import dsn
from blocks.database_checks import web_forms
from blocks.errors import ConfigurationError, CoreTelecomsError
from blocks.platform import opener, sheet_key, store_of
from blocks.register.parts import Values
from blocks.resources import located
from blocks.samples import AGENTS_FILE
from blocks.scratch import scratch
from blocks.sheets import as_csv, is_sheet


def checked(values: Values, wrong: Mapping[str, CoreTelecomsError], name: str) -> Found:
    """For each part what was reached, or the error that says what is wrong with it."""
    parts: dict[str, tuple[tuple[str, ...], Callable[[Values, str], str]]] = {
        "source": (("source",), _source),
        "lake": (("lake",), lambda values, name: checks.lake(store_of(values["lake"], name))),
        "agents": (("source", "agents_url", "sheet_credentials"), _agents),
        "web forms": (
            ("web_forms", "warehouse"),
            lambda values, _: web_forms(dsn(values["web_forms"] or values["warehouse"])),
        ),
        **{
            part: (("warehouse",), partial(_warehouse, part))
            for part in database_checks.warehouse("")
        },
        "alerts": (("alerts",), _alerts),
    }

    def look(fields: tuple[str, ...], check: Callable[[Values, str], str]) -> str:
        if problems := [wrong[field] for field in fields if field in wrong]:
            raise problems[0]
        return check(values, name)

    return checks.looked_at({part: partial(look, *how) for part, how in parts.items()})


def _source(values: Values, name: str) -> str:
    store = store_of(values["source"], name)
    store.check()
    return f"{store.url} can be listed"


def _agents(values: Values, name: str) -> str:
    url = values["agents_url"]
    if url and is_sheet(url):
        as_csv(url, sheet_key(values["sheet_credentials"]))
        return f"{url} can be read"
    if url:
        store, key = located(url, opener(values["source"], name))
    else:
        store, key = store_of(values["source"], name), AGENTS_FILE
    with scratch() as spool:
        store.local_copy(key, Path(spool))
    return f"{store.uri(key)} can be read"


def _warehouse(part: str, values: Values, name: str) -> str:
    return database_checks.warehouse(dsn(values["warehouse"]), values["readers"] or "")[part]()


def _alerts(values: Values, name: str) -> str:
    if values["alerts"] is None:
        return "none: no messages about failed runs (CORETELECOMS_SLACK_WEBHOOK_URL)"
    also = " and completed" if values["notify_on_success"] else ""
    return f"the Slack webhook is well-formed (nothing was posted), for failed{also} runs"


def post(alerts: SlackWebhook, name: str) -> str | CoreTelecomsError:
    """Post a message to Slack."""
    try:
        slack.post(
            alerts.url.get_secret_value(), f"CoreTelecoms: the platform {name} will post here."
        )
    except Exception as error:
        return ConfigurationError(
            f"Slack did not take the message ({type(error).__name__})",
            where="CORETELECOMS_SLACK_WEBHOOK_URL",
            todo="check that the webhook was not revoked, and the network",
        )
    return "a message was posted to Slack"
