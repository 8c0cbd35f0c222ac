"""Platform blocks on a real Prefect server: registered, loaded, checked, and never telling."""

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect_aws import S3Bucket
from prefect_sqlalchemy import SqlAlchemyConnector  # type: ignore[import-untyped]
from pydantic import ValidationError

from blocks.connectors import connector
from blocks.errors import ConfigurationError, TransientError
from blocks.platform import Platform
from blocks.register import command
from blocks.resolving import forget, resolve
from blocks.settings import settings
from tests.integration.s3_server import S3, SECRET

SLACK = "https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnop"
PASSWORD = "pa/ss w@rd"
SECRETS = (SECRET, "abcdefghijklmnop", PASSWORD, "pa%2Fss", "a-private-key")


@pytest.fixture
def environment(
    prefect_server: None,
    s3: S3,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[pytest.MonkeyPatch]:
    """Settings of a platform whose every part works."""
    s3.client().put_object(Bucket="lake", Key="telecom/agents/agents.csv", Body=b"iD\n")
    with psycopg.connect(database) as connection:
        connection.execute("CREATE SCHEMA customer_complaints")
    # the embedded server trusts everyone: a password does no harm there.
    dsn = database.replace("postgres:@", "postgres:pa%2Fss%20w%40rd@")
    for name, value in {
        "SOURCE_URL": "s3://lake/telecom",
        "LAKE_URL": "s3://lake/lake",
        "WAREHOUSE_DSN": dsn,
        "WEB_FORMS_DSN": dsn,
        "SLACK_WEBHOOK_URL": SLACK,
        "SLACK_ON_SUCCESS": "true",
        "SHEET_CREDENTIALS": '{"private_key": "a-private-key"}',
        "BATCH_ROWS": "1234",
    }.items():
        monkeypatch.setenv(f"CORETELECOMS_{name}", value)
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()
    forget()
    yield monkeypatch
    settings.cache_clear()
    forget()


@pytest.fixture
def name() -> str:
    """A block name of this test's own."""
    return f"testing-{uuid4().hex[:8]}"


def registered(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, str]]:
    """The exit code, and what was said of each part."""
    code = command.main(options)
    lines = capsys.readouterr().out.splitlines()
    return code, {line[:14].strip(): line[15:] for line in lines}


DATABASE = ["warehouse", "privileges", "sessions", "connections", "publications", "clock"]
PARTS = ["source", "lake", "agents", "web forms", *DATABASE, "alerts"]


