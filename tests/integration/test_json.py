"""`--json`: a run's outcome as one object for scripts, and nothing else on standard output."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL

ROOT = Path(__file__).parents[2]
DAY = "2025-11-20"
COMMANDS = {
    "daily": ["--run-date", DAY],
    "static_data": ["--run-date", DAY],
    "backfill": ["--from", DAY, "--to", DAY],
}


@pytest.fixture
def profile(local: Path, tmp_path: Path) -> dict[str, str]:
    """The surroundings of somebody who said `prefect config set PREFECT_API_URL=…` once."""
    home = tmp_path / "prefect"
    home.mkdir()
    url = PREFECT_API_URL.value()
    (home / "profiles.toml").write_text(
        f'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "{url}"\n'
    )
    own = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    return own | {"PREFECT_HOME": str(home), "PREFECT_PROFILE": "mine"}


def run(command: str, environment: dict[str, str]) -> tuple[int, dict[str, Any], str]:
    """A command's exit code, its object, and what it wrote to standard error."""
    done = subprocess.run(
        [sys.executable, "-m", f"flows.{command}", "--json", *COMMANDS[command]],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout), done.stderr


def page(found: dict[str, Any]) -> str:
    """Its page in the UI of the server that the profile names."""
    return f"{str(PREFECT_API_URL.value()).removesuffix('/api')}/runs/flow-run/{found['flow_run']}"


def test_a_completed_run(profile: dict[str, str]) -> None:
    code, found, said = run("static_data", profile)
    assert (code, found["state"], found["error"]) == (0, "Completed", None)
    assert found["run_date"] == DAY
    loaded = {row["entity"]: row["loaded"] for row in found["ledger"]}
    assert set(loaded) == {"customers", "agents"}
    for entity, rows in loaded.items():
        step = found["steps"][f"load_{entity}"]
        assert (step["status"], step["rows"]) == ("done", rows)
    assert found["page"] == page(found)
    assert f"with Prefect at {PREFECT_API_URL.value()}" in said
    assert page(found) in said
    assert said.strip().split("\n")[-1].startswith("✔ Completed in ")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_failed_run(command: str, local: Path, profile: dict[str, str]) -> None:
    folder = local / "sources" / "customers"
    folder.mkdir(parents=True)
    (folder / "customers_dataset.csv").write_text("customer_id,nom\n1,2\n")
    code, found, said = run(command, profile)
    assert (code, found["state"]) == (1, "Failed")
    assert found["page"] == page(found)
    assert page(found) in said
    error = found["error"]
    if command == "backfill":
        assert found["days"][DAY]["status"] == "failed"
        assert error["counts"] == "0 of 1 days completed"
        error = error["days"][DAY]
    (failure,) = error["failures"]
    assert failure["step"] == "ingest_customers"
    assert "missing name" in failure["what"]
    assert failure["where"].endswith("customers_dataset.csv")
    assert failure["todo"]
    assert "load_customers" in error["held_back"]
    assert error["gate_closed"] == (command != "static_data")


def test_a_run_that_never_began(local: Path) -> None:
    code, found, _ = run("daily", os.environ | {"PREFECT_API_URL": "http://127.0.0.1:9/api"})
    assert (code, found["state"], found["page"]) == (1, "Failed", None)
    (failure,) = found["error"]["failures"]
    assert failure["what"] == "Prefect's API does not answer"
    assert failure["where"] == "PREFECT_API_URL=http://127.0.0.1:9/api"
