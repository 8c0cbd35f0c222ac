"""Headless Chromium over its DevTools protocol, with the WebSocket client that Prefect brings."""

import base64
import itertools
import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection

SWITCHES = (
    "--headless",
    "--no-sandbox",  # which root, as in a container, has to do without
    "--no-first-run",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",  # draws WebGL, the graph, without a graphics card
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
SHARPNESS = 1.5  # pixels of the picture per CSS pixel
PATIENCE_SECONDS = 60.0


class Page:
    """The browser's one page."""

    def __init__(self, socket: Connection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []  # that the enabled domains have sent

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol; its answer."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while number not in self._answers:
            message = json.loads(self._socket.recv(timeout=PATIENCE_SECONDS))
            if "id" in message:
                self._answers[message["id"]] = message
            elif message["method"] == "Fetch.requestPaused":
                self._repair_graph(message["params"])
            else:
                self.events.append(message)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return dict(answer["result"])

    def open(self, url: str) -> None:
        """Go to an address."""
        if problem := self.call("Page.navigate", url=url).get("errorText"):
            raise RuntimeError(f"{url}: {problem}")

    def evaluate(self, script: str) -> Any:
        """What a piece of JavaScript gives."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until a piece of JavaScript gives something."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.evaluate(f"Boolean({condition})"):
            if time.monotonic() > end:
                raise RuntimeError(f"waited too long for {condition}")
            time.sleep(0.1)

    def still(self) -> None:
        """Wait until the page looks the same for a second and a half."""
        seen, since = "", time.monotonic()
        while time.monotonic() - since < 1.5:
            if (now := self.screenshot_base64()) != seen:
                seen, since = now, time.monotonic()
            time.sleep(0.1)

    def click(self, selector: str) -> None:
        """Click an element."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def press(self, x: float, y: float) -> None:
        """Click a place."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = "none" if kind == "mouseMoved" else "left"
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=1)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)

    def screenshot_base64(self, clip: dict[str, float] | None = None) -> str:
        """The page, or a part of it, as PNG in base64."""
        part = {"clip": clip | {"scale": 1}} if clip else {}
        return str(self.call("Page.captureScreenshot", format="png", **part)["data"])

    def screenshot(self, clip: dict[str, float]) -> bytes:
        """A part of the page as PNG."""
        return base64.b64decode(self.screenshot_base64(clip))

    def _repair_graph(self, paused: dict[str, Any]) -> None:
        """Go round a defect of Prefect's UI (3.9.1): its grid layouts stumble over task runs that
        have no parent but lie within another one, as dbt's do. They are roots no longer.
        """
        key = paused["requestId"]
        body = self.call("Fetch.getResponseBody", requestId=key)
        graph = json.loads(
            base64.b64decode(body["body"]) if body["base64Encoded"] else body["body"]
        )
        within = {node for node, about in graph["nodes"] if about["encapsulating"]}
        graph["root_node_ids"] = [n for n in graph["root_node_ids"] if n not in within]
        self.call(
            "Fetch.fulfillRequest",
            requestId=key,
            responseCode=200,
            responseHeaders=paused["responseHeaders"],
            body=base64.b64encode(json.dumps(graph).encode()).decode(),
        )


@contextmanager
def browser(folder: Path, width: int, height: int) -> Iterator[Page]:
    """Chromium with one page, until the block ends; CHROMIUM names another binary."""
    profile = folder / "chromium"
    command = [os.environ.get("CHROMIUM", "chromium"), *SWITCHES, f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        [*command, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with connect(_address(profile / "DevToolsActivePort"), max_size=None) as socket:
            page = Page(socket)
            page.call("Page.enable")
            graphs = {"urlPattern": "*/graph-v2*", "requestStage": "Response"}
            page.call("Fetch.enable", patterns=[graphs])
            page.call(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=height,
                deviceScaleFactor=SHARPNESS,
                mobile=False,
            )
            yield page
    finally:
        process.terminate()
        process.wait()


def _address(port_file: Path) -> str:
    """Where the page listens; Chromium writes its port into a file of its profile."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not port_file.exists() or "\n" not in port_file.read_text():
        if time.monotonic() > end:
            raise RuntimeError("Chromium did not start")
        time.sleep(0.05)
    port = port_file.read_text().splitlines()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
        pages = [target for target in json.load(answer) if target["type"] == "page"]
    return str(pages[0]["webSocketDebuggerUrl"])
