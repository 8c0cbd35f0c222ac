"""What a platform block is made of: from settings and AWS_* variables to blocks, saved by name."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from prefect.blocks.core import Block
from prefect.blocks.notifications import SlackWebhook
from prefect.blocks.system import Secret
from prefect_aws import AwsClientParameters, AwsCredentials, S3Bucket
from pydantic import SecretStr

from blocks.connectors import connector
from blocks.errors import ConfigurationError, CoreTelecomsError
from blocks.platform import Platform
from blocks.resolving import service_account
from blocks.settings import Settings
from blocks.stores.opening import folder
from blocks.stores.s3 import S3Store

_SLACK = re.compile(r"https?://hooks\.slack(-gov)?\.com/services/\w+/\w+/\w+/?$")
Values = dict[str, Any]  # of the platform block's fields


def from_settings(
    config: Settings, environment: Mapping[str, str]
) -> tuple[Values, dict[str, CoreTelecomsError]]:
    """The block's values, and what is wrong where there is none, both by field.

    `environment` holds the AWS_* variables.
    """
    aws = cache(lambda: _credentials(environment))
    makers: dict[str, Callable[[], Any]] = {
        "source": lambda: _place(config.source_url, "CORETELECOMS_SOURCE_URL", aws),
        "lake": lambda: _place(config.lake_url, "CORETELECOMS_LAKE_URL", aws),
        "agents_url": lambda: config.agents_url,
        "sheet_credentials": lambda: _secret(service_account(config)),
        "warehouse": lambda: _database(config.warehouse_dsn, "CORETELECOMS_WAREHOUSE_DSN"),
        "web_forms": lambda: (
            _database(config.web_forms_dsn, "CORETELECOMS_WEB_FORMS_DSN")
            if config.web_forms_dsn
            else None
        ),
        "readers": lambda: config.readers,
        "alerts": lambda: _slack(config.slack_webhook_url),
        "notify_on_success": lambda: config.slack_on_success,
        "erasure_key": lambda: _secret(config.erasure_key),
        "batch_rows": lambda: config.batch_rows,
        "max_quarantine": lambda: config.max_quarantine,
    }
    values: Values = {}
    wrong: dict[str, CoreTelecomsError] = {}
    for part, make in makers.items():
        try:
            values[part] = make()
        except CoreTelecomsError as error:
            wrong[part] = error
    return values, wrong


def save(values: Values, name: str) -> None:
    """Make or update the platform block, and each block it is made of as `{name}-{part}`."""
    for bucket in (values["source"], values["lake"]):
        if isinstance(bucket, S3Bucket):
            bucket.credentials.save(f"{name}-aws", overwrite=True)
    for part, value in values.items():
        if isinstance(value, Block):
            value.save(f"{name}-{part.replace('_', '-')}", overwrite=True)
    Platform(**values).save(name, overwrite=True)


def _needed(value: str | None, variable: str) -> str:
    if not value:
        raise ConfigurationError(
            "Not set", where=variable, todo="set it in the environment or in .env (.env.example)"
        )
    return value


def _place(url: str | None, variable: str, aws: Callable[[], AwsCredentials]) -> S3Bucket | str:
    """A bucket block or a folder's path: what the platform block holds of an address."""
    url = _needed(url, variable)
    if not url.startswith("s3:"):
        return str(folder(url))
    store = S3Store.at(url)
    return S3Bucket(bucket_name=store.bucket, bucket_folder=store.prefix, credentials=aws())


def _credentials(environment: Mapping[str, str]) -> AwsCredentials:
    """AWS_* as a block. Without keys, workers find their own: their machine's role, say."""
    if environment.get("AWS_SESSION_TOKEN"):
        raise ConfigurationError(
            "Temporary credentials can't be registered: they would expire, and Prefect shows "
            "their session token",
            where="AWS_SESSION_TOKEN",
            todo="register without AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN "
            "where workers have a role of their own, or with a key that lasts",
        )
    secret = environment.get("AWS_SECRET_ACCESS_KEY")
    return AwsCredentials(
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=SecretStr(secret) if secret else None,
        profile_name=environment.get("AWS_PROFILE"),
        region_name=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"),
        aws_client_parameters=AwsClientParameters(
            endpoint_url=environment.get("AWS_ENDPOINT_URL_S3")
            or environment.get("AWS_ENDPOINT_URL")
        ),
    )


def _database(dsn: str | None, variable: str) -> Any:
    return connector(_needed(dsn, variable), variable)


def _secret(text: str | None) -> Secret[Any] | None:
    return Secret(value=SecretStr(text)) if text else None


def _slack(url: str | None) -> SlackWebhook | None:
    if not url:
        return None
    if not _SLACK.match(url):
        raise ConfigurationError(
            "Not the address of a Slack webhook",
            where="CORETELECOMS_SLACK_WEBHOOK_URL",
            todo="give https://hooks.slack.com/services/…, as Slack shows it for the channel",
        )
    return SlackWebhook(url=SecretStr(url))
