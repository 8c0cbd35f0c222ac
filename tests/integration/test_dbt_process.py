"""What dbt's process is given of the run's environment, and what it says."""

import os
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from blocks.resources import Resources
from tasks.dbt_errors import quote_no_values
from tasks.warehouse import environment, environment_of_dbt
from tests.integration.warehouse import on_server

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest


def test_dbt_alone_is_given_the_password_and_no_other_projects_options(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORETELECOMS_DBT_PORT", "1")
    for option in ("TARGET", "PROFILE", "PROFILES_DIR", "FULL_REFRESH", "EMPTY", "ENGINE_STATE"):
        monkeypatch.setenv(f"DBT_{option}", "of another project")
    before = dict(os.environ)
    dsn = resources.warehouse_dsn.replace("postgres:@", "postgres:secret@")
    ours = replace(resources, warehouse_dsn=dsn, readers="reader")
    with suppress(KeyError), environment_of_dbt(ours):
        assert os.environ["CORETELECOMS_DBT_READERS"] == "reader"
        assert os.environ["DBT_ENV_SECRET_CORETELECOMS_DBT_PASSWORD"] == "secret"
        assert os.environ["CORETELECOMS_DBT_PORT"] == "5432"
        assert [name for name in os.environ if name.startswith("DBT_")] == [
            "DBT_ENV_SECRET_CORETELECOMS_DBT_PASSWORD"
        ]
        raise KeyError
    assert dict(os.environ) == before


def test_dbt_connects_where_libpq_did(database: str) -> None:
    """To the host that answered, with the files that TLS wants."""
    host = psycopg.conninfo.conninfo_to_dict(database)["host"]
    dsn = database.replace("?host=", "?sslmode=prefer&sslrootcert=/ca.pem&host=/nowhere,")
    found = {
        name.removeprefix("CORETELECOMS_DBT_"): value for name, value in environment(dsn).items()
    }
    assert (found["HOST"], found["PORT"], found["USER"]) == (host, "5432", "postgres")
    assert (found["SSLMODE"], found["SSLROOTCERT"], found["SSLKEY"]) == ("prefer", "/ca.pem", "")


def test_no_value_of_a_row_is_in_what_dbt_says(
    postgres: str, dbt_project: "Manifest", tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """An analyst's index on a dimension, a check that reads a text as a number, and a trigger."""
    quote_no_values()
    warehouse = on_server(postgres, tmp_path, dbt_project)
    warehouse.create()
    people = {"c1": "12 Secret Road", "c2": "13 Other Road"}
    warehouse.load_people(date(2025, 11, 20), people, {"a1": "Junior"})
    warehouse.build_models()
    warehouse.execute("CREATE UNIQUE INDEX one_address ON analytics.dim_customers (address)")
    warehouse.load_people(date(2025, 11, 21), dict.fromkeys(people, "14 Secret Road"), {})
    options = ("--exclude-resource-type", "unit_test", "--select", "+dim_customers")
    answer = warehouse.dbt("build", *options)
    (broken,) = [r for r in answer.result if r.status == "error"]
    assert "UniqueViolation (23505)" in broken.message
    assert "constraint one_address" in broken.message
    warehouse.execute("DROP INDEX analytics.one_address")
    warehouse.execute(
        "ALTER TABLE analytics.dim_customers"
        " ADD CONSTRAINT number CHECK (address::integer > 0) NOT VALID"
    )
    answer = warehouse.dbt("build", *options)
    (broken,) = [r for r in answer.result if r.status == "error"]
    assert "(22P02)" in broken.message
    warehouse.execute("ALTER TABLE analytics.dim_customers DROP CONSTRAINT number")
    for code in ("P0001", "53400"):  # its author may choose any
        warehouse.execute(
            f"""
            CREATE OR REPLACE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE 'not %', new.address USING ERRCODE = '{code}'; END $$;
            CREATE OR REPLACE TRIGGER refused BEFORE INSERT ON analytics.dim_customers
            FOR EACH ROW EXECUTE FUNCTION public.refuse();
            """
        )
        answer = warehouse.dbt("build", *options)
        (broken,) = [r for r in answer.result if r.status == "error"]
        assert f"({code})" in broken.message
        assert "Secret Road" not in broken.message
    log = "".join(capfd.readouterr())
    assert "one_address" in log
    assert "Secret Road" not in log + str(answer.result)
