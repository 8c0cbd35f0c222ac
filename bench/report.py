"""The measured figures as tables in docs/performance.md, and as charts in docs/figures.

`python -m bench.report` rewrites what stands between `<!-- figures: NAME -->` and the next
`<!-- end -->`, and docs/figures/NAME.svg.
"""

import json
import re
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from bench.figures import FIGURES, Measured

PAGE = FIGURES.parent / "performance.md"
matplotlib.rcParams["svg.hashsalt"] = "coretelecoms"  # the same figures give the same file


def main() -> None:
    """Rewrite the page and its charts from docs/figures/*.json."""
    page = PAGE.read_text()
    for path in sorted(FIGURES.glob("*.json")):
        figures = json.loads(path.read_text())
        readings = {name: Measured(**m) for name, m in figures["readings"].items()}
        block = f"<!-- figures: {path.stem} -->\n{table(figures, readings)}\n<!-- end -->"
        pattern = rf"<!-- figures: {re.escape(path.stem)} -->.*?<!-- end -->"
        page = re.sub(pattern, block.replace("\\", r"\\"), page, flags=re.DOTALL)
        chart(path.with_suffix(".svg"), readings)
    PAGE.write_text(page)


def table(figures: dict[str, Any], readings: dict[str, Measured]) -> str:
    """Medians with ranges, and the machine they were measured on.

    Ratios stand where rows were counted: there each line did the same work.
    """
    compared = bool(figures["rows"])
    titles = ["", "median s", "range", "runs"]
    titles += ["ratio to the first", "peak MiB over idle"] if compared else []
    rows_compared = any(m.same_rows for m in readings.values())
    titles += ["same rows"] if rows_compared else []
    lines = [_line(titles), _line(["---", *["---:"] * (len(titles) - 1)])]
    first = next(iter(readings.values())).median
    for name, m in readings.items():
        cells = [name, f"{m.median:.2f}", f"{min(m.seconds):.2f}–{max(m.seconds):.2f}"]
        cells.append(str(len(m.seconds)))
        if compared:
            peak = f"{max(m.peak_mib):,.0f}" if any(m.peak_mib) else ""
            cells += [f"{m.median / first:.2f}", peak]
        cells += [m.same_rows] if rows_compared else []
        lines.append(_line(cells))
    lines += ["", f"Measured {figures['measured_at']} on {figures['machine']}."]
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def chart(path: Path, readings: dict[str, Measured]) -> None:
    """Horizontal bars of the medians, with their ranges."""
    names = list(readings)[::-1]
    medians = [readings[name].median for name in names]
    below = [readings[name].median - min(readings[name].seconds) for name in names]
    above = [max(readings[name].seconds) - readings[name].median for name in names]
    figure = Figure(figsize=(8, 0.5 * len(names) + 1), layout="constrained")
    axes = figure.subplots()
    axes.barh(names, medians, xerr=[below, above], color="#4c72b0", ecolor="#333333", capsize=3)
    axes.set_xlabel("seconds (median; whiskers: minimum and maximum)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
