"""Where files live: a local folder or an S3 prefix, behind the same few verbs."""

import errno
import os
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from blocks.errors import ConfigurationError, CoreTelecomsError, SourceMissingError, TerminalError

STALE_SECONDS = 24 * 3600  # a half-written file as old as this has no writer any more


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
        """What Polars needs beside a URI; None for local files. Holds secrets."""

    def uri(self, key: str) -> str:
        """Address of one object as Polars reads it."""

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

    def delete(self, key: str) -> None:
        """Remove an object; fine when it isn't there."""

    def check(self) -> None:
        """Raise unless the place exists and can be listed."""


def opened(url: str) -> Store:
    """The store at a folder path, `file://` or `s3://bucket/prefix`; AWS_* as boto3 reads them.

    Raises ConfigurationError for any other address.
    """
    if url.startswith("s3:"):
        from blocks.s3 import S3Store

        return S3Store.at(url)
    return LocalStore(folder(url))


def folder(url: str) -> Path:
    """The path of a local address. Raises ConfigurationError for an address that isn't local."""
    if url.startswith("file://"):
        return Path(unquote(urlsplit(url).path))
    if scheme := re.match(r"[A-Za-z][A-Za-z0-9+.-]+(?=://)", url):
        raise ConfigurationError(
            f"Addresses that begin with {scheme.group()}:// can't be read",
            todo="give a folder, or s3://bucket/prefix",
        )
    return Path(url).expanduser().absolute()


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
        with self.translating(key):
            if not path.is_file():
                self.check()
                raise FileNotFoundError(errno.ENOENT, "not a file")
            path.open("rb").close()
        return path

    @contextmanager
    def writing(self, key: str) -> Iterator[str]:
        path = self.root / key
        # in a folder of its own: a Polars that failed may open its file a moment later, once more.
        aside = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
        with self.translating(key):
            path.parent.mkdir(parents=True, exist_ok=True)
            _sweep(path)
            try:
                aside.mkdir()
                yield str(aside / "part")
                (aside / "part").replace(path)
            finally:
                rmtree(aside, ignore_errors=True)

    @contextmanager
    def translating(self, key: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            ours = from_disk(error, str(self.root / key))
            if ours is None:
                raise
            raise ours from None

    def read(self, key: str) -> bytes | None:
        path = self.root / key
        with self.translating(key):
            return path.read_bytes() if path.is_file() else None

    def write(self, key: str, data: bytes) -> None:
        with self.writing(key) as part:
            Path(part).write_bytes(data)

    def delete(self, key: str) -> None:
        with self.translating(key):
            (self.root / key).unlink(missing_ok=True)

    def check(self) -> None:
        with self.translating(""):
            if not self.root.is_dir():
                raise ConfigurationError(
                    "The folder does not exist",
                    where=str(self.root),
                    todo="mend the path, mount the volume, or make the folder",
                )
            next(self.root.iterdir(), None)


def _sweep(path: Path) -> None:
    """Remove what writers of `path` that were killed left beside it."""
    for aside in path.parent.glob(f".{_literal(path.name)}.????????"):
        if time.time() - aside.lstat().st_mtime > STALE_SECONDS:
            rmtree(aside, ignore_errors=True)


def _literal(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def from_disk(error: Exception, where: str) -> CoreTelecomsError | None:
    """One of ours for what the file system said, through Python or Polars; None for any other."""
    if isinstance(error, CoreTelecomsError):
        return None
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (said := re.search(r"\(os error (\d+)\)", str(error))):
        number = int(said.group(1))  # Polars keeps the number in its text alone
    if number in (errno.ENOSPC, errno.EDQUOT):
        return TerminalError(
            "The disk is full",
            where=where,
            todo="free space, then run again: what was there before is intact",
        )
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ConfigurationError(
            f"The file system refused: {os.strerror(number).lower()}",
            where=where,
            todo="give the user that runs the pipeline the right to read "
            "(and, in the lake, to write) there",
        )
    if number in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        return ConfigurationError(
            "A file stands where a folder should be, or a folder where a file should be",
            where=where,
            todo="mend the path, or move what stands there",
        )
    if number == errno.ENOENT:
        return SourceMissingError(
            "The file does not exist",
            where=where,
            todo="check the folder and the run date, or wait for the file and run again",
        )
    return None
