"""Figures as they are kept: median, minimum, maximum, peak memory, and the machine they are of."""

import json
import os
import platform
import statistics
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

FIGURES = Path(__file__).parent.parent / "docs" / "figures"


@dataclass
class Measured:
    """Repeated readings of one thing."""

    seconds: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)
    same_rows: str = ""  # whether its result is the one of this project, where that was compared

    def add(self, seconds: float, peak_mib: float = 0.0) -> None:
        """One more reading."""
        self.seconds.append(seconds)
        self.peak_mib.append(peak_mib)

    @property
    def median(self) -> float:
        """Of the seconds."""
        return statistics.median(self.seconds)


def machine() -> str:
    """The machine in one line: cores, memory, system, Python."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{os.cpu_count()} cores, {pages:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def show(title: str, measured: dict[str, Measured]) -> None:
    """Print a table; the ratio is to the first line's median."""
    table = Table(title=title, caption=machine())
    table.add_column("")
    for column in ("median s", "min", "max", "runs", "ratio", "peak MiB", "same rows"):
        table.add_column(column, justify="right")
    first = next(iter(measured.values())).median
    for name, m in measured.items():
        table.add_row(
            name,
            f"{m.median:.2f}",
            f"{min(m.seconds):.2f}",
            f"{max(m.seconds):.2f}",
            str(len(m.seconds)),
            f"{m.median / first:.2f}" if first else "",
            f"{max(m.peak_mib):,.0f}" if any(m.peak_mib) else "",
            m.same_rows,
        )
    Console().print(table)


def write(name: str, rows: int, measured: dict[str, Measured]) -> None:
    """Keep the readings in docs/figures."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    content = {
        "measured_at": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "rows": rows,
        "readings": {key: asdict(value) for key, value in measured.items()},
    }
    (FIGURES / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
