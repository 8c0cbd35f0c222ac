"""The platform block: all that the pipeline touches, as one Prefect block made of others."""

import json
from collections.abc import Callable
from typing import Any

from prefect.blocks.core import Block, schema_extra
from prefect.blocks.notifications import SlackWebhook
from prefect.blocks.system import Secret
from prefect_aws import AwsCredentials, MinIOCredentials, S3Bucket
from prefect_sqlalchemy import (  # type: ignore[import-untyped]
    ConnectionComponents,
    SqlAlchemyConnector,
)
from pydantic import ConfigDict, Field, ValidationError, field_validator

from blocks.connectors import dsn
from blocks.errors import ConfigurationError
from blocks.prefect_api import asking_prefect
from blocks.resources import Resources
from blocks.settings import Settings
from blocks.stores.opening import opened
from blocks.stores.s3 import Access, S3Store
from blocks.stores.store import Store

_AS_SET: dict[str, Any] = Settings.model_fields  # fields that the block and the settings share


def _schema(schema: dict[str, Any], model: type[Block]) -> None:
    """A block's schema as Prefect makes it, less one of the two references to a bucket.

    Prefect's server (3.9.1) can't put a schema together again that reaches a choice between blocks,
    as a bucket's credentials are, on two ways: it answers 500, and no block can be updated.
    What is stored doesn't change. Drop this when it can: test_it_is_registered_twice shows it.
    """
    schema_extra(schema, model)
    schema["block_schema_references"].pop("source", None)


class Platform(Block):
    """Where the sources, the lake and the databases are, and how to reach them."""

    # a validation error would quote the connection it refuses, password and all.
    model_config = ConfigDict(
        hide_input_in_errors=True,
        json_schema_extra=_schema,
    )
    _block_type_name = "CoreTelecoms Platform"
    _block_type_slug = "coretelecoms-platform"
    _description = (
        "Sources, lake, databases and alerts of the CoreTelecoms complaint pipeline. "
        "Made by `python -m blocks.register`; flows take its name as the parameter `platform`."
    )

    source: S3Bucket | str = Field(
        description="Bucket and folder of the source objects, or a local folder's path."
    )
    lake: S3Bucket | str = Field(
        description="Bucket and folder of bronze, silver and problems, or a local folder's path."
    )
    agents_url: str | None = Field(
        default=None,
        description="A CSV (path or s3:// address) or the address of a Google Sheet; "
        "without it, agents/agents.csv next to the other sources.",
    )
    sheet_credentials: Secret | None = Field(
        default=None, description="JSON key of the Google service account that reads the sheet."
    )
    warehouse: SqlAlchemyConnector = Field(description="The PostgreSQL database to load.")
    web_forms: SqlAlchemyConnector | None = Field(
        default=None,
        description="The PostgreSQL database with schema customer_complaints; "
        "without it, the warehouse.",
    )
    readers: str | None = _AS_SET["readers"]
    alerts: SlackWebhook | None = Field(
        default=None, description="Gets messages about failed runs; without it, there are none."
    )
    notify_on_success: bool = Field(
        default=False, description="Whether completed runs get a message, too."
    )
    erasure_key: Secret | None = Field(
        default=None,
        description="Key under which erased people are remembered as hashes; needed to erase.",
    )
    batch_rows: int = Field(default=100_000, gt=0, description="Rows of one COPY batch.")
    max_quarantine: float = _AS_SET["max_quarantine"]

    @field_validator("warehouse", "web_forms")
    @classmethod
    def _password_is_masked(cls, connector: SqlAlchemyConnector | None) -> Any:
        if connector and not isinstance(connector.connection_info, ConnectionComponents):
            raise ValueError(
                "give the connection as components: Prefect shows a URL with its password"
            )
        return connector

    @classmethod
    def named(cls, name: str) -> "Platform":
        """The registered block of that name, from any thread.

        Raises ConfigurationError, and TransientError when Prefect's API does not answer.
        """
        again = f"python -m blocks.register --name {name}"
        try:
            # without `_sync` a caller inside an async flow would be given a coroutine.
            with asking_prefect():
                return cls.load(name, _sync=True)  # type: ignore
        except ValueError:
            raise ConfigurationError(
                f"There is no platform block named {name!r}",
                where="Prefect's blocks",
                todo=f"register it ({again}), or run with --platform local",
            ) from None
        except RuntimeError as error:
            if not isinstance(error.__cause__, ValidationError):
                raise
            # its cause may quote what is stored.
            raise ConfigurationError(
                f"The platform block {name!r} is not complete, or of another version",
                where="Prefect's blocks",
                todo=f"register it again: {again}",
            ) from None

    def resources(self, name: str) -> Resources:
        """What the tasks need of it. Raises ConfigurationError."""
        warehouse = dsn(self.warehouse)
        return Resources(
            platform=name,
            source=store_of(self.source, name),
            lake=store_of(self.lake, name),
            agents_url=self.agents_url,
            warehouse_dsn=warehouse,
            web_forms_dsn=dsn(self.web_forms) if self.web_forms else warehouse,
            readers=self.readers or "",
            batch_rows=self.batch_rows,
            max_quarantine=self.max_quarantine,
            sheet_credentials=sheet_key(self.sheet_credentials),
            erasure_key=self.erasure_key.get() if self.erasure_key else None,
            slack_url=self.alerts.url.get_secret_value() if self.alerts else None,
            slack_on_success=self.notify_on_success,
            opened=opener(self.source, name),
        )


def sheet_key(secret: Secret[Any] | None) -> str | None:
    """The service account's key as JSON text: a loaded Secret gives what the text says."""
    key = secret.get() if secret else None
    return key if key is None or isinstance(key, str) else json.dumps(key)


def opener(source: S3Bucket | str, name: str) -> Callable[[str], Store]:
    """What opens a store at an address of its own, with the source's credentials if on S3."""
    if isinstance(source, str):
        return opened
    access = access_of(source.credentials, name)
    return lambda url: S3Store.at(url, access) if url.startswith("s3:") else opened(url)


def store_of(place: S3Bucket | str, name: str) -> Store:
    """The store of a bucket block or a folder's path; `name` is the platform's, for messages."""
    if isinstance(place, str):
        return opened(place)
    access = access_of(place.credentials, name)
    return S3Store(place.bucket_name, place.bucket_folder.strip("/"), access)


def access_of(credentials: AwsCredentials | MinIOCredentials, name: str) -> Access:
    """The way into S3 that a credentials block describes."""

    def connect() -> tuple[Any, dict[str, Any]]:
        parameters = credentials.aws_client_parameters.get_params_override()
        if credentials.region_name:
            parameters["region_name"] = credentials.region_name
        return credentials.get_boto3_session(), parameters

    return Access(connect, f"AWS credentials of the platform block {name}")
