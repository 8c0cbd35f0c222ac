"""A large day after a small one, raw CSV to marts with all tests, against its floor.

`python -m bench.floor [--rows 10000 …] [--before 1] [--repeats 1]`: the floor is COPY of rows
that are clean already, keys in bulk, and `floor.sql`, which makes the same six tables without a
test. What this project takes is given over what it takes for a small day. Both are on one server in
turns, with so many small days before; it checks that their tables hold the same, prints seconds and
those of the server's processors, and writes both to docs/figures/.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
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
    options.add_argument("--before", type=int, default=1, help="small days before it")
    options.add_argument("--repeats", type=int, default=1)
    given = options.parse_args()
    for rows in given.rows:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            folder.chmod(0o755)
            with embedded.server(folder / "postgres") as server:
                quiet(server.get_uri())
                template, day, small = prepared(server.get_uri(), folder, rows, given.before)
                both = measure(template, server.get_pid(), day, small, given.repeats)
        for what, measured in zip(("seconds", "processors"), both, strict=True):
            title = f"{rows:,} call logs after {given.before} of {SMALL:,}: {what}"
            show(title, measured)
            over = measured["this project"].median - measured["its small day"].median
            print(f"over a small day: {over / measured['floor'].median:.2f} × the floor")  # noqa: T201
            write(f"floor-{rows}-day-{given.before + 1}-{what}", rows, measured)


def quiet(dsn: str) -> None:
    """Let no autovacuum come in between: it falls on whoever takes longer."""
    with closing(psycopg.connect(dsn, autocommit=True)) as connection:
        connection.execute("ALTER SYSTEM SET autovacuum = off")
        connection.execute("SELECT pg_reload_conf()")


def prepared(dsn: str, folder: Path, rows: int, before: int) -> tuple[str, Day, Day]:
    """A database with the small days before, built; the day to measure, and a small one."""
    template = prepare(dsn, folder / "large", rows)
    dsn = template.replace("/template_bench?", "/measured?")
    day, small = Day(dsn, folder / "large", rows), Day(dsn, folder / "small", SMALL)
    generate.sources(folder / "small/source", SMALL, RUN_DATE)
    resources = Day(template, folder / "large", SMALL).resources
    for number in range(before, 0, -1):
        date = RUN_DATE - timedelta(days=number)
        file = folder / "large/source" / CALL_LOGS.source_on(date)
        generate.call_logs(file, SMALL, date, 100_000, 1_000, 0.001, number * 10**9)
        load_day(
            CALL_LOGS, refine(CALL_LOGS, land(CALL_LOGS, date, resources), resources), resources
        )
    Warehouse(template, folder / "first").build()
    return template, day, small


def measure(
    template: str, server: int, day: Day, small: Day, repeats: int
) -> tuple[dict[str, Measured], dict[str, Measured]]:
    """Seconds of the floor, of this project's small day, and of this project; and the server's
    processors' seconds.
    """
    warehouse = Warehouse(day.dsn, day.folder / "measured")
    renewed(template)
    warehouse.manifest = warehouse.dbt("parse").result

    measured: dict[str, Measured] = {}
    processors: dict[str, Measured] = {}
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
            processors.setdefault(name, Measured()).add(used)
            last = measured[name].seconds[-1]
            print(f"{name}: {last:.2f} s, {used:.2f} s of the server's processors")  # noqa: T201
            found[name] = contents(day.dsn)
        if found["floor"] != found["this project"]:
            raise RuntimeError(f"the tables differ: {found}")
    return measured, processors


def renewed(template: str) -> None:
    """A new database of the small day, in place of the last one."""
    server = template.replace("/template_bench?", "/postgres?")
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute("DROP DATABASE IF EXISTS measured WITH (FORCE)")
        connection.execute("CREATE DATABASE measured TEMPLATE template_bench")
        connection.execute("CHECKPOINT")


if __name__ == "__main__":
    main()
