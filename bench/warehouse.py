"""What a day's dbt build costs with 2 and with 60 days of sample data behind it.

`python -m bench.warehouse [--days 2 60] [--repeats 10]` makes a warehouse of each size that ends on
the same run date, loads that date again and builds it, in turns so that the machine's moods fall on
both, prints seconds and the rows that a build reads and writes, and writes them to docs/figures/.
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench.figures import Measured, show, write
from blocks import embedded, samples
from blocks.resources import Resources
from blocks.stores.local import LocalStore
from tasks.cleaning.silver import refine
from tasks.entities.contracts import COMPLAINTS, STATIC
from tasks.loading.day import load_day
from tasks.loading.static import load_static
from tasks.loading.tables import create_all_tables
from tasks.reading.land import land
from tasks.warehouse import PROJECT, environment

LAST = date(2025, 11, 30)


@dataclass
class Warehouse:
    """A database with days of sample data, built up to the day before the last."""

    dsn: str
    folder: Path
    manifest: Any = None

    def fill(self, days: int) -> None:
        """Load the days through the pipeline, and build all but the last."""
        with psycopg.connect(self.dsn) as connection:
            create_all_tables(connection)
        resources = Resources(
            platform="bench",
            source=LocalStore(self.folder / "sources"),
            lake=LocalStore(self.folder / "lake"),
            agents_url=None,
            warehouse_dsn=self.dsn,
            web_forms_dsn=self.dsn,
        )
        for run_date in (LAST - timedelta(days=back) for back in reversed(range(days))):
            if run_date == LAST:
                self.manifest = self.dbt("parse").result
                self.build()
            samples.ensure(self.folder / "sources", self.dsn, run_date)
            for entity in STATIC if run_date == LAST - timedelta(days=days - 1) else ():
                silver = refine(entity, land(entity, run_date, resources), resources)
                load_static(entity, silver, resources)
            for entity in COMPLAINTS:
                silver = refine(entity, land(entity, run_date, resources), resources)
                load_day(entity, silver, resources)

    def dbt(self, *arguments: str) -> Any:
        """Run dbt in this process."""
        from dbt.cli.main import dbtRunner

        os.environ |= environment(self.dsn)
        places = {
            "--project-dir": PROJECT,
            "--profiles-dir": PROJECT,
            "--target-path": self.folder / "dbt",
            "--log-path": self.folder / "dbt",
        }
        options = [str(word) for pair in places.items() for word in pair]
        answer = dbtRunner(manifest=self.manifest).invoke([*arguments, *options, "--quiet"])
        if not answer.success:
            raise RuntimeError(f"dbt {arguments[0]} failed: {answer.exception or answer.result}")
        return answer

    def build(self) -> float:
        """Seconds of a build, as a run does it, without the start of a process."""
        began = time.perf_counter()
        self.dbt("build", "--exclude-resource-type", "unit_test")
        return time.perf_counter() - began

    def load_again(self) -> None:
        """What a reload of the last run date leaves for dbt to see."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute(
                "UPDATE ops.ledger SET loaded_at = clock_timestamp() WHERE run_date = %s", [LAST]
            )

    def rows(self) -> tuple[int, int]:
        """Rows of conformed tables and warehouse read and written so far."""
        with psycopg.connect(self.dsn) as connection:
            found = connection.execute(
                """
                SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint,
                       sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint
                FROM pg_stat_user_tables WHERE schemaname IN ('conformed', 'analytics')
                """
            ).fetchone()
        assert found
        return found


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--days", type=int, nargs="*", default=[2, 60])
    options.add_argument("--repeats", type=int, default=10)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        with embedded.server(folder / "postgres") as server:
            warehouses = {days: _made(server.get_uri(), folder, days) for days in given.days}
            measured = {days: Measured() for days in given.days}
            for number in range(given.repeats + 1):
                for days, warehouse in warehouses.items():
                    before = warehouse.rows()
                    seconds = warehouse.build()
                    read, written = (a - b for a, b in zip(warehouse.rows(), before, strict=True))
                    if number == 0:  # the real first build of the day; the rest are its reloads
                        print(f"day {days}: {read:,} rows read, {written:,} written")  # noqa: T201
                    else:
                        measured[days].add(seconds)
                    warehouse.load_again()
    named = {f"day {days}": readings for days, readings in measured.items()}
    show("dbt build of a day of sample data", named)
    write("warehouse", 0, named)


def _made(server: str, folder: Path, days: int) -> Warehouse:
    name = f"days_{days}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    parts = psycopg.conninfo.conninfo_to_dict(server)
    dsn = f"postgresql://{parts['user']}:@/{name}?host={parts['host']}"
    warehouse = Warehouse(dsn, folder / name)
    warehouse.fill(days)
    return warehouse


if __name__ == "__main__":
    main()
