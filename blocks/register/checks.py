"""Whether a platform works: each of its parts really reached, from where this runs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from prefect.blocks.notifications import SlackWebhook

from blocks import slack
from blocks.connectors import dsn
from blocks.database import address, connect, refuse_encoding
from blocks.errors import ConfigurationError, CoreTelecomsError, TerminalError
from blocks.platform import opener, sheet_key, store_of
from blocks.register.parts import Values
from blocks.resources import located
from blocks.samples import AGENTS_FILE, WEB_FORMS_SCHEMA
from blocks.sheets import as_csv, is_sheet

OLDEST_POSTGRES = 140_000


def checked(
    values: Values, wrong: Mapping[str, CoreTelecomsError], name: str
) -> dict[str, str | CoreTelecomsError]:
    """For each part what was reached, or the error that says what is wrong with it."""
    parts: dict[str, tuple[tuple[str, ...], Callable[[Values, str], str]]] = {
        "source": (("source",), _source),
        "lake": (("lake",), _lake),
        "agents": (("source", "agents_url", "sheet_credentials"), _agents),
        "web forms": (("web_forms", "warehouse"), _web_forms),
        "warehouse": (("warehouse",), _warehouse),
        "alerts": (("alerts",), _alerts),
    }
    found: dict[str, str | CoreTelecomsError] = {}
    for part, (fields, check) in parts.items():
        problems = [wrong[field] for field in fields if field in wrong]
        try:
            found[part] = problems[0] if problems else check(values, name)
        except CoreTelecomsError as error:
            found[part] = error
        except Exception as error:
            # without its text, which may quote a secret.
            found[part] = TerminalError(f"Unexpected {type(error).__name__}")
    return found


def _source(values: Values, name: str) -> str:
    store = store_of(values["source"], name)
    store.check()
    return f"{store.url} can be listed"


def _lake(values: Values, name: str) -> str:
    store = store_of(values["lake"], name)
    key = f".check/{uuid4().hex}"
    store.check()
    store.write(key, b"written by blocks.register to see whether it can")
    store.delete(key)
    return f"{store.url} can be listed, written and deleted from"


def _agents(values: Values, name: str) -> str:
    url = values["agents_url"]
    if url and is_sheet(url):
        as_csv(url, sheet_key(values["sheet_credentials"]))
        return f"{url} can be read"
    if url:
        store, key = located(url, opener(values["source"], name))
    else:
        store, key = store_of(values["source"], name), AGENTS_FILE
    with TemporaryDirectory(prefix="coretelecoms-") as spool:
        store.local_copy(key, Path(spool))
    return f"{store.uri(key)} can be read"


def _web_forms(values: Values, name: str) -> str:
    where = dsn(values["web_forms"] or values["warehouse"])
    with connect(where, purpose="check") as connection:
        found = connection.execute(
            "SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = %s",
            (WEB_FORMS_SCHEMA,),
        ).fetchone()
    if found != (True,):
        raise ConfigurationError(
            f"The database has no schema {WEB_FORMS_SCHEMA}, or the user may not use it",
            where=address(where),
            todo=f"check the database's name, or GRANT USAGE ON SCHEMA {WEB_FORMS_SCHEMA}",
        )
    return f"{address(where)} answers, schema {WEB_FORMS_SCHEMA} is there"


def _warehouse(values: Values, name: str) -> str:
    where = dsn(values["warehouse"])
    with connect(where, purpose="check") as connection:
        refuse_encoding(connection)
        version = connection.info.server_version
        found = connection.execute(
            "SELECT has_database_privilege(current_database(), 'CREATE')"
        ).fetchone()
    if version < OLDEST_POSTGRES:
        raise ConfigurationError(
            f"PostgreSQL {version // 10_000} is too old",
            where=address(where),
            todo=f"use PostgreSQL {OLDEST_POSTGRES // 10_000} or newer",
        )
    if found != (True,):
        raise ConfigurationError(
            "The user may not create schemas",
            where=address(where),
            todo="GRANT CREATE ON DATABASE … TO the user",
        )
    return f"{address(where)} answers (PostgreSQL {version // 10_000}), schemas can be created"


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
