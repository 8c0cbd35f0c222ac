"""Where files live: a local folder or an S3 prefix, behind the same few verbs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


class Store(Protocol):
    """A place for files, named by keys with `/` between their parts."""

    @property
    def url(self) -> str:
        """Address for people, without secrets."""

    def uri(self, key: str) -> str:
        """Address of one object as Polars reads and writes it."""

    @property
    def storage_options(self) -> dict[str, Any] | None:
        """What Polars needs beside the URI; None for local files."""

    def local_copy(self, key: str, spool: Path) -> Path:
        """A local file with the object's bytes: the file itself, or a download into `spool`.

        Raises SourceMissingError, ConfigurationError (bucket, credentials), StoreUnavailableError.
        """

    def read(self, key: str) -> bytes | None:
        """A small object's bytes, or None when it isn't there."""

    def write(self, key: str, data: bytes) -> None:
        """Write a small object, atomically."""

    def publish(self, local: Path, key: str) -> None:
        """Put a finished local file at `key`, atomically; the local file is gone afterwards."""

    def delete(self, key: str) -> None:
        """Remove an object; fine when it isn't there."""
