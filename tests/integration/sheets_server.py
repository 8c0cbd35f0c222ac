"""Google's token endpoint and Sheets API over HTTP, as far as reading needs them."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

SPREADSHEET = "1AbC-dEf_123"
URL = f"https://docs.google.com/spreadsheets/d/{SPREADSHEET}"
TOKEN = "ya29.token-of-the-tests"


@dataclass
class Worksheet:
    """A worksheet: its cells as displayed, in a grid that is larger than they are."""

    title: str
    gid: int
    cells: list[list[str]]
    rows: int = 1000
    columns: int = 26


@dataclass
class Google:
    """What a test sees: the spreadsheet, and how the API is to fail."""

    endpoint: str
    worksheets: list[Worksheet] = field(default_factory=list)
    fail: tuple[int, dict[str, Any]] | None = None  # of the API
    fail_login: tuple[int, dict[str, Any]] | None = None
    asked: list[str] = field(default_factory=list)  # ranges

    def credentials(self) -> str:
        """A service account's key, as Google Cloud makes it."""
        return json.dumps(
            {
                "type": "service_account",
                "client_email": "reader@telecom.iam.gserviceaccount.com",
                "private_key": PRIVATE_KEY,
                "private_key_id": "1",
                "token_uri": f"{self.endpoint}/token",
            }
        )


PRIVATE_KEY = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    .decode()
)


class _Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
        self._send(*(self.server.google.fail_login or (200, answer)))

    def do_GET(self) -> None:
        google = self.server.google
        if google.fail and not google.fail[0]:
            self.close_connection = True
            return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._send(401, error(401, "UNAUTHENTICATED"))
        elif google.fail:
            self._send(*google.fail)
        else:
            self._send(*self._answer(urlsplit(self.path).path, urlsplit(self.path).query))

    def _answer(self, path: str, query: str) -> tuple[int, dict[str, Any]]:
        root = f"/v4/spreadsheets/{SPREADSHEET}"
        if path == root:
            return 200, {"sheets": [_properties(sheet) for sheet in self.server.google.worksheets]}
        if not path.startswith(f"{root}/values/"):
            return 404, error(404, "NOT_FOUND")
        asked = unquote(path.removeprefix(f"{root}/values/"))
        self.server.google.asked.append(asked)
        if parse_qs(query)["valueRenderOption"] != ["FORMATTED_VALUE"]:
            return 400, error(400, "INVALID_ARGUMENT")
        title = asked.removeprefix("'").removesuffix("'").replace("''", "'")
        sheet = next(sheet for sheet in self.server.google.worksheets if sheet.title == title)
        return 200, {"range": asked, "majorDimension": "ROWS"} | _values(sheet.cells)

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def _properties(sheet: Worksheet) -> dict[str, Any]:
    grid = {"rowCount": sheet.rows, "columnCount": sheet.columns}
    return {"properties": {"sheetId": sheet.gid, "title": sheet.title, "gridProperties": grid}}


def _values(page: list[list[str]]) -> dict[str, list[list[str]]]:
    """As Google answers: without empty cells at a row's end and blank rows at the page's."""
    rows = []
    for row in page:
        filled = [position for position, cell in enumerate(row) if cell]
        rows.append(row[: filled[-1] + 1] if filled else [])
    while rows and not rows[-1]:
        rows.pop()
    return {"values": rows} if rows else {}


def error(status: int, kind: str, reason: str = "") -> dict[str, Any]:
    """An error as Google words it; its message quotes what it shouldn't."""
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]
    error: dict[str, Any] = {"code": status, "message": f"no, {TOKEN}", "status": kind}
    return {"error": error | ({"details": details} if reason else {})}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Api)
        self.google = Google(f"http://127.0.0.1:{self.server_port}")


@pytest.fixture
def google() -> Iterator[Google]:
    """A spreadsheet's API with nothing in it yet."""
    server = _Server()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    yield server.google
    server.shutdown()
    server.server_close()
