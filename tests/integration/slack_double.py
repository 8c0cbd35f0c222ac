"""A local stand-in for Slack's incoming webhook: keeps the messages it got."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Slack:
    """What was posted, and the status that it answers."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.status = 200
        self.url = ""


@contextmanager
def slack() -> Iterator[Slack]:
    """A webhook on a free port until the block ends."""
    double = Slack()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            given = json.loads(body)
            # Prefect's blocks post as Apprise's `json://` does: it lets them reach Slack alone.
            double.texts.append(given["text"] if "text" in given else given["title"])
            self.send_response(double.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        double.url = f"http://127.0.0.1:{server.server_address[1]}/services/T0/B0/secret"
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield double
        server.shutdown()
