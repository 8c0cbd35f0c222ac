"""S3 as a store: boto3 for single objects, Polars' own object store for Parquet."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from blocks.errors import ConfigurationError, CoreTelecomsError, SourceMissingError
from blocks.stores.disk_errors import from_disk
from blocks.stores.s3_errors import answered, from_boto, from_polars, not_set_up

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config
    from mypy_boto3_s3 import S3Client

KEEP_SECONDS = 600.0  # then credentials are renewed: a role's expire
PARTS = ".parts"  # below the prefix: what is not whole yet
COPY_BYTES = 256 << 20  # of one copying request inside S3
CHECKSUMS = "AWS_REQUEST_CHECKSUM_CALCULATION"

# a session, and the client's parameters (endpoint, region, configuration).
Connect = Callable[[], tuple["boto3.Session", dict[str, Any]]]


def from_environment() -> tuple["boto3.Session", dict[str, Any]]:
    """A session as AWS_*, `~/.aws` or the machine's role say."""
    import boto3

    return boto3.Session(), {}


class Access:
    """A way into S3, shared by threads and stores: credentials, endpoint, region."""

    def __init__(self, connect: Connect = from_environment, name: str = "AWS_* variables") -> None:
        self._connect, self._name = connect, name
        self._lock = threading.Lock()
        self._made: tuple[S3Client, Any, bool] | None = None
        self._since = 0.0

    def client(self) -> "S3Client":
        """A boto3 client; it may be used from any thread. Raises ConfigurationError."""
        return self._connected()[0]

    def storage_options(self) -> dict[str, Any]:
        """The same access as Polars wants it: with the credentials of this moment."""
        client, credentials, trusting = self._connected()
        if credentials is None:
            raise not_set_up("There are no AWS credentials", self._name)
        try:
            frozen = credentials.get_frozen_credentials()
        except Exception as error:
            raise (from_boto(error, self._name) or error) from None
        endpoint = client.meta.endpoint_url
        style = getattr(client.meta.config, "s3", None) or {}
        virtual = style.get("addressing_style") == "virtual"
        options: dict[str, Any] = {
            "aws_access_key_id": frozen.access_key,
            "aws_secret_access_key": frozen.secret_key,
            "aws_region": client.meta.region_name or "us-east-1",
            "aws_virtual_hosted_style_request": str(virtual).lower(),
            "aws_allow_http": str(endpoint.startswith("http://")).lower(),
        }
        if trusting:
            options["allow_invalid_certificates"] = "true"
        retries = getattr(client.meta.config, "retries", None) or {}
        if attempts := retries.get("total_max_attempts"):
            options["max_retries"] = attempts - 1
        if frozen.token:
            options["aws_session_token"] = frozen.token
        if not virtual:  # Polars builds a virtual host's name from bucket and region alone
            options["aws_endpoint_url"] = endpoint
        return options

    def _connected(self) -> tuple["S3Client", Any, bool]:
        with self._lock:
            if self._made is None or time.monotonic() - self._since > KEEP_SECONDS:
                try:
                    session, parameters = self._connect()
                    parameters["config"] = _patient(parameters.get("config"))
                    client: S3Client = session.client("s3", **parameters)
                    trusting = parameters.get("verify") is False
                    self._made = client, session.get_credentials(), trusting
                except Exception as error:
                    if isinstance(error, ValueError):  # botocore's for a malformed endpoint
                        raise not_set_up("The S3 endpoint is not an address", self._name) from None
                    raise (from_boto(error, self._name) or error) from None
                self._since = time.monotonic()
            return self._made


def _patient(given: "Config | None") -> "Config":
    """Retries, timeouts and checksums, where the platform block doesn't ask for others."""
    from botocore.config import Config

    ours = Config(
        retries={"mode": "standard"},
        connect_timeout=10,
        read_timeout=60,
        # boto3's own default, a checksum behind the data, is refused by many servers that aren't
        # Amazon's; without it boto3 signs what it sends.
        request_checksum_calculation=os.environ.get(CHECKSUMS, "when_required"),  # type: ignore[arg-type]
    )
    return ours.merge(given) if given else ours


