"""The history's charts: Vega-Lite's declarations, drawn into SVG when the page is written.

Colours are the page's CSS variables, so that they follow its colour scheme. Each chart has a band
for each run date over it, whose label says that date's figures: the page shows it to whoever points
at it or goes there by keyboard.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.entities.contracts import COMPLAINTS, ENTITIES
from tasks.reporting.history import SECONDS, Day, quarantined, usual

WIDTH, LEFT, RIGHT = 700, 300, 50  # CSS pixels; the same for all, so that the days are in line
# what a bar is made of, from the bottom up; the page has a colour for each.
ROWS = ("loaded", "quarantine", "exact duplicates", "rejected")
STAGES = tuple(column.removesuffix("_seconds") for column in SECONDS)

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Chart:
    """A chart with its title, what it shows, the kinds of its marks, and itself as SVG."""

    title: str
    about: str
    kinds: Sequence[str]
    svg: str


def charts(days: Sequence[Day]) -> list[Chart]:
    """All charts of these run dates."""
    return [
        _of_entities(days),
        *(draw(days, entity.name) for entity in COMPLAINTS for draw in (_of_rows, _of_shares)),
        _of_problems(days),
        _of_seconds(days),
    ]


def _of_entities(days: Sequence[Day]) -> Chart:
    rows: Rows = []
    said = []
    for day in days:
        states = dict.fromkeys(day.absent if day.due else (), "missing")
        states |= dict.fromkeys(day.ledger.keys() - set(day.lost), "loaded")
        states |= dict.fromkeys(day.rejected, "rejected")
        rows += [{"day": str(day.run_date), "row": e, "kind": kind} for e, kind in states.items()]
        said.append(", ".join(f"{e} {states[e]}" for e in ENTITIES if e in states) or "nothing")
    kinds = ("loaded", "rejected", "missing")
    hollow = {"test": "datum.kind == 'missing'", "value": "var(--ground)"}
    marks = {
        "mark": {"type": "rect", "width": {"band": 0.75}, "height": {"band": 0.7}},
        "encoding": {
            "y": _names(ENTITIES),
            "fill": _colour(kinds) | {"condition": hollow},
            "stroke": _colour(kinds),
        },
    }
    cross = {
        "mark": {"type": "text", "text": "✘", "fill": "var(--ground)"},
        "encoding": {"y": {"field": "row", "type": "nominal"}},
        "transform": [{"filter": "datum.kind == 'rejected'"}],
    }
    return Chart(
        "Entities, load type and audit",
        "What each run date published. Where customers and agents are loaded, the load type was "
        "initial. What the audit rejected stayed out.",
        kinds,
        _svg(days, said, rows, [marks, cross], height=20 * len(ENTITIES)),
    )


def _of_rows(days: Sequence[Day], entity: str) -> Chart:
    rows: Rows = []
    said = []
    lasts = usual(day.ledger[entity]["rows_read"] if entity in day.ledger else None for day in days)
    for day, last in zip(days, lasts, strict=True):
        parts = {}
        if row := day.ledger.get(entity):
            counts = (row["loaded"], quarantined(row), row["exact_duplicates"])
            parts = dict(zip(ROWS, counts, strict=False))
        elif refused := day.rejected.get(entity):
            parts = {"rejected": refused["rows_read"]}
        figures = ", ".join(f"{count:,} {kind}" for kind, count in parts.items())
        usually = f"; usual {last:,.0f}" if last is not None else ""
        said.append(f"{sum(parts.values()):,} read: {figures}{usually}" if parts else "no rows")
        rows.append({"day": str(day.run_date), "usual": last})
        rows += [
            {"day": str(day.run_date), "value": value, "kind": kind, "order": ROWS.index(kind)}
            for kind, value in parts.items()
        ]
    return Chart(
        f"Rows of {entity}",
        "Rows read by what became of them. The line is what is usual: the median of the last seven "
        "run dates before.",
        ROWS,
        _svg(days, said, rows, [_stack(ROWS), _line()], height=90),
    )


def _of_shares(days: Sequence[Day], entity: str) -> Chart:
    shares = [
        100 * quarantined(row) / row["rows_read"] if row and row["rows_read"] else None
        for row in (day.ledger.get(entity) for day in days)
    ]
    rows = [
        {"day": str(day.run_date), "value": share, "usual": last}
        for day, share, last in zip(days, shares, usual(shares), strict=True)
    ]
    dots = {
        "mark": {"type": "circle", "size": 30, "fill": "var(--quarantine)", "opacity": 1},
        "encoding": {"y": _number("value", " %")},
    }
    return Chart(
        f"Quarantine of {entity}",
        "Per cent of the rows read that went to quarantine. The line is the median of the last "
        "seven run dates before.",
        ("quarantine",),
        _svg(
            days,
            ["no rows" if s is None else f"{s:.2f} % in quarantine" for s in shares],
            rows,
            [_line(" %"), dots],
            height=60,
        ),
    )


def _of_problems(days: Sequence[Day]) -> Chart:
    totals: dict[str, int] = {}
    rows: Rows = []
    said = []
    for day in days:
        of_day = {
            f"{entity}.{name}": count
            for entity, fields in day.problems.items()
            for name, count in fields.items()
        }
        rows += [{"day": str(day.run_date), "row": n, "value": c} for n, c in of_day.items()]
        for name, count in of_day.items():
            totals[name] = totals.get(name, 0) + count
        each = ", ".join(f"{name} {count:,}" for name, count in of_day.items())
        said.append(f"{sum(of_day.values()):,} field problems: {each}" if of_day else "none")
    names = sorted(totals, key=lambda name: (list(ENTITIES).index(name.split(".")[0]), name))
    rows += [{"row": name, "total": totals[name]} for name in names]
    size = {"scale": {"range": [10, 150]}, "legend": None}
    dots = {
        "mark": {"type": "circle", "fill": "var(--quarantine)", "opacity": 1},
        "encoding": {
            "y": _names(names),
            "size": {"field": "value", "type": "quantitative"} | size,
        },
    }
    sums = {
        "mark": {"type": "text", "align": "left", "fill": "var(--ink)"},
        "encoding": {
            "x": {"value": WIDTH + 6},
            "y": {"field": "row", "type": "nominal"},
            "text": {"field": "total", "format": ",", "type": "quantitative"},
        },
        "transform": [{"filter": "isValid(datum.total)"}],
    }
    return Chart(
        "Field problems",
        "Values that could not be cleaned, by field: the larger the dot, the more of them that "
        "day. At the right their sum.",
        (),
        _svg(days, said, rows, [dots, sums], height=max(20, 18 * len(names))),
    )


def _of_seconds(days: Sequence[Day]) -> Chart:
    totals = [sum(map(day.total, SECONDS)) if day.ledger else None for day in days]
    rows: Rows = []
    said = []
    for day, total, last in zip(days, totals, usual(totals), strict=True):
        rows.append({"day": str(day.run_date), "usual": last})
        parts = {s: day.total(c) for s, c in zip(STAGES, SECONDS, strict=True)} if total else {}
        rows += [
            {"day": str(day.run_date), "value": value, "kind": kind, "order": n}
            for n, (kind, value) in enumerate(parts.items())
        ]
        said.append(", ".join(f"{kind} {s:.1f} s" for kind, s in parts.items()) or "no seconds")
    return Chart(
        "Seconds of each stage",
        "Seconds of work, all entities together; stages of different entities run at the same "
        "time. The line is the median of the last seven run dates before.",
        STAGES,
        _svg(days, said, rows, [_stack(STAGES, " s"), _line(" s")], height=90),
    )


def _stack(kinds: Sequence[str], unit: str = "") -> dict[str, Any]:
    return {
        "mark": {"type": "bar", "width": {"band": 0.8}, "stroke": "var(--ground)"},
        "encoding": {
            "y": _number("value", unit) | {"stack": "zero"},
            "fill": _colour(kinds),
            "order": {"field": "order"},
        },
        "transform": [{"filter": "isValid(datum.value)"}],
    }


def _line(unit: str = "") -> dict[str, Any]:
    return {
        "mark": {"type": "line", "stroke": "var(--ink)", "strokeWidth": 1.5},
        "encoding": {"y": _number("usual", unit)},
        "transform": [{"filter": "!isValid(datum.kind)"}],
    }


def _number(name: str, unit: str) -> dict[str, Any]:
    axis = {"tickCount": 3, "title": None, "labelExpr": f"datum.label + '{unit}'"}
    return {"field": name, "type": "quantitative", "axis": axis}


def _names(names: Sequence[str] | dict[str, Any]) -> dict[str, Any]:
    return {
        "field": "row",
        "type": "nominal",
        "scale": {"domain": list(names)},
        "axis": {"title": None, "ticks": False, "domain": False},
    }


def _colour(kinds: Sequence[str]) -> dict[str, Any]:
    scale = {"domain": list(kinds), "range": [colour(kind) for kind in kinds]}
    return {"field": "kind", "type": "nominal", "scale": scale, "legend": None}


def colour(kind: str) -> str:
    """The page's colour for what a mark shows.

    >>> colour("exact duplicates")
    'var(--exact-duplicates)'
    """
    return f"var(--{kind.replace(' ', '-')})"


def _svg(
    days: Sequence[Day], said: Sequence[str], rows: Rows, layers: list[dict[str, Any]], height: int
) -> str:
    """The layers over the run dates, with the bands over them, as SVG."""
    # it brings a browser's engine, which takes half a second to start.
    import vl_convert

    for layer in layers:
        layer["mark"]["aria"] = False  # the bands say it
    dates = [str(day.run_date) for day in days]
    bands = {
        "name": "days",
        "data": {"values": [{"day": d, "said": s} for d, s in zip(dates, said, strict=True)]},
        "mark": {"type": "rect", "fill": "transparent"},
        "encoding": {
            "y": {"value": 0},
            "y2": {"value": height},
            "description": {"field": "said", "type": "nominal"},
        },
    }
    x = {
        "field": "day",
        "type": "ordinal",
        "scale": {"domain": dates, "padding": 0},
        "axis": {
            "title": None,
            "values": [str(day.run_date) for day in days if day.run_date.weekday() == 0],
            "labelExpr": "utcFormat(toDate(datum.value), '%-d %b')",
            "labelAngle": 0,
        },
    }
    chart = {
        "width": WIDTH,
        "height": height,
        "autosize": "none",
        "padding": {"left": LEFT, "right": RIGHT, "top": 6, "bottom": 22},
        "background": None,
        "encoding": {"x": x},
        "data": {"values": rows},
        "layer": [*layers, bands],
        "config": _LOOK,
    }
    return vl_convert.vegalite_to_svg(chart, vl_version="6.4")


_TEXT = {"labelColor": "var(--ink)", "labelFontSize": 11, "labelLimit": LEFT - 8}
_LINES = {"tickColor": "var(--line)", "domainColor": "var(--line)", "gridColor": "var(--line)"}
_LOOK = {
    "font": "system-ui, sans-serif",
    "axis": _TEXT | _LINES,
    "axisX": {"grid": False},
    "text": {"fontSize": 12},
    "view": {"stroke": None},
}
