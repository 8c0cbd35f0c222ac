"""A Prefect API that can't be used: what is wrong and which setting is missing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import made_once
from tests.integration.server import ROOT, Server, running
from tests.integration.test_s3_tls import endpoint, own_authority  # noqa: F401

LOGIN = "admin:pa55"


def failure(tmp_path: Path, url: str, **variables: str) -> dict[str, str]:
    """Why a run failed that could not begin."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "CORETELECOMS_"))}
    home = {"PREFECT_HOME": str(tmp_path / "own"), "CORETELECOMS_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-m", "flows.daily", "--json", "--run-date", "2025-11-20"],
        cwd=ROOT,
        env=ours | home | {"PREFECT_API_URL": url} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "pa55" not in done.stdout + done.stderr
    (found,) = json.loads(done.stdout)["error"]["failures"]
    return dict(found)


@pytest.fixture(scope="module")
def with_login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that asks for a login; its address."""
    server = Server(tmp_path_factory.mktemp("server"), PREFECT_SERVER_API_AUTH_STRING=LOGIN)
    with made_once(server.prefect_database, tmp_path_factory), running(server):
        yield server.url


@pytest.mark.parametrize("variables", [{}, {"PREFECT_API_AUTH_STRING": "admin:other"}])
def test_a_login_that_is_missing_or_wrong(
    tmp_path: Path, with_login: str, variables: dict[str, str]
) -> None:
    found = failure(tmp_path, with_login, **variables)
    assert found["what"] == "Prefect's API refused access (401)"
    assert found["where"] == f"PREFECT_API_URL={with_login}"
    assert "PREFECT_API_AUTH_STRING" in found["todo"]


def test_a_certificate_that_is_not_trusted(
    tmp_path: Path,
    endpoint: str,  # noqa: F811
) -> None:
    url = f"{endpoint.replace('://', '://user:pa55@')}/api"
    found = failure(tmp_path, url)
    assert found["what"] == "The certificate of Prefect's API is not trusted"
    assert found["where"] == f"PREFECT_API_URL={endpoint}/api"
    assert "PREFECT_API_SSL_CERT_FILE" in found["todo"]
    # with that it is trusted, and refuses us.
    trusted = failure(tmp_path, url, PREFECT_API_SSL_CERT_FILE=str(tmp_path / "server.pem"))
    assert trusted["what"] == "Prefect's API refused access (403)"