def test_registered_and_resolved(
    environment: pytest.MonkeyPatch, name: str, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = registered(capsys, "--name", name)
    assert code == 0, said
    assert list(said) == [*PARTS, "platform"]
    assert all(line.startswith("ok ") for line in said.values())

    resources = resolve(name)
    assert (resources.source.url, resources.lake.url) == ("s3://lake/telecom", "s3://lake/lake")
    assert resources.source.read("agents/agents.csv") == b"iD\n"
    assert resources.batch_rows == 1234
    assert (resources.slack_url, resources.slack_on_success) == (SLACK, True)
    assert resources.sheet_credentials == '{"private_key": "a-private-key"}'
    for dsn in (resources.warehouse_dsn, resources.web_forms_dsn):
        with psycopg.connect(dsn) as connection:
            assert connection.info.dbname in database
            assert connection.info.password == PASSWORD

    lake = S3Bucket.load(f"{name}-lake")
    lake.write_path("lake/by-prefect", b"1")  # type: ignore[union-attr]
    assert resources.lake.read("by-prefect") == b"1"
    with SqlAlchemyConnector.load(f"{name}-warehouse") as warehouse:
        assert warehouse.fetch_one("SELECT 1") == (1,)
    assert_it_resolves_wherever_it_is_asked_for(name)


def assert_it_resolves_wherever_it_is_asked_for(name: str) -> None:
    def lake() -> str:
        forget()
        return resolve(name).lake.url

    @task
    def asked_by_a_task() -> str:
        return lake()

    @flow
    async def asked_by_a_flow() -> list[str]:
        future = asked_by_a_task.submit()
        return [lake(), await asyncio.to_thread(future.result)]

    with ThreadPoolExecutor() as pool:
        assert pool.submit(lake).result() == "s3://lake/lake"
    assert asyncio.run(asked_by_a_flow()) == ["s3://lake/lake"] * 2


def test_it_is_registered_twice(
    environment: pytest.MonkeyPatch, name: str, s3: S3, capsys: pytest.CaptureFixture[str]
) -> None:
    registered(capsys, "--name", name)
    before = documents(name)
    environment.setenv("CORETELECOMS_LAKE_URL", "s3://lake/elsewhere")
    environment.setenv("CORETELECOMS_SOURCE_URL", str(Path.cwd()))
    Path("agents").mkdir()
    Path("agents/agents.csv").touch()
    environment.delenv("CORETELECOMS_SLACK_WEBHOOK_URL")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "rotated")
    code, said = registered(capsys, "--name", name)
    assert code == 0, said
    assert documents(name) == before
    resources = resolve(name)
    assert (resources.source.url, resources.lake.url) == (str(Path.cwd()), "s3://lake/elsewhere")
    assert resources.slack_url is None
    options = resources.lake.storage_options
    assert options
    assert options["aws_secret_access_key"] == "rotated"

    environment.setenv("CORETELECOMS_LAKE_URL", "s3://not-asked-for")
    code, said = registered(capsys, "--name", name, "--registered")
    assert (code, list(said)) == (0, PARTS)
    s3.fail(403, "InvalidAccessKeyId")
    code, said = registered(capsys, "--name", name, "--registered")
    assert code == 1
    assert "S3 refused access (InvalidAccessKeyId, 403)" in said["lake"]


def documents(name: str) -> dict[str, str]:
    """Names and ids of the blocks on the server that begin with a name."""
    with get_client(sync_client=True) as client:
        found = client._client.post("/block_documents/filter", json={"limit": 200}).json()
    return {each["name"]: each["id"] for each in found if each["name"].startswith(name)}


