"""Two daily runs, dbt included, with the documented roles: by TCP, with a password each."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import psycopg

from blocks import samples
from tests import roles

ROOT = Path(__file__).parents[2]
FIRST, SECOND = date(2025, 11, 20), date(2025, 11, 21)


def test_two_daily_runs_with_the_documented_roles(debian: str, tmp_path: Path) -> None:
    server = psycopg.conninfo.conninfo_to_dict(debian)
    socket = f"host={server['host']} port={server['port']} user=postgres"
    with psycopg.connect(debian, autocommit=True) as connection:
        connection.execute("CREATE DATABASE by_roles")
    superuser = f"{socket} dbname=by_roles"
    samples.ensure(tmp_path / "sources", superuser, FIRST)
    roles.make(superuser)
    samples.ensure(tmp_path / "sources", superuser, SECOND)  # its table is made after the GRANTs

    def dsn(role: str) -> str:
        where = f"127.0.0.1:{server['port']}/by_roles"
        return f"postgresql://{role}:{roles.PASSWORD}@{where}"

    kept = {n: v for n, v in os.environ.items() if not n.startswith(("PREFECT_", "CORETELECOMS_"))}
    environment = kept | {
        "PYTHONPATH": str(ROOT),
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "CORETELECOMS_HOME": str(tmp_path / "home"),
        "CORETELECOMS_READERS": roles.ANALYSTS,
        "CORETELECOMS_SOURCE_URL": str(tmp_path / "sources"),
        "CORETELECOMS_WAREHOUSE_DSN": dsn(roles.LOADER),
        "CORETELECOMS_WEB_FORMS_DSN": dsn(roles.READER),
    }
    for command in ("check", "daily --plain"):
        for day in (FIRST, SECOND):
            done = subprocess.run(
                [sys.executable, "-m", *f"flows.{command} --run-date {day}".split()],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
    roles.assert_both_days_are_built(superuser)
    roles.assert_readers_may_read(superuser)
