"""A message to Slack, posted in one way: to an incoming webhook."""

import json
from urllib.request import Request, urlopen

TIMEOUT_SECONDS = 5.0


def post(webhook: str, text: str) -> None:
    """Post a text, shown as it is: Slack reads no `*bold*`, no `_italics_`, no `<!channel>` in it.

    Raises what urllib raises, whose text may hold the webhook's address, which is a secret.
    """
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    request = Request(  # not httpx, which logs the address
        webhook,
        data=json.dumps({"text": escaped, "mrkdwn": False}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urlopen(request, timeout=TIMEOUT_SECONDS):
        pass
