"""What can be set from outside: every `CORETELECOMS_*` environment variable, with its default."""

import os
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from blocks.errors import ConfigurationError


class Settings(BaseSettings):
    """Settings of the process; the environment wins over a `.env` file in the working directory."""

    model_config = SettingsConfigDict(
        env_prefix="CORETELECOMS_", env_file=".env", env_ignore_empty=True, extra="ignore"
    )

    home: Path = Field(
        default=Path(".coretelecoms"),
        description="Folder of the embedded default: PostgreSQL's data, the lake, sample sources.",
    )
    source_url: str | None = Field(
        default=None,
        description="Folder or `s3://bucket/prefix` with the source objects. "
        "When set, no sample data is made and a missing object is an error.",
    )
    lake_url: str | None = Field(
        default=None, description="Folder or `s3://bucket/prefix` for bronze, silver and problems."
    )
    agents_url: str | None = Field(
        default=None,
        description="A CSV (folder path or `s3://`) or the address of a Google Sheet. "
        "Default: `agents/agents.csv` next to the other sources.",
    )
    web_forms_dsn: str | None = Field(
        default=None,
        repr=False,
        description="libpq URL of the database with schema `customer_complaints`.",
    )
    warehouse_dsn: str | None = Field(
        default=None,
        repr=False,
        description="libpq URL of the database to load. Default: embedded.",
    )
    readers: str | None = Field(
        default=None,
        # with room for `_personal` in PostgreSQL's 63 bytes
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,53}$",
        description="Database role that may read `analytics` without personal columns; "
        "the role of this name and `_personal` may read all of it, and `conformed`.",
    )
    sheet_credentials: str | None = Field(
        default=None,
        repr=False,
        description="Key of the Google service account that may read the agents' sheet: "
        "path of its JSON file, or the JSON itself.",
    )
    slack_webhook_url: str | None = Field(
        default=None,
        repr=False,
        description="Slack incoming webhook for messages about failed runs. Default: no messages.",
    )
    slack_on_success: bool = Field(
        default=False, description="Send a message about completed runs, too."
    )
    erasure_key: str | None = Field(
        default=None,
        repr=False,
        min_length=16,
        description="Secret of 16 or more characters, under which erased people are remembered as "
        "hashes. Default: `erasure.key` in `CORETELECOMS_HOME`, made once.",
    )
    batch_rows: int = Field(
        default=100_000, gt=0, description="Rows of one `COPY` batch: what a retry repeats at most."
    )
    max_quarantine: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of a day's rows (0 to 1) that may go to quarantine; "
        "a day with more is not published.",
    )
    quarantine_alert: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of a run date's rows (0 to 1) in quarantine above which "
        "the daily run emits `coretelecoms.daily.quarantine`, for an alert.",
    )
    retry_seconds: float = Field(
        default=10.0,
        gt=0,
        description="Wait before the first retry of a transient error; "
        "the second waits twice as long.",
    )
    keep_bronze: int | None = Field(
        default=None,
        ge=0,
        description="Days that `flows.tidy` leaves of the channels' bronze files, by run date. "
        "Default: all.",
    )
    keep_silver: int = Field(
        default=14,
        ge=0,
        description="Days that it leaves of silver, problems and rejects, "
        "which can be made again from bronze.",
    )
    keep_rejected: int | None = Field(
        default=None,
        ge=0,
        description="Days that it leaves of quarantine, field problems and rejected deliveries "
        "in the database. Default: all.",
    )
    keep_logs: int = Field(
        default=30,
        ge=1,
        description="Days that it leaves of dbt's logs and of flow runs in Prefect's database.",
    )
    task_runner: Literal["threads", "dask"] = Field(
        default="threads",
        description="Where a run's tasks run: threads, or a Dask cluster (extra `dask`).",
    )
    dask_address: str | None = Field(
        default=None,
        description="Scheduler of a running Dask cluster. Default: a local one of 2 workers.",
    )


@cache
def settings() -> Settings:
    """The settings, read once a process. Raises ConfigurationError."""
    return read(Path(".env"))


def read(env_file: Path) -> Settings:
    """The settings of the environment and a `.env` file. Raises ConfigurationError."""
    try:
        return Settings(_env_file=env_file)  # type: ignore[call-arg]
    except ValidationError as error:
        # without its text, which quotes what was set.
        wrong = {f"CORETELECOMS_{problem['loc'][0]}".upper() for problem in error.errors()}
        raise ConfigurationError(
            f"Not a valid value: {', '.join(sorted(wrong))}",
            where="the environment or .env",
            todo="see docs/configuration.md for what it may be",
        ) from None


def aws_variables(env_file: Path) -> dict[str, str]:
    """The AWS_* variables of the environment, which wins, and a `.env` file."""
    from dotenv import dotenv_values

    both = {**dotenv_values(env_file), **os.environ}
    return {name: value for name, value in both.items() if name.startswith("AWS_") and value}
