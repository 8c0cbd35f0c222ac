"""Where files live: a local folder or an S3 prefix, behind the same few verbs."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from blocks.errors import SourceMissingError


class Store(Protocol):
    """A place for files, named by keys with `/` between their parts."""

    @property
    def url(self) -> str:
        """Address for people, without secrets."""

    @property
    def storage_options(self) -> dict[str, Any] | None:
        """What Polars needs beside a URI; None for local files."""

    def uri(self, key: str) -> str:
        """Address of one object as Polars reads it."""

    def local_copy(self, key: str, spool: Path) -> Path:
        """A local file with the object's bytes: the file itself, or a download into `spool`.

        Raises SourceMissingError, ConfigurationError (bucket, credentials), StoreUnavailableError.
        """

    def writing(self, key: str) -> AbstractContextManager[str]:
        """The URI to write an object to; it appears whole at the end of the block, or not at all."""

    def read(self, key: str) -> bytes | None:
        """A small object's bytes, or None when it isn't there."""

    def write(self, key: str, data: bytes) -> None:
        """Write a small object, atomically."""

    def delete(self, key: str) -> None:
        """Remove an object; fine when it isn't there."""


@dataclass(frozen=True)
class LocalStore:
    """A folder."""

    root: Path

    @property
    def url(self) -> str:
        return str(self.root)

    @property
    def storage_options(self) -> None:
        return None

    def uri(self, key: str) -> str:
        return str(self.root / key)

    def local_copy(self, key: str, spool: Path) -> Path:
        path = self.root / key
        if not path.is_file():
            raise SourceMissingError(
                "The source file does not exist",
                where=str(path),
                todo="check the folder and the run date, or wait for the file and run again",
            )
        return path

    @contextmanager
    def writing(self, key: str) -> Iterator[str]:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
        try:
            yield str(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def read(self, key: str) -> bytes | None:
        path = self.root / key
        return path.read_bytes() if path.is_file() else None

    def write(self, key: str, data: bytes) -> None:
        with self.writing(key) as part:
            Path(part).write_bytes(data)

    def delete(self, key: str) -> None:
        (self.root / key).unlink(missing_ok=True)
