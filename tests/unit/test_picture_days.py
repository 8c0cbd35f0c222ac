"""A backfill as a person sees it: its days, and the build that is its own."""

import io
from datetime import date, timedelta

import pytest
from rich.console import Console

from flows.terminal.picture_days import PictureOfDays
from flows.terminal.show import watching
from tasks.reporting.progress import Board, Status

DAYS = [str(date(2025, 11, 1) + timedelta(days=n)) for n in range(30)]


class Backfill:
    """Boards of a backfill, its picture, and what stands on a terminal."""

    def __init__(self, *names: str) -> None:
        self.days, self.run = Board(), Board()
        self.days.expect(names)
        self.picture = PictureOfDays(self.days, "backfill", run=self.run)

    def day(self, name: str, status: Status = Status.DONE) -> None:
        """A day that runs here, with a build of its own."""
        self.days.start(name)
        self.run.start("run_dbt")
        self.run.finish("run_dbt", Status.DONE)
        self.days.add_rows(name, 1200)
        self.days.finish(name, status, "" if status is Status.DONE else "call_logs failed")

    def lines(self, height: int = 40, *, terminal: bool = True) -> list[str]:
        out = io.StringIO()
        Console(
            file=out, width=80, height=height, force_terminal=terminal, color_system=None
        ).print(self.picture)
        return [line.rstrip() for line in out.getvalue().split("\n")]


def test_a_line_a_day() -> None:
    backfill = Backfill(*DAYS[:4])
    backfill.days.finish(DAYS[0], Status.SKIPPED, "complete in the ledger")
    backfill.day(DAYS[1])
    backfill.day(DAYS[2], Status.FAILED)
    head, _, skipped, done, failed, waiting, *_ = backfill.lines()
    assert head.startswith("backfill · 3 of 4 days")
    assert skipped == f"{DAYS[0]}  – skipped    complete in the ledger"
    assert done.startswith(f"{DAYS[1]}  ✔ done         1,200 loaded")
    assert failed.startswith(f"{DAYS[2]}  ✘ failed")
    assert failed.endswith("call_logs failed")
    assert waiting == f"{DAYS[3]}  ○ waiting"


@pytest.mark.parametrize("height", [12, 24, 30])
@pytest.mark.parametrize("ended", [0, 1, 15, 30])
def test_it_fits_the_terminal(height: int, ended: int) -> None:
    """What is at work stands there, the rest in numbers; no day is left out of them."""
    backfill = Backfill(*DAYS)
    for name in DAYS[:ended]:
        backfill.day(name)
    if ended < len(DAYS):
        backfill.days.start(DAYS[ended])
    else:
        backfill.run.start("run_dbt")
    lines = backfill.lines(height)
    assert len(lines) < height
    text = "\n".join(lines)
    assert (DAYS[ended] if ended < len(DAYS) else "run_dbt") in text
    in_numbers = sum(int(line.split()[1]) for line in lines if line.startswith("…"))
    assert in_numbers + sum(line.startswith("2025-") for line in lines) == len(DAYS)


def test_its_own_build() -> None:
    """It comes after the last day; a day's build is part of the day."""
    backfill = Backfill(*DAYS[:2])
    backfill.day(DAYS[0])
    backfill.days.start(DAYS[1])
    assert not any("run_dbt" in line for line in backfill.lines())
    backfill.day(DAYS[1])
    assert not any("run_dbt" in line for line in backfill.lines())
    backfill.run.start("run_dbt")
    backfill.run.add_rows("run_dbt", 7)
    (build,) = (line for line in backfill.lines() if line.startswith("run_dbt"))
    assert "running" in build
    assert "7 models and tests" in build


def test_its_own_build_in_plain_lines() -> None:
    backfill = Backfill(DAYS[0])
    out = io.StringIO()
    with watching(Console(file=out, width=120), backfill.picture):
        backfill.day(DAYS[0])
        backfill.run.start("run_dbt")
        backfill.run.finish("run_dbt", Status.RETRYING, "PostgreSQL does not answer")
        backfill.run.start("run_dbt")
        backfill.run.finish("run_dbt", Status.DONE)
    assert [line.split()[:2] for line in out.getvalue().splitlines()[1:]] == [
        ["done", DAYS[0]],
        ["retrying", "run_dbt"],
        ["done", "run_dbt"],
    ]
