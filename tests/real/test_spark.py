"""Days that Spark wrote, loaded: the tables hold what the oracle makes of the plain text."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from blocks.errors import SourceUnreadableError
from blocks.resources import Resources
from tasks.entities.contracts import CALL_LOGS, SM_COMPLAINTS
from tasks.entities.model import Entity
from tests import oracle, writers
from tests.writers import CALLS, DAY, KNOWN_AGENTS, KNOWN_CUSTOMERS, LABELS

ROOT = Path(__file__).parents[2]
PYSPARK = ROOT / ".venv" / "spark"  # `make test-real` installs it
CALL_KINDS = dict.fromkeys(LABELS.values(), "string") | {
    "call ID": "bigint",
    "customeR iD": "int",
    "agent ID": "int",
    "call_start_time": "timestamp",
    "call_end_time": "timestamp",
    "callLogsGenerationDate": "date",
}
COMPLAINT_KINDS = {
    "complaint_id": "string",
    "customeR iD": "int",
    "COMPLAINT_catego ry": "string",
    "agent ID": "int",
    "resolutionstatus": "string",
    "request_date": "timestamp",
    "resolution_date": "date",
    "media_channel": "string",
    "MediaComplaintGenerationDate": "date",
}
COMPLAINTS = [
    {
        "complaint_id": f"m{call['call_id']}",
        "customer_id": call["customer_id"],
        "complaint_category": call["complaint_category"],
        "agent_id": call["agent_id"],
        "resolution_status": call["resolution_status"],
        "request_date": call["call_start_time"],
        "resolution_date": call["call_end_time"] and DAY,
        "media_channel": "TWITTER",
        "media_complaint_generation_date": DAY,
    }
    for call in CALLS
]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all that Spark wrote (spark_days.py)."""
    assert PYSPARK.is_dir(), "make test-real installs pyspark"
    folder = tmp_path_factory.mktemp("spark")
    days = {
        name: [kinds, [[None if v is None else str(v) for v in row.values()] for row in rows]]
        for name, kinds, rows in (
            ("calls", CALL_KINDS, CALLS),
            ("complaints", COMPLAINT_KINDS, COMPLAINTS),
        )
    }
    (folder / "days.json").write_text(json.dumps(days))
    subprocess.run(
        [sys.executable, Path(__file__).with_name("spark_days.py"), folder / "days.json", folder],
        env=os.environ | {"PYTHONPATH": str(PYSPARK), "PYSPARK_PYTHON": sys.executable},
        check=True,
    )
    return folder


@pytest.fixture
def known(resources: Resources) -> Resources:
    """A database that knows the customers and agents."""
    return writers.know(resources)


def deliver(folder: Path, resources: Resources, entity: Entity) -> None:
    shutil.copytree(folder, writers.place(resources, folder.suffix, entity))


@pytest.mark.parametrize(
    "name",
    [
        "quotes doubled.csv",
        "packed.csv",
        "one part.csv",
        "floats.csv",
        "as it is.parquet",
        "zstd.parquet",
        "floats.parquet",
        "without a zone.parquet",
        "as it is.json",
    ],
)
def test_calls(name: str, written: Path, known: Resources) -> None:
    deliver(written / name, known, CALL_LOGS)
    writers.check(CALL_LOGS, known, writers.EXPECTED)


@pytest.mark.parametrize(
    "name", ["complaints.json", "packed complaints.json", "complaints.parquet"]
)
def test_complaints(name: str, written: Path, known: Resources) -> None:
    deliver(written / name, known, SM_COMPLAINTS)
    plain = [{c: writers.text_of(v) for c, v in row.items()} for row in COMPLAINTS]
    expected = oracle.interpret("sm_complaints", plain, KNOWN_CUSTOMERS, KNOWN_AGENTS)
    assert expected.counts["loaded"]
    writers.check(SM_COMPLAINTS, known, expected)


@pytest.mark.parametrize("name", ["no row.csv", "no row.parquet", "no row.json"])
def test_a_day_without_rows(name: str, written: Path, known: Resources) -> None:
    deliver(written / name, known, CALL_LOGS)
    expected = oracle.interpret("call_logs", [], KNOWN_CUSTOMERS, KNOWN_AGENTS)
    writers.check(CALL_LOGS, known, expected)


def test_quotes_after_a_backslash_are_refused(written: Path, known: Resources) -> None:
    deliver(written / "as it is.csv", known, CALL_LOGS)
    with pytest.raises(SourceUnreadableError, match=r"written as \\\""):
        writers.refined(CALL_LOGS, known)