@dataclass(frozen=True)
class S3Store:
    """Objects below a prefix of a bucket."""

    bucket: str
    prefix: str = ""
    access: Access = field(default_factory=Access, repr=False, compare=False)

    @classmethod
    def at(cls, url: str, access: Access | None = None) -> "S3Store":
        """The store at `s3://bucket/prefix`. Raises ConfigurationError."""
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        if not url.startswith("s3://") or not bucket:
            raise ConfigurationError(
                "Not an S3 address", where=url, todo="give s3://bucket or s3://bucket/prefix"
            )
        return cls(bucket, prefix.strip("/"), access or Access())

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def storage_options(self) -> dict[str, Any]:
        return self.access.storage_options()

    def uri(self, key: str) -> str:
        return f"{self.url}/{key}".rstrip("/")

    def keys(self, prefix: str) -> list[str]:
        return list(self.sizes(prefix))

    def sizes(self, prefix: str) -> dict[str, int]:
        with self.translating(prefix):
            pages = self.access.client().get_paginator("list_objects_v2")
            found = pages.paginate(Bucket=self.bucket, Prefix=self._name(prefix))
            cut = len(self._name(""))
            objects = chain.from_iterable(page.get("Contents", ()) for page in found)
            return {each["Key"][cut:]: each["Size"] for each in objects}

    def local_copy(self, key: str, spool: Path) -> Path:
        path = spool / Path(key).name
        with self.translating(key):
            try:
                with path.open("wb") as file:
                    self.access.client().download_fileobj(self.bucket, self._name(key), file)
            except Exception:
                path.unlink(missing_ok=True)
                raise
        return path

    @contextmanager
    def writing(self, key: str) -> Iterator[str]:
        part = f"{PARTS}/{uuid4().hex}-{Path(key).name}"
        try:
            with self.translating(key):
                yield self.uri(part)
                self._copy(self._name(part), self._name(key))
        finally:
            # what failed above says more than that its part can't be removed either.
            with suppress(Exception):
                self.access.client().delete_object(Bucket=self.bucket, Key=self._name(part))

    @contextmanager
    def translating(self, key: str) -> Iterator[None]:
        where = self.uri(key)
        try:
            yield
        except Exception as error:
            ours = from_boto(error, where) or from_polars(error, where) or from_disk(error, where)
            if ours is None:
                raise
            if isinstance(ours, SourceMissingError):
                ours = self._without_bucket(where) or ours
            raise ours from None

    def read(self, key: str) -> bytes | None:
        try:
            with self.translating(key):
                answer = self.access.client().get_object(Bucket=self.bucket, Key=self._name(key))
                return answer["Body"].read()
        except SourceMissingError:
            return None

    def write(self, key: str, data: bytes) -> None:
        with self.translating(key):
            self.access.client().put_object(Bucket=self.bucket, Key=self._name(key), Body=data)

    def copy(self, key: str, to: str) -> None:
        with self.translating(key):
            self._copy(self._name(key), self._name(to))

    def delete(self, key: str) -> None:
        with self.translating(key):
            self.access.client().delete_object(Bucket=self.bucket, Key=self._name(key))

    def check(self) -> None:
        with self.translating(""):
            self.access.client().list_objects_v2(
                Bucket=self.bucket, Prefix=f"{self.prefix}/" if self.prefix else "", MaxKeys=1
            )

    def _without_bucket(self, where: str) -> CoreTelecomsError | None:
        """The error for a missing bucket, if it is missing: HEAD answers both with a bare 404."""
        try:
            self.access.client().head_bucket(Bucket=self.bucket)
        except Exception as error:
            if isinstance(from_boto(error, where), SourceMissingError):
                return answered("NoSuchBucket", 404, where)
        return None

    def _copy(self, name: str, to: str) -> None:
        """Copy inside S3: the bytes don't pass through here."""
        from boto3.s3.transfer import TransferConfig

        self.access.client().copy(
            {"Bucket": self.bucket, "Key": name},
            self.bucket,
            to,
            Config=TransferConfig(multipart_threshold=COPY_BYTES, multipart_chunksize=COPY_BYTES),
        )

    def _name(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key
