"""A large day after a small one, raw CSV to marts with all tests, against its floor.

`python -m bench.floor [--rows 10000 100000 …] [--repeats 1]`: the floor is COPY of rows that are
clean already, keys in bulk, and `floor.sql`, which makes the same six tables without a test. What
this project takes is given over what it takes for a small day. Both are on one server in turns; it
checks that their tables hold the same, prints seconds and those of the server's processors, and
writes the seconds to docs/figures/.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from bench import contenders, generate
from bench.contenders import RUN_DATE, Day
from bench.figures import Measured, show, write
from bench.load import prepare
from bench.warehouse import Warehouse
from blocks import embedded
from tasks.cleaning.silver import refine
from tasks.entities.contracts import CALL_LOGS
from tasks.loading.day import load_day
from tasks.reading.land import land

SMALL = 1_000
BEFORE = RUN_DATE.replace(day=RUN_DATE.day - 1)
SQL = Path(__file__).with_suffix(".sql")
TABLES = (
    *("fct_complaints", "fct_complaint_lifecycle", "agg_daily_complaints", "agg_agent_daily"),
    *("agg_agent_performance", "feat_customer_month"),
)


def ours(day: Day, warehouse: Warehouse) -> float:
    """Raw CSV to marts, all tests included."""
    return contenders.ours(day) + warehouse.build()


def by_hand(day: Day) -> float:
    """The clean rows to the same tables."""
    seconds = contenders.floor(day)
    began = time.perf_counter()
    with psycopg.connect(day.dsn) as connection:
        connection.execute("SET work_mem = '128MB'")
        connection.execute(SQL.read_text().format(day=RUN_DATE))
    return seconds + time.perf_counter() - began


def processor(server: int) -> float:
    """Seconds of processors that a PostgreSQL server used so far, by its first process."""
    ticks = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = status.read_text()
        except OSError:  # it has just ended
            continue
        fields = text.rpartition(")")[2].split()
        if status.parent.name == str(server):
            ticks += sum(map(int, fields[11:15]))  # with those of its children that ended
        elif fields[1] == str(server):
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def contents(dsn: str) -> list[tuple[Any, ...]]:
    """Rows and a fingerprint of each table."""
    with psycopg.connect(dsn) as connection:
        return [
            connection.execute(
                f"SELECT count(*), bit_xor(hash_record_extended(t, 0)) FROM analytics.{name} AS t"
            ).fetchone()
            or ()
            for name in TABLES
        ]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    options.add_argument("--repeats", type=int, default=1)
    given = options.parse_args()
    for rows in given.rows:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            folder.chmod(0o755)
            with embedded.server(folder / "postgres") as server:
                measured = measure(server.get_uri(), server.get_pid(), folder, rows, given.repeats)
        show(f"{rows:,} call logs after a day of {SMALL:,}", measured)
        over = measured["this project"].median - measured["its small day"].median
        print(f"over a small day: {over / measured['floor'].median:.2f} × the floor")  # noqa: T201
        write(f"floor-{rows}", rows, measured)


def measure(dsn: str, server: int, folder: Path, rows: int, repeats: int) -> dict[str, Measured]:
    """Seconds of the floor, of this project, and of this project's small day."""
    template = prepare(dsn, folder / "large", rows)
    dsn = template.replace("/template_bench?", "/measured?")
    day, small = Day(dsn, folder / "large", rows), Day(dsn, folder / "small", SMALL)
    generate.sources(folder / "small/source", SMALL, RUN_DATE)
    before = folder / "large/source" / CALL_LOGS.source_on(BEFORE)
    generate.call_logs(before, SMALL, BEFORE, 100_000, 1_000, 0.001, first_call=10**9)
    first = Day(template, folder / "large", SMALL).resources
    load_day(CALL_LOGS, refine(CALL_LOGS, land(CALL_LOGS, BEFORE, first), first), first)
    Warehouse(template, folder / "first").build()
    warehouse = Warehouse(dsn, folder / "measured")
    renewed(template)
    warehouse.manifest = warehouse.dbt("parse").result

    measured: dict[str, Measured] = {}
    runs: dict[str, Callable[[], float]] = {
        "floor": lambda: by_hand(day),
        "its small day": lambda: ours(small, warehouse),
        "this project": lambda: ours(day, warehouse),
    }
    for _ in range(repeats):
        found = {}
        for name, run in runs.items():
            renewed(template)
            used = processor(server)
            measured.setdefault(name, Measured()).add(run())
            used = processor(server) - used
            last = measured[name].seconds[-1]
            print(f"{name}: {last:.2f} s, {used:.2f} s of the server's processors")  # noqa: T201
            found[name] = contents(dsn)
        if found["floor"] != found["this project"]:
            raise RuntimeError(f"the tables differ: {found}")
    return measured


def renewed(template: str) -> None:
    """A new database of the small day, in place of the last one."""
    server = template.replace("/template_bench?", "/postgres?")
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute("DROP DATABASE IF EXISTS measured WITH (FORCE)")
        connection.execute("CREATE DATABASE measured TEMPLATE template_bench")
        connection.execute("CHECKPOINT")


if __name__ == "__main__":
    main()
