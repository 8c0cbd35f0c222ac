"""How cost grows: with the rows of a day, and with the days behind it.

`python -m bench.growth [--rows 10000 100000 …] [--days 2 60 …] [--day-rows 100000]` prints
seconds and peak memory of a day's path from raw CSV to attached partition, and writes them to
docs/figures/.
"""

import argparse
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import psycopg

from bench import generate
from bench.contenders import Day
from bench.figures import Measured, show, write
from bench.load import in_a_process, prepare
from blocks import embedded
from tasks.cleaning.silver import refine
from tasks.entities.contracts import CALL_LOGS
from tasks.loading.day import load_day
from tasks.reading.land import land

FIRST = date(2024, 1, 1)
NEIGHBOURS = 3  # a day's figure is of the days around it, too


def by_rows(folder: Path, sizes: list[int], repeats: int) -> dict[str, Measured]:
    """A day of each size, in processes of their own."""
    measured = {f"{rows:,} rows": Measured() for rows in sizes}
    for rows in sizes:
        place = folder / str(rows)
        place.mkdir()
        with embedded.server(place / "postgres") as server:
            template = prepare(server.get_uri(), place, rows)
            for _ in range(repeats):
                seconds, peak, _ = in_a_process("this project", template, place, rows)
                measured[f"{rows:,} rows"].add(seconds, peak)
    return measured


def by_history(folder: Path, days: list[int], rows: int) -> dict[str, Measured]:
    """One day after the other into one database; the seconds of load of those asked for."""
    taken: dict[int, float] = {}
    with embedded.server(folder / "postgres") as server:
        day = Day(prepare(server.get_uri(), folder, rows), folder, rows)
        source = folder / "source" / CALL_LOGS.source.name
        for number in range(1, max(days) + NEIGHBOURS):
            run_date = FIRST + timedelta(days=number)
            path = source.parent / run_date.strftime(source.name)
            generate.call_logs(path, rows, run_date, 100_000, 1_000, 0.001)
            silver = refine(CALL_LOGS, land(CALL_LOGS, run_date, day.resources), day.resources)
            with psycopg.connect(day.dsn, autocommit=True) as connection:
                connection.execute("CHECKPOINT")
            began = time.perf_counter()
            load_day(CALL_LOGS, silver, day.resources)
            taken[number] = time.perf_counter() - began
            path.unlink()
    measured = {}
    for asked in days:
        around = [taken[n] for n in taken if abs(n - asked) < NEIGHBOURS and n > 1]
        measured[f"day {asked}"] = Measured(around, [0.0] * len(around))
    return measured


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    sizes = [10_000, 100_000, 500_000, 1_000_000, 5_000_000]
    options.add_argument("--rows", type=int, nargs="*", default=sizes)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--days", type=int, nargs="*", default=[2, 30, 60, 180, 365])
    options.add_argument("--day-rows", type=int, default=100_000)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        if given.rows:
            measured = by_rows(folder, given.rows, given.repeats)
            show("A day of call logs, raw CSV to attached partition", measured)
            write("rows", max(given.rows), measured)
        if given.days:
            measured = by_history(folder, given.days, given.day_rows)
            show(f"Loading {given.day_rows:,} rows with so many days behind", measured)
            ratio = median(measured[f"day {given.days[-1]}"].seconds) / median(
                measured[f"day {given.days[0]}"].seconds
            )
            show(f"Last to first: {ratio:.2f}", measured)
            write("history", given.day_rows, measured)


if __name__ == "__main__":
    main()
