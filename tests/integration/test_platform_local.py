"""The platform `local`: what its settings reach, and what it does without."""

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.s3_server import KEY, S3, SECRET

ROOT = Path(__file__).parents[2]


def python(code: str, folder: Path, **environment: str) -> str:
    """What a new process prints, in a folder and with no other settings than given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_folders_need_neither_prefect_nor_boto3_nor_sqlalchemy(
    tmp_path: Path, database: str
) -> None:
    loaded = python(
        "import sys; from blocks.resolving import resolve; r = resolve(); r.lake.write('a', b'1'); "
        "print([m for m in ('prefect', 'boto3', 'sqlalchemy', 'gspread') if m in sys.modules])",
        tmp_path,
        CORETELECOMS_WAREHOUSE_DSN=database,
    )
    assert loaded == "[]"
    assert (tmp_path / ".coretelecoms" / "lake" / "a").read_bytes() == b"1"


def test_what_it_keeps_is_its_owners_alone(tmp_path: Path, database: str) -> None:
    home = tmp_path / ".coretelecoms"
    python(
        "from blocks.resolving import resolve; resolve()",
        tmp_path,
        CORETELECOMS_WAREHOUSE_DSN=database,
    )
    names = ("lake", "sources", "dbt", "logs")
    assert {(home / name).stat().st_mode & 0o777 for name in names} == {0o700}
    key = (home / "erasure.key").read_text()
    assert len(key) == 64
    where = "from blocks.resolving import resolve; print(resolve().erasure_key_file)"
    for own, file in (({}, str(home / "erasure.key")), ({"CORETELECOMS_ERASURE_KEY": key}, "None")):
        assert python(where, tmp_path, CORETELECOMS_WAREHOUSE_DSN=database, **own) == file
    assert (home / "erasure.key").stat().st_mode & 0o777 == 0o600
    (home / "lake").chmod(0o750)  # somebody lets others in
    python(
        "from blocks.resolving import resolve; resolve()",
        tmp_path,
        CORETELECOMS_WAREHOUSE_DSN=database,
    )
    assert (home / "lake").stat().st_mode & 0o777 == 0o750
    assert (home / "erasure.key").read_text() == key  # made once


def test_a_dotenv_file_may_hold_all_of_s3(tmp_path: Path, s3: S3) -> None:
    s3.client().put_object(Bucket="lake", Key="telecom/agents.csv", Body=b"iD\n")
    (tmp_path / ".env").write_text(
        "CORETELECOMS_SOURCE_URL=s3://lake/telecom\n"
        "CORETELECOMS_AGENTS_URL=s3://lake/telecom/agents.csv\n"
        "CORETELECOMS_WAREHOUSE_DSN=postgresql://db/x\n"
        f"AWS_ENDPOINT_URL={s3.endpoint}\n"
        f"AWS_ACCESS_KEY_ID={KEY}\n"
        f"AWS_SECRET_ACCESS_KEY={SECRET}\n"
    )
    printed = python(
        "from blocks.resolving import resolve; r = resolve(); "
        "store, key = r.located(r.agents_url); print(r.source.url, r.samples, store.read(key))",
        tmp_path,
    )
    assert printed == "s3://lake/telecom None b'iD\\n'"
