"""docs/contract.md#versions, of one customer or agent, one load after the other."""

from collections.abc import Iterable
from datetime import date


def versions(loads: Iterable[tuple[date, object]]) -> list[tuple[date, object]]:
    """The versions that loads leave, each a run date and the value that is kept."""
    kept: list[tuple[date, object]] = []
    for run_date, value in loads:
        if kept and kept[-1][1] == value:
            continue
        if kept and run_date <= kept[-1][0]:
            run_date, _ = kept.pop()
        if not kept or kept[-1][1] != value:
            kept.append((run_date, value))
    return kept
