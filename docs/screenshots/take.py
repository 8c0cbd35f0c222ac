"""Takes the docs' pictures: days on a real Prefect server, their graphs and history in a browser.

`make screenshots`. Everything it starts lives in a temporary folder and ends with it.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from browser import Page, browser

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DAYS = {"initial": "2025-11-20", "incremental": "2025-11-21", "failed": "2025-11-22"}
VIEW = {"x": 256, "y": 0, "width": 1440, "height": 510}  # the run next to the menu, in CSS pixels
WINDOW = (1696, 900)
PATIENCE_SECONDS = 240

OPTION = """
(name) => {
    const labels = [...document.querySelectorAll('.run-graph-settings__menu label')];
    document.getElementById(labels.find((l) => l.innerText.trim() === name).htmlFor).click();
}
"""
# Columns of the graph that are in view, in this layout one for each step of the longest path.
COLUMNS = """
async (png) => {
    const image = new Image();
    image.src = 'data:image/png;base64,' + png;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const { data, width, height } = context.getImageData(0, 0, image.width, image.height);
    const green = (x, y) => {
        const [r, g, b] = data.slice(4 * (y * width + x), 4 * (y * width + x) + 3);
        return g > 120 && r < 90 && b < 120;
    };
    const graph = document.querySelector('.run-graph__stage').getBoundingClientRect();
    const ratio = window.devicePixelRatio;
    const [left, top, right, bottom] =
        [graph.left, graph.top, graph.right, graph.bottom - 20].map((n) => Math.ceil(n * ratio));
    const columns = [];
    for (let x = left; x < right; x++) {
        const ys = [];
        for (let y = top; y < bottom; y++) if (green(x, y)) ys.push(y);
        if (ys.length < 5) continue;
        const last = columns[columns.length - 1];
        if (last && x - last.right < 12) {
            last.right = x;
            last.top = Math.min(last.top, ys[0]);
            last.bottom = Math.max(last.bottom, ys[ys.length - 1]);
        } else columns.push({ left: x, right: x, top: ys[0], bottom: ys[ys.length - 1] });
    }
    return columns.map(({ left, top, bottom }) =>
        ({ left: left / ratio, top: top / ratio, bottom: bottom / ratio }));
}
"""
# green steps; the first with the static path folded up, the last up to where it was held back
PATHS = {"initial": 9, "incremental": 8, "failed": 6}
# the history's other days: one is rejected, the one between the two ranges is missing.
RANGES = (("2025-09-24", "2025-11-15"), ("2025-11-17", "2025-11-19"))
REJECTED = "2025-11-12"
HISTORY = {"x": 0, "y": 0, "width": 1200, "height": 1680}
SPOILED = "sources/call logs/call_logs_day_{day}.csv"  # of the failed day, in the run's home


def main() -> int:
    """Take all pictures."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        server(Path(folder)) as address,
    ):
        spoiled = Path(folder) / "home" / SPOILED.format(day=DAYS["failed"])
        spoiled.parent.mkdir(parents=True)
        spoiled.write_text("call ID,customeR iD\n")
        for ending, day in DAYS.items():
            say(f"running {day}")
            failed = ending == "failed"
            run(Path(folder), address, "daily", "--run-date", day, code=int(failed))
        reject(Path(folder))
        for start, end in RANGES:
            say(f"running {start} to {end}")
            code = int(start <= REJECTED <= end)
            days = ["--from", start, "--to", end, "--parallel", "4"]
            run(Path(folder), address, "backfill", *days, code=code)
        with browser(Path(folder), *WINDOW) as page:
            for shown, day in DAYS.items():
                path = HERE / f"{shown}.png"
                load_type = "initial" if shown == "initial" else "incremental"
                url = f"{address}/runs/flow-run/{flow_run(address, f'daily-{day}-{load_type}')}"
                path.write_bytes(picture(page, url, shown))
                say(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")
            path = HERE / "failed-v2.png"
            path.write_bytes(picture_v2(page, url.replace("/runs/", "/v2/runs/")))
            say(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")
            file = Path(folder) / "history.html"
            run(Path(folder), address, "history", "--to", DAYS["failed"], "--out", str(file))
            (HERE / "history.png").write_bytes(picture_of_history(page, file))
    return 0


def picture_of_history(page: Page, file: Path) -> bytes:
    """The upper part of the history's page, with the rejected day chosen."""
    size = {"width": HISTORY["width"], "height": HISTORY["height"]}
    page.call("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=False)
    page.open(file.as_uri())
    page.until("document.querySelector('.js .day.on')")
    page.click(f".calendar a[href='#{REJECTED}']")
    return page.screenshot(HISTORY)


def reject(folder: Path) -> None:
    """Call logs whose agents nobody knows: another day's, with every agent replaced."""
    home = folder / "home"
    with (home / SPOILED.format(day=DAYS["initial"])).open(newline="") as source:
        rows = list(csv.DictReader(source))
    with (home / SPOILED.format(day=REJECTED)).open("w", newline="") as target:
        writer = csv.DictWriter(target, rows[0])
        writer.writeheader()
        writer.writerows(row | {"agent ID": "0"} for row in rows)


def picture(page: Page, url: str, shown: str) -> bytes:
    """A run's page, its graph laid out by dependency, and with the static path's tasks."""
    page.open(url)
    page.until("document.querySelector('[aria-label=\"Run Graph Options\"]')")
    page.click('[aria-label="Run Graph Options"]')
    page.until("document.querySelector('.run-graph-settings__menu')")
    for option in ("Hide artifacts", "Hide events", "Dependency grid"):
        page.evaluate(f"({OPTION})({json.dumps(option)})")
    page.evaluate("document.body.click()")
    columns = centred(page, PATHS[shown])
    if shown == "initial":
        static = columns[3]  # it stands alone there, its arrow at the left
        upper, lower = static["top"], static["bottom"]
        page.press(static["left"] + (lower - upper) / 2, (upper + lower) / 2)
        centred(page, PATHS[shown] + 1)
    return page.screenshot(VIEW)


def picture_v2(page: Page, url: str) -> bytes:
    """The same in Prefect's second UI, whose buttons have no names but those of their drawings."""
    page.open(url)
    page.until("document.querySelector('.lucide-cog')")
    page.click('[data-slot="popover-trigger"]')
    page.until("document.querySelector('#hideEvents')")
    for option in ("hideArtifacts", "hideEvents", "dependency_nearest-parent"):
        page.click(f"#{option}")
    page.click('[data-slot="popover-trigger"]')
    for _ in range(2):  # what is still being laid out is not in the middle the first time
        page.still()
        page.click("button:has(> .lucide-crosshair)")
    page.evaluate("document.activeElement.blur()")  # the last button had a frame
    page.still()
    return page.screenshot(VIEW)


def centred(page: Page, least: int) -> list[dict[str, float]]:
    """The graph in the middle, all of it: its columns, of which there are so many at least."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        page.still()
        # whatever is still being laid out or drawn is not in the middle the first time.
        page.click('[title="Recenter graph (c)"]')
        page.still()
        shot = page.screenshot_base64()
        columns = page.evaluate(f"({COLUMNS})({json.dumps(shot)})")
        if len(columns) >= least:
            return list(columns)
        if time.monotonic() > end:
            raise SystemExit(f"the graph shows {len(columns)} columns, not {least}")


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A Prefect server with its UI on a free port, until the block ends."""
    with create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "blocks.server", "--port", str(port)]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(folder, address), stdout=log, stderr=log
        )
    try:
        say("starting Prefect's server")
        wait_for(lambda: ask(f"{address}/api/health"), "Prefect's server")
        yield address
    finally:
        process.terminate()
        process.wait()


def environment(folder: Path, address: str) -> dict[str, str]:
    """The surroundings of the server and of the runs: nothing of the person's own."""
    ours = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
    return ours | {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"{address}/api",
        "PREFECT_UI_API_URL": f"{address}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "CORETELECOMS_HOME": str(folder / "home"),
    }


def run(folder: Path, address: str, module: str, *options: str, code: int = 0) -> None:
    """A command of the project, as `make` starts it; `code`: how it has to end."""
    plain = ["--plain"] if module != "history" else []
    command = [sys.executable, "-m", f"flows.{module}", *plain, *options]
    done = subprocess.run(command, cwd=ROOT, env=environment(folder, address), check=False)
    if done.returncode != code:
        raise SystemExit(f"{' '.join(command)} ended in {done.returncode}, not {code}")


def flow_run(address: str, name: str) -> str:
    """A flow run's id, once the server has drawn in all of its task runs' events."""
    wanted = {"flow_runs": {"name": {"any_": [name]}}}
    (found,) = ask(f"{address}/api/flow_runs/filter", wanted)
    key = str(found["id"])

    def complete() -> bool:
        nodes = ask(f"{address}/api/flow_runs/{key}/graph-v2")["nodes"]
        done = {node["label"]: node["state_type"] for _, node in nodes}
        return done.get("cleanup_checkpoints") in ("COMPLETED", "CANCELLED")

    wait_for(complete, "the whole graph")
    return key


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    """An answer of Prefect's API; None while it doesn't listen yet."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except OSError:
        return None


def wait_for(ready: Callable[[], Any], what: str) -> None:
    """Wait until something is there."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        if time.monotonic() > end:
            raise SystemExit(f"waited too long for {what}")
        time.sleep(0.2)


def say(text: str) -> None:
    """A line on the terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
