"""`python -m blocks.automations`: make or update the alerts of automations.yaml.

Run again, `prefect automation create --from-file` would make each a second time; and the file can't
name a platform's Slack block, which has another id on every server.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.errors import ConfigurationError, CoreTelecomsError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

FILE = Path(__file__).with_name("automations.yaml")
DESCRIPTION = """\
Make or update the alerts of blocks/automations.yaml (a daily run that does not start, end or
complete in time; much in quarantine, a day not published, far fewer rows than usual) on the Prefect
server or Cloud that PREFECT_API_URL names.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make or update the automations; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m blocks.automations",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--platform",
        metavar="NAME",
        help="send to this platform's Slack webhook (without it, alerts only show in Prefect's UI)",
    )
    options = parser.parse_args(arguments)
    try:
        for line in register(options.platform):
            sys.stdout.write(f"{line}\n")
    except CoreTelecomsError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


def register(platform: str | None = None) -> list[str]:
    """Make or update each automation by its name; a line about each. Raises ConfigurationError."""
    import yaml
    from prefect.client.orchestration import get_client
    from prefect.events.schemas.automations import AutomationCore

    from blocks.prefect_api import asking_prefect

    lines = []
    with asking_prefect(), get_client(sync_client=True) as client:
        notify = _notification(client, platform) if platform else None
        for wanted in yaml.safe_load(FILE.read_text("utf-8"))["automations"]:
            automation = AutomationCore.model_validate(
                wanted | ({"actions": [notify]} if notify else {})
            )
            there = client.read_automations_by_name(automation.name)
            if there:
                client.update_automation(there[0].id, automation)
            else:
                client.create_automation(automation)
            lines.append(f"{'updated' if there else 'made':<8} {automation.name}")
    return lines


def _notification(client: "SyncPrefectClient", platform: str) -> dict[str, Any]:
    """The action that sends to the platform's Slack webhook."""
    from prefect.exceptions import ObjectNotFound

    name = f"{platform}-alerts"
    try:
        block = client.read_block_document_by_name(name, "slack-webhook")
    except ObjectNotFound:
        raise ConfigurationError(
            f"The platform {platform!r} has no Slack webhook",
            where=f"Prefect's blocks (slack-webhook/{name})",
            todo="set CORETELECOMS_SLACK_WEBHOOK_URL and register the platform again: "
            f"python -m blocks.register --name {platform}",
        ) from None
    return {
        "type": "send-notification",
        "block_document_id": str(block.id),
        "subject": "{{ automation.name }}",
        "body": "{{ automation.description }}",
    }


if __name__ == "__main__":
    raise SystemExit(main())
