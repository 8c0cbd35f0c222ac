"""What a store is: a place for files, on disk or in S3, with the same few methods."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol


class Store(Protocol):
    """A place for files, named by keys with `/` between their parts.

    Its verbs raise SourceMissingError, ConfigurationError (folder, bucket, credentials),
    StoreUnavailableError, and TerminalError when a disk is full.
    """

    @property
    def url(self) -> str:
        """Address for people, without secrets."""

    @property
    def storage_options(self) -> dict[str, Any] | None:
        """What Polars needs besides a URI; None for local files. Holds secrets."""

    def uri(self, key: str) -> str:
        """Address of one object as Polars reads it."""

    def keys(self, prefix: str) -> list[str]:
        """The objects whose key begins so, in the order of their keys."""

    def sizes(self, prefix: str) -> dict[str, int]:
        """The objects whose key begins so, in the same order, each with its bytes."""

    def local_copy(self, key: str, spool: Path) -> Path:
        """A local file with the object's bytes: the file itself, or a download into `spool`."""

    def writing(self, key: str) -> AbstractContextManager[str]:
        """The URI to write an object to; it appears whole at the end of the block, or not at all.

        What the block's own writing meets is translated, as `translating` does.
        """

    def translating(self, key: str) -> AbstractContextManager[None]:
        """Turn what Polars or Python meet at the object within the block into our errors."""

    def read(self, key: str) -> bytes | None:
        """A small object's bytes, or None when it isn't there."""

    def write(self, key: str, data: bytes) -> None:
        """Write a small object, atomically."""

    def copy(self, key: str, to: str) -> None:
        """The same object under another key, too."""

    def delete(self, key: str) -> None:
        """Remove an object; fine when it isn't there."""

    def check(self) -> None:
        """Raise unless the place exists and can be listed."""
