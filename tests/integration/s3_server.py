"""An S3 over HTTP for tests: moto's server, behind a door that can fail as S3 does."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.retries.standard import ExponentialBackoff

# each session would parse again what boto3 knows of S3, a quarter of a second long.
botocore.session.create_loader = cache(botocore.session.create_loader)
# how long boto3 waits before it tries again is its own affair.
ExponentialBackoff.delay_amount = lambda *_: 0.01  # type: ignore[method-assign]
# an answer's body would wait for the client to acknowledge its head; moto's server is one of these.
BaseHTTPRequestHandler.disable_nagle_algorithm = True

KEY, SECRET = "AKIATESTINGTESTING00", "s3cr3t/of+the=tests"


@dataclass
class Fault:
    """An answer instead of moto's, for `times` requests or all. Status 0 cuts the connection."""

    status: int
    code: str
    times: int | None = None
    method: str | None = None


@dataclass
class S3:
    """What a test sees of the server."""

    endpoint: str
    fault: Fault | None = None
    trailers: bool = True  # a server of another house takes no checksum behind the data
    headers: list[dict[str, str]] = field(default_factory=list)  # of every request

    def client(self) -> Any:
        """The tests' own boto3 client."""
        return _client(self.endpoint)

    def objects(self, bucket: str = "lake") -> dict[str, str]:
        """Names and ETags of all objects, in the order of names."""
        listed = self.client().list_objects_v2(Bucket=bucket)
        return {entry["Key"]: entry["ETag"] for entry in listed.get("Contents", [])}

    def fail(
        self, status: int, code: str = "", times: int | None = None, method: str | None = None
    ) -> None:
        """Fail from now on, for `times` requests or for all, of one HTTP method or any."""
        self.fault = Fault(status, code, times, method)

    def answer(self, method: str) -> Fault | None:
        """The fault that the next request meets."""
        fault = self.fault
        if fault is None or fault.method not in (None, method):
            return None
        if fault.times is not None:
            fault.times -= 1
            self.fault = fault if fault.times > 0 else None
        return fault


@cache
def _client(endpoint: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def _pass(self) -> None:
        body = self._body()
        self.server.s3.headers.append({k.lower(): v for k, v in self.headers.items()})
        with self.server.lock:
            fault = self.server.s3.answer(self.command)
        if not self.server.s3.trailers and "chunked" in self.headers.get("Transfer-Encoding", ""):
            fault = Fault(411, "MissingContentLength")
        if fault and not fault.status:
            self.close_connection = True
            return
        if fault:
            xml = f"<Error><Code>{fault.code}</Code><Message>No</Message></Error>".encode()
            self._send(fault.status, {"Content-Type": "application/xml"}, xml)
            return
        upstream = HTTPConnection(*self.server.moto, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "transfer-encoding"}
        upstream.request(
            self.command, self.path, body, headers | {"Content-Length": str(len(body))}
        )
        answer = upstream.getresponse()
        content = answer.read()
        kept = {
            k: v
            for k, v in answer.getheaders()
            if k.lower() not in ("connection", "transfer-encoding")
        }
        self._send(answer.status, kept, content)
        upstream.close()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass  # noqa: N815

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() != "content-length" or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, moto: tuple[str, int], tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Door)
        self.moto, self.lock = moto, threading.Lock()
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.s3 = S3(f"http{'s' * bool(tls)}://127.0.0.1:{self.server_port}")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Quiet, too: clients may hang up."""


@pytest.fixture(scope="session")
def s3_server() -> Iterator[_Server]:
    """The server, for the whole session."""
    from moto.server import ThreadedMotoServer

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    with door(moto.get_host_and_port()) as server:
        yield server
    moto.stop()


@contextmanager
def door(moto: tuple[str, int], tls: ssl.SSLContext | None = None) -> Iterator[_Server]:
    """One more way into moto's server."""
    server = _Server(moto, tls)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@contextmanager
def emptied(server: _Server) -> Iterator[S3]:
    """An S3 with the empty bucket `lake`, and AWS_* set so that everything finds it."""
    moto = HTTPConnection(*server.moto)
    moto.request("POST", "/moto-api/reset")
    moto.getresponse().read()
    moto.close()
    server.s3 = S3(server.s3.endpoint)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
            patch.delenv(name, raising=False)
        for name, value in {
            "AWS_ENDPOINT_URL": server.s3.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "2",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nowhere/config",
            "AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials",
        }.items():
            patch.setenv(name, value)
        server.s3.client().create_bucket(Bucket="lake")
        yield server.s3


@pytest.fixture
def s3(s3_server: _Server) -> Iterator[S3]:
    """An S3 of this test's own, with the empty bucket `lake`."""
    with emptied(s3_server) as s3:
        yield s3
