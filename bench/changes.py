"""What a day costs when something old changes with it: the server's processors, load and build.

`python -m bench.changes [--customers 300000] [--calls 3000] [--days 60] [--repeats 3]` fills a
warehouse with such days of calls, one after the other, then loads and builds the next one in four
ways, in turns: alone; with a call of the first day that comes back; with the customers' file again,
as it was; with that file and one address in a hundred moved. It prints seconds and writes them to
docs/figures/.
"""

import argparse
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import psycopg

from bench import generate
from bench.contenders import Day
from bench.figures import Measured, show, write
from bench.floor import processor, quiet, renewed
from bench.warehouse import Warehouse
from blocks import embedded
from tasks.cleaning.silver import refine
from tasks.entities.contracts import AGENTS, CALL_LOGS, CUSTOMERS, STATIC
from tasks.loading.day import load_day
from tasks.loading.static import load_static
from tasks.loading.tables import create_all_tables
from tasks.reading.land import land

FIRST = date(2025, 9, 1)
DIRTY = 0.001
ALONE = "the day alone"
RETURNS = "a call of the first day comes back"
SAME = "customers again, none moved"
MOVED = "customers again, 1 % moved"


@dataclass
class Sources:
    """Days of calls by the same number of customers and agents."""

    folder: Path
    customers: int
    calls: int

    def path(self, entity: str) -> Path:
        """The customers' or agents' file."""
        return self.folder / "source" / {e.name: e for e in STATIC}[entity].source_on(FIRST)

    def day(self, number: int) -> date:
        """Write the calls of a day, counted from 0."""
        run_date = FIRST + timedelta(days=number)
        file = self.folder / "source" / CALL_LOGS.source_on(run_date)
        self._calls(file, self.calls, run_date, number * 10**7)
        return run_date

    def returning(self, run_date: date) -> None:
        """Add a call of the first day to those of a run date."""
        call = self.folder / "call.csv"
        self._calls(call, 1, FIRST, 5)
        file = self.folder / "source" / CALL_LOGS.source_on(run_date)
        file.write_text(file.read_text() + call.read_text().splitlines()[1] + "\n")

    def _calls(self, file: Path, rows: int, run_date: date, first: int) -> None:
        generate.call_logs(file, rows, run_date, self.customers, 1_000, DIRTY, first)


def load(dsn: str, sources: Sources, run_date: date, *, static: bool) -> None:
    """Load a run date's calls, and the customers and agents before them."""
    resources = Day(dsn, sources.folder, sources.calls).resources
    for entity in STATIC if static else ():
        load_static(entity, refine(entity, land(entity, run_date, resources), resources), resources)
    silver = refine(CALL_LOGS, land(CALL_LOGS, run_date, resources), resources)
    load_day(CALL_LOGS, silver, resources)


def measure(server: str, process: int, sources: Sources, days: int, repeats: int) -> None:
    """Measure, print and write."""
    template = server.replace("/postgres?", "/template_bench?")
    dsn = server.replace("/postgres?", "/measured?")
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute("CREATE DATABASE template_bench")
    with psycopg.connect(template) as connection:
        create_all_tables(connection)
    generate.agents_file(sources.path(AGENTS.name), 1_000)
    customers = sources.path(CUSTOMERS.name)
    generate.customers_file(customers, sources.customers)
    first = Warehouse(template, sources.folder / "first")
    for number in range(days):  # with its build: one of all days would mix their rows
        load(template, sources, sources.day(number), static=number == 0)
        first.build()
    with psycopg.connect(template, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    warehouse = Warehouse(dsn, sources.folder / "measured")
    renewed(template)
    warehouse.manifest = warehouse.dbt("parse").result
    there = customers.read_text()
    moved = "".join(
        line.replace("Main Street", "Side Street") if number % 100 == 1 else line
        for number, line in enumerate(there.splitlines(keepends=True))
    )
    ways = (ALONE, RETURNS, SAME, MOVED)
    loads, builds, seconds = ({way: Measured() for way in ways} for _ in range(3))
    for _ in range(repeats):
        for way in ways:
            renewed(template)
            run_date = sources.day(days)
            if way == RETURNS:
                sources.returning(run_date)
            customers.write_text(moved if way == MOVED else there)
            began = processor(process)
            load(dsn, sources, run_date, static=way in (SAME, MOVED))
            loaded = processor(process)
            seconds[way].add(warehouse.build())
            loads[way].add(loaded - began)
            builds[way].add(processor(process) - loaded)
    for name, what, measured in (
        ("load", "Load: the server's processors", loads),
        ("build", "Build: the server's processors", builds),
        ("seconds", "Build: the clock", seconds),
    ):
        show(what, measured)
        write(f"changes-{name}", sources.calls, measured)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--customers", type=int, default=300_000)
    options.add_argument("--calls", type=int, default=3_000)
    options.add_argument("--days", type=int, default=60)
    options.add_argument("--repeats", type=int, default=3)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        sources = Sources(folder, given.customers, given.calls)
        with embedded.server(folder / "postgres") as server:
            quiet(server.get_uri())
            measure(server.get_uri(), server.get_pid(), sources, given.days, given.repeats)


if __name__ == "__main__":
    main()
