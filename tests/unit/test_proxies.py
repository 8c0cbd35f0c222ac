"""A Prefect server of this machine is asked directly, whatever proxy the shell names."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.unit.test_layers import ROOT

ASK = """
import asyncio, sys, urllib.request
import httpx
from blocks import server
server.configure(server.TEMPORARY)
url = sys.argv[1]
async def ask():
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).status_code
print(httpx.get(url).status_code, asyncio.run(ask()), urllib.request.urlopen(url).status)
"""


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize(
    "variables",
    [
        {"HTTP_PROXY": "http://127.0.0.1:1"},
        {"http_proxy": "http://127.0.0.1:1", "no_proxy": "example.com"},
        {"ALL_PROXY": "http://127.0.0.1:1", "NO_PROXY": "example.com"},
        {"all_proxy": "socks5://127.0.0.1:1"},
        {"ALL_PROXY": "socks://127.0.0.1:1/"},  # as desktops write it
    ],
    ids=str,
)
def test_it_is_asked_directly(port: int, host: str, variables: dict[str, str]) -> None:
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        [sys.executable, "-c", ASK, f"http://{host}:{port}/"],
        env=kept | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "200 200 200\n", done.stderr
