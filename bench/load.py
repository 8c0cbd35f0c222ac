"""From raw CSV to keys in PostgreSQL: this project against the usual ways, in one run.

`python -m bench.load [--rows 1000000] [--repeats 5] [--only NAME …]` prints seconds (median,
minimum, maximum), peak memory over the idle process and whether the table holds the same rows as
this project's, and writes them to docs/figures/.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from shutil import rmtree
from typing import Any
from uuid import uuid4

import psycopg

from bench import generate
from bench.contenders import CONTENDERS, OURS, RUN_DATE, Day
from bench.figures import Measured, show, write
from bench.peers import HERE
from blocks import embedded
from blocks.database import connect
from tasks.cleaning.silver import refine
from tasks.entities.contracts import CALL_LOGS, STATIC
from tasks.loading.static import load_static
from tasks.loading.tables import create_all_tables
from tasks.reading.land import land

ALL = CONTENDERS | HERE
SLOW = {"pandas", "pgloader and SQL"}  # minutes: once is enough


def main() -> None:
    """Measure and print, or (in a process of its own) run one contender once."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--only", nargs="+", choices=list(ALL), default=list(ALL))
    options.add_argument("--once", nargs=3, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.once:
        name, dsn, folder = given.once
        once(name, Day(dsn, Path(folder), given.rows))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        with embedded.server(folder / "postgres") as server:
            template = prepare(server.get_uri(), folder, given.rows)
            measured = {name: Measured() for name in given.only}
            found: dict[str, object] = {}
            # one after the other in turns, so that a noisy minute hits all of them.
            for turn in range(given.repeats):
                for name in given.only:
                    if turn == 0 or name not in SLOW:
                        seconds, peak, found[name] = in_a_process(
                            name, template, folder, given.rows
                        )
                        measured[name].add(seconds, peak)
            for name in given.only if OURS in given.only else ():
                measured[name].same_rows = "yes" if found[name] == found[OURS] else "no"
    show(f"{given.rows:,} call logs, raw CSV to keys", measured)
    write(f"load-{given.rows}", given.rows, measured)


def prepare(dsn: str, folder: Path, rows: int) -> str:
    """Sources of that many rows, and a database to copy with customers and agents loaded."""
    generate.sources(folder / "source", rows, RUN_DATE)
    with closing(psycopg.connect(dsn, autocommit=True)) as connection:
        connection.execute("CREATE DATABASE template_bench")
    template = dsn.replace("/postgres?", "/template_bench?")
    day = Day(template, folder, rows)
    with connect(template) as connection:
        create_all_tables(connection)
    for entity in STATIC:
        bronze = land(entity, RUN_DATE, day.resources)
        load_static(entity, refine(entity, bronze, day.resources), day.resources)
    return template


def in_a_process(
    name: str, template: str, folder: Path, rows: int
) -> tuple[float, float, tuple[Any, ...]]:
    """Seconds, peak MiB and what is in the table of one run, in a new process on a new database.

    The lake is empty: what lay there would have to be replaced.
    """
    rmtree(folder / "lake", ignore_errors=True)
    database = f"bench_{uuid4().hex[:8]}"
    server = template.replace("/template_bench?", "/postgres?")
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute(f"CREATE DATABASE {database} TEMPLATE template_bench")
        connection.execute("CHECKPOINT")
        dsn = template.replace("/template_bench?", f"/{database}?")
        command = [sys.executable, "-m", "bench.load", "--rows", str(rows)]
        answer = subprocess.run(
            [*command, "--once", name, dsn, str(folder)],
            stdout=subprocess.PIPE,
            check=True,
            env=os.environ | {"RUNTIME__DLTHUB_TELEMETRY": "false"},
        )
        with closing(psycopg.connect(dsn)) as there:
            found = contents(there, ALL[name].table)
        connection.execute(f"DROP DATABASE {database}")
    seconds, peak = json.loads(answer.stdout.splitlines()[-1])
    return seconds, peak, found


def contents(connection: psycopg.Connection[Any], table: str) -> tuple[Any, ...]:
    """How many rows a table has, and a fingerprint of their values."""
    connection.execute("SET TimeZone = 'UTC'")
    row = ", ".join(f"{name}::{kind}" for name, kind in CALL_LOGS.sql_types().items())
    return (
        connection.execute(
            f"SELECT count(*), bit_xor(hash_record_extended(ROW ({row}), 0)) FROM {table}"
        ).fetchone()
        or ()
    )


def once(name: str, day: Day) -> None:
    """Run a contender; its seconds and peak memory go to the standard output."""
    idle = resident_mib("VmRSS")
    seconds = ALL[name].run(day)
    # what it started, if anything, counts as well.
    others = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    peak = max(resident_mib("VmHWM") - idle, others)
    sys.stdout.write(f"\n{json.dumps([seconds, peak])}\n")


def resident_mib(field: str) -> float:
    """What Linux says of this process, now or at its peak.

    Not getrusage: its peak is inherited from the process that started this one.
    """
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
