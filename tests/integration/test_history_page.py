"""The page of `python -m flows.history`, read in a real browser."""

import importlib.util
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from blocks.resources import Resources
from tasks.entities.contracts import COMPLAINTS
from tasks.entities.references import ledger_columns
from tasks.reporting.history import Day
from tasks.reporting.page import page
from tests.integration.days import query
from tests.integration.eight_days import FIRST, LAST, eight_days

CHROMIUM = os.environ.get("CHROMIUM", "chromium")


@pytest.fixture
def days(resources: Resources) -> list[Day]:
    """Sixty run dates, of which eight are loaded, or should be."""
    return eight_days(resources)


@contextmanager
def opened(path: Path, folder: Path) -> Iterator[Any]:
    """The page in Chromium, as docs/screenshots drives it; the browser's log is kept."""
    if not shutil.which(CHROMIUM):
        pytest.skip("there is no Chromium (make chromium)")
    file = Path(__file__).parents[2] / "docs/screenshots/browser.py"
    spec = importlib.util.spec_from_file_location("browser", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.browser(folder, 1200, 900) as chromium:
        for domain in ("Runtime", "Log", "Network"):
            chromium.call(f"{domain}.enable")
        chromium.open(path.as_uri())
        chromium.until("document.readyState === 'complete'")
        yield chromium


@pytest.fixture
def chromium(days: list[Day], tmp_path: Path) -> Iterator[Any]:
    """The page of these run dates in Chromium."""
    file = tmp_path / "history.html"
    file.write_text(page(days, "local", "Sample data", datetime.now(UTC)), encoding="utf-8")
    assert "private" not in file.read_text("utf-8")
    with opened(file, tmp_path) as chromium:
        yield chromium


def sent(chromium: Any, method: str) -> list[dict[str, Any]]:
    return [event["params"] for event in chromium.events if event["method"] == method]


def cells(chromium: Any, rows: str) -> list[list[str]]:
    """The text of a table's cells, row by row."""
    each = "(row) => [...row.cells].map((cell) => cell.innerText)"
    found = chromium.evaluate(f"[...document.querySelectorAll({json.dumps(rows)})].map({each})")
    return list(found)


def said(chromium: Any, chart: str = "") -> list[str]:
    """What the bands say, of one chart or of all."""
    bands = json.dumps(f"{chart} .days_marks path")
    each = "(band) => band.getAttribute('aria-label')"
    return list(chromium.evaluate(f"[...document.querySelectorAll({bands})].map({each})"))


def test_the_page_says_what_the_ledger_says(chromium: Any, resources: Resources) -> None:
    counts = list(ledger_columns("count"))
    ledger = query(
        resources,
        f"SELECT run_date::text, entity, {', '.join(counts)} FROM ops.ledger ORDER BY 1, 2",
    )
    shown = []
    for day in sorted({row[0] for row in ledger}):
        chromium.evaluate(f"document.querySelector('.calendar a[href=\"#{day}\"]').click()")
        found = cells(chromium, f"[id='{day}'] tbody tr")
        assert found, day
        shown += [
            (day, row[0], *(int(text.replace(",", "")) for text in row[1 : 1 + len(counts)]))
            for row in found
        ]
    assert sorted(shown) == ledger

    sums = query(
        resources,
        f"SELECT run_date::text, {', '.join(f'sum({c})::bigint' for c in counts)} "
        "FROM ops.ledger GROUP BY run_date ORDER BY 1",
    )
    everything = cells(chromium, "#all tbody tr")
    assert len(everything) == 60
    figures = [
        (row[0], *(int(text.replace(",", "")) for text in row[3 : 3 + len(counts)]))
        for row in everything
        if row[3] != "–"
    ]
    assert sorted(figures) == sums

    problems = query(resources, "SELECT count(*) FROM ops.field_problems")
    by_field = [re.match(r"([\d,]+) field problems", text) for text in said(chromium)]
    assert [(sum(int(found[1]) for found in by_field if found),)] == problems
    for entity in COMPLAINTS:
        bands = said(chromium, f'[aria-label="Rows of {entity.name}, by run date"]')
        bars = [re.match(r"([\d,]+) read: [\d,]+ loaded", text) for text in bands]
        assert [int(found[1].replace(",", "")) for found in bars if found] == [
            rows_read for _, name, rows_read, *_ in ledger if name == entity.name
        ]


def test_the_page_asks_for_nothing_and_complains_of_nothing(chromium: Any) -> None:
    chromium.evaluate("new Promise((done) => setTimeout(done, 200))")
    asked = [request["request"]["url"] for request in sent(chromium, "Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("file:///")] == []
    assert len(asked) == 1  # itself
    assert sent(chromium, "Runtime.exceptionThrown") == []
    assert sent(chromium, "Runtime.consoleAPICalled") == []
    assert sent(chromium, "Log.entryAdded") == []
    # and it could not: what tries to is stopped by its own policy.
    stopped = "fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'stopped')"
    assert chromium.evaluate(stopped) == "stopped"
    logged = [entry["entry"]["text"] for entry in sent(chromium, "Log.entryAdded")]
    assert "Content Security Policy" in logged[0]


def press(chromium: Any, key: str) -> None:
    for kind in ("rawKeyDown", "keyUp"):
        chromium.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, **CODES[key])


CODES: dict[str, dict[str, int]] = {
    key: {"windowsVirtualKeyCode": code}
    for key, code in {"Tab": 9, "ArrowLeft": 37, "ArrowUp": 38, "Home": 36, "End": 35}.items()
}
FOCUSED = "document.activeElement"


def test_every_part_is_reached_by_keyboard(chromium: Any) -> None:
    press(chromium, "Tab")
    newest = f"#{LAST - timedelta(days=1)}"
    assert chromium.evaluate(f"{FOCUSED}.getAttribute('href')") == newest
    press(chromium, "ArrowUp")  # the day before
    assert chromium.evaluate(f"{FOCUSED}.hash") == f"#{LAST - timedelta(days=2)}"
    press(chromium, "ArrowLeft")  # the week before
    chosen = LAST - timedelta(days=9)
    assert chromium.evaluate("document.querySelector('.day.on').id") == str(chosen)
    reached = set()
    for _ in range(40):
        press(chromium, "Tab")
        reached.add(chromium.evaluate(f"{FOCUSED}.getAttribute('aria-label')"))
    charts = chromium.evaluate("document.querySelectorAll('.chart').length")
    assert len([label for label in reached if label and label.endswith(", by run date")]) == charts
    assert "All run dates, a table" in reached

    chromium.evaluate("document.querySelectorAll('.chart')[1].focus()")
    press(chromium, "End")
    press(chromium, "ArrowLeft")
    value = chromium.evaluate(f"{FOCUSED}.getAttribute('aria-valuetext')")
    assert re.match(r"\w+day \d+ November 2025: [\d,]+ read: ", value)
    # the tip shows the same, and the chosen day is lit in every chart.
    assert (
        chromium.evaluate("document.getElementById('tip').innerText").replace("\n", ": ") == value
    )
    assert chromium.evaluate("document.querySelectorAll('.days_marks .on').length") == charts


def test_pointing_at_a_run_date_says_its_figures(chromium: Any) -> None:
    chart = "document.querySelectorAll('.chart')[1]"
    chromium.evaluate(f"{chart}.scrollIntoView({{ block: 'center' }})")
    place = chromium.evaluate(
        f"(() => {{ const bands = {chart}.querySelectorAll('.days_marks path');"
        " const r = bands[bands.length - 2].getBoundingClientRect();"
        " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
    )
    chromium.call("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1])
    tip = chromium.evaluate("document.getElementById('tip').innerText")
    assert re.search(r"2025\n[\d,]+ read: [\d,]+ loaded, 1 quarantine, 2 exact duplicates", tip)
    chromium.call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    assert chromium.evaluate("document.getElementById('tip').hidden")


CONTRAST = """
() => {
    const rgb = (name) => {
        const probe = document.body.appendChild(document.createElement("i"));
        probe.style.color = `var(--${name})`;
        const found = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number);
        probe.remove();
        return found;
    };
    const light = (name) => {
        const [r, g, b] = rgb(name).map((c) => c / 255)
            .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    return (one, other) => {
        const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05);
    };
}
"""
TEXT = [("ink", "ground"), ("ink", "raised"), ("soft", "ground"), ("soft", "raised")]
ON_COLOUR = [("ground", "loaded"), ("ground", "rejected")]  # in the calendar's cells
DRAWN = [
    (kind, ground)
    for kind in (
        *("loaded", "quarantine", "exact-duplicates", "rejected", "incomplete", "missing"),
        *("not-yet", "ingest", "transform", "load", "focus"),
    )
    for ground in ("ground", "raised")
] + [("ink", kind) for kind in ("loaded", "ingest", "transform", "load")]  # the line over the bars


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(chromium: Any, scheme: str) -> None:
    """4.5 for text, 3 for what is drawn: WCAG 2.2, 1.4.3 and 1.4.11."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chromium.call("Emulation.setEmulatedMedia", features=features)
    ground = chromium.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")

    def contrast(one: str, other: str) -> float:
        return float(chromium.evaluate(f"({CONTRAST})()({json.dumps(one)}, {json.dumps(other)})"))

    text = {pair: contrast(*pair) for pair in (*TEXT, *ON_COLOUR)}
    assert {pair: ratio for pair, ratio in text.items() if ratio < 4.5} == {}
    drawn = {pair: contrast(*pair) for pair in DRAWN}
    assert {pair: ratio for pair, ratio in drawn.items() if ratio < 3} == {}
    # every colour that a chart uses is one of the page's.
    used = set(re.findall(r"var\(--([a-z-]+)\)", chromium.evaluate("document.body.innerHTML")))
    assert used <= {name for pair in (*TEXT, *DRAWN) for name in pair} | {"line"}


def test_nothing_is_cut_off(chromium: Any) -> None:
    widest = "Math.max(...[...document.querySelectorAll('.day.on, .calendar, .wide, .chart')]"
    widest += ".map((part) => part.scrollWidth - part.clientWidth))"
    chromium.evaluate(f"document.querySelector('.calendar a[href=\"#{FIRST}\"]').click()")
    assert chromium.evaluate(widest) == 0
    assert chromium.evaluate("document.documentElement.scrollWidth") == 1200


def test_on_paper_it_is_light_and_whole(chromium: Any) -> None:
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    chromium.call("Emulation.setEmulatedMedia", media="print", features=dark)
    assert chromium.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    assert chromium.evaluate("document.querySelectorAll('#all tbody tr').length") == 60
    assert chromium.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert len(chromium.call("Page.printToPDF", preferCSSPageSize=True)["data"]) > 50_000