def test_no_secret_is_ever_shown(
    environment: pytest.MonkeyPatch,
    name: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    assert command.main(["--name", name]) == 0
    platform = Platform.named(name)
    resources = resolve(name)
    resources.lake.write("a", b"1")
    with get_client(sync_client=True) as client:
        answers = [
            client._client.post("/block_documents/filter", json={"limit": 200}).text,
            client._client.get(
                f"/block_types/slug/coretelecoms-platform/block_documents/name/{name}"
            ).text,
        ]
    shown = [
        *capsys.readouterr(),
        caplog.text,
        repr(platform),
        str(platform),
        platform.model_dump_json(),
        repr(resources),
        repr(settings()),
        *answers,
    ]
    assert f"{name}-lake" in answers[0]
    for secret in SECRETS:
        assert [text for text in shown if secret in text] == []


WRONG: dict[str, tuple[dict[str, str], str, str]] = {
    "bucket": (
        {"CORETELECOMS_SOURCE_URL": "s3://nobucket/telecom"},
        "source",
        "The bucket nobucket does not exist",
    ),
    "folder": ({"CORETELECOMS_SOURCE_URL": "/nowhere"}, "source", "The folder does not exist"),
    "agents": (
        {"CORETELECOMS_AGENTS_URL": "s3://lake/other.csv"},
        "agents",
        "The object does not exist. Where: s3://lake/other.csv",
    ),
    "sheet": (
        {"CORETELECOMS_AGENTS_URL": "https://docs.google.com/spreadsheets/d/1abc"},
        "agents",
        "The Google service account's key is not valid",
    ),
    "lake not set": (
        {"CORETELECOMS_LAKE_URL": ""},
        "lake",
        "Not set. Where: CORETELECOMS_LAKE_URL",
    ),
    "endpoint": (
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
        "lake",
        "S3 did not answer",
    ),
    "session token": (
        {"AWS_SESSION_TOKEN": "abcdefghijklmnop"},
        "lake",
        "Temporary credentials can't be registered",
    ),
    "database away": (
        {"CORETELECOMS_WAREHOUSE_DSN": "postgresql://u:pa%2Fss@127.0.0.1:1/db"},
        "warehouse",
        "No connection to PostgreSQL",
    ),
    "no connection string": (
        {"CORETELECOMS_WAREHOUSE_DSN": "u:pa%2Fss@127.0.0.1:1/db"},
        "warehouse",
        "Not a PostgreSQL connection string",
    ),
    "slack": (
        {"CORETELECOMS_SLACK_WEBHOOK_URL": "https://example.com/abcdefghijklmnop"},
        "alerts",
        "Not the address of a Slack webhook",
    ),
}


@pytest.mark.parametrize(("changed", "part", "says"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(
    environment: pytest.MonkeyPatch,
    name: str,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, str],
    part: str,
    says: str,
) -> None:
    for variable, value in changed.items():
        environment.setenv(variable, value)
    code = command.main(["--name", name])
    output = capsys.readouterr().out
    said = {line[:14].strip(): line[15:] for line in output.splitlines()}
    assert code == 1
    assert said[part].startswith("WRONG ")
    assert says in said[part]
    assert output.endswith("Nothing was saved.\n")
    assert documents(name) == {}
    for secret in SECRETS:
        assert secret not in output


def test_web_forms_without_their_schema(
    environment: pytest.MonkeyPatch,
    name: str,
    database: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("DROP SCHEMA customer_complaints")
    code, said = registered(capsys, "--name", name)
    assert code == 1
    assert "The database has no schema customer_complaints" in said["web forms"]


def test_check_only_saves_nothing(
    environment: pytest.MonkeyPatch, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = registered(capsys, "--name", name, "--check-only")
    assert (code, list(said)) == (0, PARTS)
    assert documents(name) == {}


def test_force_saves_what_cannot_be_reached_from_here(
    environment: pytest.MonkeyPatch, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("CORETELECOMS_SOURCE_URL", "s3://bucket-of-tomorrow")
    code, said = registered(capsys, "--name", name, "--force")
    assert code == 1
    assert said["source"].startswith("WRONG ")
    assert resolve(name).source.url == "s3://bucket-of-tomorrow"


def test_variables_from_a_file(
    environment: pytest.MonkeyPatch, name: str, s3: S3, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.delenv("CORETELECOMS_LAKE_URL")
    environment.delenv("AWS_ENDPOINT_URL")
    Path("staging.env").write_text(
        f"CORETELECOMS_LAKE_URL=s3://lake/staging\nAWS_ENDPOINT_URL={s3.endpoint}\n"
    )
    code, said = registered(capsys, "--name", name, "--env-file", "staging.env", "--check-only")
    assert code == 0, said
    assert "s3://lake/staging can be listed" in said["lake"]


@pytest.mark.parametrize("bad", ["local", "Production", "a b", "-a"])
def test_names_that_are_none(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main([f"--name={bad}"])
    assert caught.value.code == 2
    assert "--name" in capsys.readouterr().err


def test_a_name_that_nobody_registered(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="no platform block named 'nobody'") as caught:
        resolve("nobody")
    assert "python -m blocks.register --name nobody" in caught.value.todo


def test_prefect_is_away(environment: pytest.MonkeyPatch) -> None:
    away: dict[Any, Any] = {
        PREFECT_API_URL: "http://127.0.0.1:1/api",
        PREFECT_CLIENT_MAX_RETRIES: 0,
    }
    with temporary_settings(away), pytest.raises(TransientError, match="API does not answer"):
        resolve("production")


def test_a_connection_that_prefect_would_show() -> None:
    shown = SqlAlchemyConnector(connection_info="postgresql+psycopg://u:s3cret@host/db")
    with pytest.raises(ValidationError, match="give the connection as components") as caught:
        Platform(source="/a", lake="/b", warehouse=shown)
    assert "s3cret" not in str(caught.value)


def test_a_connection_to_another_kind_of_database() -> None:
    other = connector("postgresql://host/db", "A_SETTING")
    other.connection_info.driver = "mysql+pymysql"
    with pytest.raises(ConfigurationError, match="not one for PostgreSQL"):
        Platform(source="/a", lake="/b", warehouse=other).resources("testing")
