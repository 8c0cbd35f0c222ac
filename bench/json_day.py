"""Ingesting social media, whose JSON is decoded whole: seconds and memory by the rows of a day.

`python -m bench.json_day [--rows 10000 100000 500000] [--repeats 3]` prints them, and writes them
to docs/figures/.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from bench.contenders import RUN_DATE, Day
from bench.figures import Measured, show, write
from bench.generate import CATEGORIES, STATUSES, choice, pick
from bench.load import resident_mib
from tasks.entities.contracts import SM_COMPLAINTS
from tasks.reading.land import land


def social_media(path: Path, rows: int) -> None:
    """Write a day as the real source does: by column, each value under its row's number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    day = pl.lit(RUN_DATE.isoformat())
    frame = pl.DataFrame({"row": range(rows)}).select(
        pl.format("s{}", pl.col("row")).alias("complaint_id"),
        pl.format("{}", 10**6 + pick(100_000, 1)).alias("customeR iD"),
        choice(CATEGORIES, 4).alias("COMPLAINT_catego ry"),
        pl.format("{}", 1000 + pick(1_000, 2)).alias("agent ID"),
        choice(STATUSES, 5).alias("resolutionstatus"),
        day.alias("request_date"),
        day.alias("resolution_date"),
        choice(("TWITTER", "FACEBOOK", "LINKEDIN"), 6).alias("media_channel"),
        day.alias("MediaComplaintGenerationDate"),
    )
    columns = {column.name: dict(enumerate(column.to_list())) for column in frame}
    path.write_text(json.dumps(columns))


def main() -> None:
    """Measure and print, or (in a process of its own) ingest a day once."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 500_000])
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.once:
        idle, began = resident_mib("VmRSS"), time.perf_counter()
        land(SM_COMPLAINTS, RUN_DATE, Day("", given.once, given.rows[0]).resources)
        seconds = time.perf_counter() - began
        sys.stdout.write(json.dumps([seconds, resident_mib("VmHWM") - idle]))
        return
    measured = {}
    with tempfile.TemporaryDirectory() as temporary:
        for rows in given.rows:
            folder = Path(temporary, str(rows))
            file = folder / "source" / SM_COMPLAINTS.source_on(RUN_DATE)
            social_media(file, rows)
            name = f"{rows:,} rows, {file.stat().st_size / 2**20:.0f} MiB"
            measured[name] = Measured()
            for _ in range(given.repeats):
                command = [sys.executable, "-m", "bench.json_day", "--rows", str(rows)]
                answer = subprocess.run(
                    [*command, "--once", str(folder)], stdout=subprocess.PIPE, check=True
                )
                measured[name].add(*json.loads(answer.stdout))
    show("Ingesting social media, column-oriented JSON", measured)
    write("json", max(given.rows), measured)


if __name__ == "__main__":
    main()
