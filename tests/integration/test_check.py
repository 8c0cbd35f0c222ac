"""`python -m flows.check`: what is wrong is said with what to do, and nothing is loaded."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prefect.variables import Variable
from psycopg import sql

from blocks import checks, database_checks, samples, server
from blocks.errors import CoreTelecomsError, FirstRunVariableError
from flows import check
from tasks.gate import FIRST_RUN
from tasks.loading import tables

DAY = date(2025, 11, 21)


def execute(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def role(database: str) -> Iterator[str]:
    """The DSN of a role that may do in the database what anybody may."""
    execute(database, "CREATE ROLE checked LOGIN")
    yield database.replace("postgres:@", "checked:@")
    execute(database, "DROP OWNED BY checked CASCADE", "DROP ROLE checked")
    with psycopg.connect(database, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO PUBLIC").format(name))


def wrong(dsn: str, part: str, readers: str = "") -> CoreTelecomsError | None:
    said = checks.looked_at(database_checks.warehouse(dsn, readers, tables.ALL))[part]
    return said if isinstance(said, CoreTelecomsError) else None


def grants(dsn: str) -> list[str]:
    error = wrong(dsn, "privileges")
    return error.todo.removeprefix("have an administrator run: ").split("; ") if error else []


def test_each_missing_privilege_is_named_and_its_grant_is_enough(database: str, role: str) -> None:
    with psycopg.connect(database) as connection:
        tables.create_all_tables(connection)
        name = connection.info.dbname
    execute(database, "DROP SCHEMA analytics")
    execute(database, f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")
    missing = grants(role)
    assert f"GRANT TEMPORARY ON DATABASE {name} TO checked" in missing
    assert f"GRANT CREATE ON DATABASE {name} TO checked" in missing  # there is no analytics
    assert "GRANT USAGE ON SCHEMA staging TO checked" in missing
    assert "GRANT CREATE ON SCHEMA staging TO checked" in missing
    assert "ALTER TABLE ops.ledger OWNER TO checked" in missing
    while missing:  # each statement is right, and takes away its own complaint alone
        execute(database, missing[0])
        assert grants(role) == missing[1:]
        missing = missing[1:]
    with psycopg.connect(role) as connection:
        tables.create_all_tables(connection)


def test_roles_that_are_to_read_and_are_not_there(database: str) -> None:
    error = wrong(database, "privileges", "analysts")
    assert error
    assert "CREATE ROLE analysts; CREATE ROLE analysts_personal" in error.todo


def test_what_a_database_may_be(database: str, role: str) -> None:
    assert wrong(database, "warehouse") is None
    execute(database, "ALTER ROLE checked SET default_transaction_read_only = on")
    error = wrong(role, "warehouse")
    assert error
    assert "read-only" in error.what
    execute(database, "ALTER ROLE checked CONNECTION LIMIT 7")
    error = wrong(role, "connections")
    assert error
    assert "a run needs up to 10" in error.what


def test_another_encoding(database: str) -> None:
    execute(database, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    name = str(psycopg.conninfo.conninfo_to_dict(database)["dbname"])
    try:
        error = wrong(database.replace(f"/{name}?", "/latin?"), "warehouse")
    finally:
        execute(database, "DROP DATABASE latin WITH (FORCE)")
    assert error
    assert "LATIN1" in error.what


def test_publications_that_have_our_tables_are_named(database: str) -> None:
    check = {"publications": lambda: database_checks.warehouse(database)["publications"]()}
    assert str(checks.looked_at(check)["publications"]).startswith("none ")
    with psycopg.connect(database) as connection:
        tables.create_all_tables(connection)
    execute(database, "CREATE PUBLICATION theirs FOR TABLE conformed.customers, ops.ledger")
    assert str(checks.looked_at(check)["publications"]).startswith("theirs (2 tables)")


def test_the_variable_of_runs_without_a_server(local: Path, tmp_path: Path) -> None:
    """It is in the file of the temporary server, read while nobody runs."""
    from prefect.settings import (
        PREFECT_HOME,
        PREFECT_SERVER_DATABASE_CONNECTION_URL,
        temporary_settings,
    )

    file = str(PREFECT_SERVER_DATABASE_CONNECTION_URL.value()).partition(":///")[2]
    with temporary_settings({PREFECT_HOME: tmp_path}):
        assert server.kept_variable(FIRST_RUN) is None
        (tmp_path / "prefect.db").symlink_to(file)
        assert server.kept_variable(FIRST_RUN) is None
        Variable.set(FIRST_RUN, "ture")
        with pytest.raises(FirstRunVariableError, match="'ture'"):
            check._said(server.kept_variable)


def test_clocks_that_differ(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    behind = datetime.now(UTC).timestamp() - 3600
    monkeypatch.setattr("time.time", lambda: behind)
    error = wrong(database, "clock")
    assert error
    assert "seconds apart" in error.what


def test_web_forms_that_may_not_be_read(database: str, role: str) -> None:
    schema = samples.WEB_FORMS_SCHEMA
    look = {"web forms": lambda: database_checks.web_forms(role)}
    assert "no schema" in str(checks.looked_at(look)["web forms"])
    execute(database, f"CREATE SCHEMA {schema}", f"CREATE TABLE {schema}.web_form (id text)")
    error = checks.looked_at(look)["web forms"]
    assert isinstance(error, CoreTelecomsError)
    usage, select = error.todo.split("; ")
    assert usage == f"GRANT USAGE ON SCHEMA {schema} TO checked"
    execute(database, usage, select)
    assert isinstance(checks.looked_at(look)["web forms"], str)


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "FREE_BYTES", 1 << 62)
    error = checks.looked_at({"disk": lambda: checks.disk(tmp_path)})["disk"]
    assert isinstance(error, CoreTelecomsError)
    assert "CORETELECOMS_HOME" in error.todo


def test_what_does_not_answer_is_wrong() -> None:
    import threading

    never = threading.Event()
    looked = {"deaf": lambda: str(never.wait()), "well": lambda: "it is"}
    found = checks.looked_at(looked, 0.2, {"deaf": "a database"})
    never.set()
    assert isinstance(found["deaf"], CoreTelecomsError)
    assert found["deaf"].where == "a database"
    assert found["well"] == "it is"


def said(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    code = check.main(["--run-date", str(DAY), "--seconds", "60", "--json", *options])
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] == (code == 0)
    return code, answer["checks"]


def test_all_is_well_and_nothing_is_loaded(
    local: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = said(capsys)
    assert (code, [part for part in found if not found[part]["ok"]]) == (0, [])
    assert "sample data" in found["call_logs"]["what"]
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT to_regnamespace('ops')").fetchone() == (None,)
    assert [path for path in (local / "lake").rglob("*") if path.is_file()] == []


def test_a_file_that_was_put_among_the_samples(
    local: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = local / f"sources/call logs/call_logs_day_{DAY}.csv"
    file.parent.mkdir(parents=True)
    file.write_text("<html>Sign in</html>")
    code, found = said(capsys)
    assert code == 1
    assert "HTML" in found["call_logs"]["what"]


def test_sources_and_the_variable(
    local: Path,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    samples.ensure(tmp_path / "given", database, DAY)
    monkeypatch.setenv("CORETELECOMS_SOURCE_URL", str(tmp_path / "given"))
    assert said(capsys)[0] == 0
    (tmp_path / f"given/call logs/call_logs_day_{DAY}.csv").write_text("call ID\n1\n")
    (tmp_path / f"given/social_medias/media_complaint_day_{DAY}.json").unlink()
    Variable.set(FIRST_RUN, "perhaps", overwrite=True)
    code, found = said(capsys)
    bad = {part: found[part]["what"] for part in found if not found[part]["ok"]}
    assert code == 1
    assert set(bad) == {"variable", "call_logs", "sm_complaints"}
    assert "missing" in bad["call_logs"]
    assert all(found[part]["todo"] for part in bad)


def test_a_platform_that_nobody_registered(local: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = said(capsys, "--platform", "nowhere")
    assert code == 1
    assert "blocks.register" in found["platform"]["todo"]
    assert "deploy" in found["schedule"]["todo"]
    assert found["prefect"]["ok"]
