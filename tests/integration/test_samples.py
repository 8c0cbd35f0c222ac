"""Sample sources in place: files and web-forms table, made once, moving forward, two at a time."""

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest

from blocks import samples
from blocks.errors import DatabaseUnavailableError

DAY = date(2025, 11, 21)
LATER = DAY + timedelta(3)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def web_forms(dsn: str, day: date) -> list[tuple[str | None, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            f"SELECT * FROM customer_complaints.web_form_request_{day:%Y_%m_%d} ORDER BY ctid"
        ).fetchall()


def test_a_day_is_made_in_the_published_places_and_left_alone_afterwards(
    tmp_path: Path, database: str
) -> None:
    assert samples.ensure(tmp_path, database, DAY)
    made = files(tmp_path)
    assert made == {
        "customers/customers_dataset.csv": samples.customers_csv(DAY),
        "customers/.as_of": b"2025-11-21",
        "agents/agents.csv": samples.agents_csv(DAY),
        "agents/.as_of": b"2025-11-21",
        "call logs/call_logs_day_2025-11-21.csv": samples.call_logs_csv(DAY),
        "social_medias/media_complaint_day_2025-11-21.json": samples.sm_complaints_json(DAY),
    }
    labels, rows = samples.web_complaints(DAY)
    assert web_forms(database, DAY) == [tuple(row) for row in rows]
    with psycopg.connect(database) as connection:
        columns = connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_name = 'web_form_request_2025_11_21' ORDER BY ordinal_position"
        ).fetchall()
    assert columns == [(label, "text") for label in labels]

    assert not samples.ensure(tmp_path, database, DAY)
    assert files(tmp_path) == made


def test_static_files_move_forward_and_never_back(tmp_path: Path, database: str) -> None:
    customers, agents = tmp_path / "customers/customers_dataset.csv", tmp_path / "agents/agents.csv"
    samples.ensure(tmp_path, database, DAY)
    samples.ensure(tmp_path, database, LATER)
    assert customers.read_bytes() == samples.customers_csv(LATER) != samples.customers_csv(DAY)
    assert agents.read_bytes() == samples.agents_csv(LATER) != samples.agents_csv(DAY)

    samples.ensure(tmp_path, database, DAY + timedelta(1))
    assert customers.read_bytes() == samples.customers_csv(LATER)
    customers.unlink()
    assert samples.ensure(tmp_path, database, DAY)
    assert customers.read_bytes() == samples.customers_csv(LATER)


def test_what_somebody_put_there_stays(tmp_path: Path, database: str) -> None:
    own = {
        "customers/customers_dataset.csv": b"customer_id\n1\n",
        "call logs/call_logs_day_2025-11-21.csv": b"call ID\n1\n",
    }
    for key, data in own.items():
        (tmp_path / key).parent.mkdir()
        (tmp_path / key).write_bytes(data)
    with psycopg.connect(database) as connection:
        connection.execute("CREATE SCHEMA customer_complaints")
        connection.execute(
            "CREATE TABLE customer_complaints.web_form_request_2025_11_21 AS SELECT 'mine' AS a"
        )
    samples.ensure(tmp_path, database, DAY)
    assert {key: files(tmp_path)[key] for key in own} == own
    assert web_forms(database, DAY) == [("mine",)]
    assert (tmp_path / "agents/agents.csv").exists()


def test_processes_at_work_at_once_make_what_one_makes(tmp_path: Path, database: str) -> None:
    code = (
        "import sys; from datetime import date; from pathlib import Path;"
        "from blocks import samples; sys.stdin.readline();"
        "samples.ensure(Path(sys.argv[1]), sys.argv[2], date.fromisoformat(sys.argv[3]))"
    )
    days = [LATER, DAY, LATER, DAY]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), database, str(day)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for day in days
    ]
    for process in processes:  # all have their modules loaded or will: let them go together
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        assert process.communicate()[1] == ""
        assert process.returncode == 0

    made = files(tmp_path)
    assert len(made) == 8
    assert made["customers/customers_dataset.csv"] == samples.customers_csv(LATER)
    assert made["agents/agents.csv"] == samples.agents_csv(LATER)
    for day in {*days}:
        assert made[f"call logs/call_logs_day_{day}.csv"] == samples.call_logs_csv(day)
        assert len(web_forms(database, day)) == len(samples.web_complaints(day)[1])


def test_a_web_forms_database_that_is_away_is_said_so_and_leaves_no_table(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailableError, match="No connection"):
        samples.ensure(tmp_path, f"postgresql://postgres:@/postgres?host={tmp_path}", DAY)
    assert files(tmp_path) == {}
