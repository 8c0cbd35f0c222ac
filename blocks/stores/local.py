"""Where files live: a local folder or an S3 prefix, behind the same few verbs."""

import errno
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile, rmtree
from uuid import uuid4

from blocks.errors import ConfigurationError
from blocks.stores.disk_errors import from_disk

STALE_SECONDS = 24 * 3600  # a half-written file as old as this has no writer any more


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

    def keys(self, prefix: str) -> list[str]:
        return list(self.sizes(prefix))

    def sizes(self, prefix: str) -> dict[str, int]:
        start = self.root / f"{prefix}*"
        with self.translating(prefix):
            if not start.parent.is_dir():
                return {}
            entries = start.parent.glob(f"{_literal(start.name[:-1])}*")
            files = (f for e in entries for f in (_below(e) if e.is_dir() else (e,)))
            found = {}
            for file in sorted(files):
                with suppress(FileNotFoundError):  # a writer's scratch that is gone already
                    if file.is_file():
                        found[file.relative_to(self.root).as_posix()] = file.stat().st_size
            return found

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
        scratch = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
        with self.translating(key):
            path.parent.mkdir(parents=True, exist_ok=True)
            _sweep(path)
            try:
                scratch.mkdir()
                yield str(scratch / "part")
                (scratch / "part").replace(path)
            finally:
                rmtree(scratch, ignore_errors=True)

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

    def copy(self, key: str, to: str) -> None:
        with self.writing(to) as part:
            copyfile(self.root / key, part)

    def delete(self, key: str) -> None:
        with self.translating(key):
            (self.root / key).unlink(missing_ok=True)

    def check(self) -> None:
        with self.translating(""):
            if not self.root.is_dir():
                raise ConfigurationError(
                    "The folder does not exist",
                    where=str(self.root),
                    todo="fix the path, mount the volume, or make the folder",
                )
            next(self.root.iterdir(), None)


def _sweep(path: Path) -> None:
    """Remove what writers of `path` that were killed left next to it."""
    for scratch in path.parent.glob(f".{_literal(path.name)}.????????"):
        with suppress(FileNotFoundError):  # of another writer, which has ended meanwhile
            if time.time() - scratch.lstat().st_mtime > STALE_SECONDS:
                rmtree(scratch, ignore_errors=True)


def _below(folder: Path) -> Iterator[Path]:
    # unlike `rglob`, it takes a folder that vanishes meanwhile for an empty one.
    for where, _, names in os.walk(folder):
        yield from (Path(where, name) for name in names)


def _literal(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)
