"""The terminal kept for our own words: what libraries and their processes write goes elsewhere."""

import os
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import TextIO


class Screen:
    """A person's terminal. Standard output and error of this process, and of those it starts, go
    into a file meanwhile: Prefect's temporary server would write across the live picture.

    With `json` our words go to standard error, and standard output is for one object alone.
    """

    def __init__(self, *, json: bool = False) -> None:
        self.file: TextIO = sys.stderr if json else sys.stdout
        self.out: TextIO | None = sys.stdout if json else None
        self._noise: TextIO | None = None

    def __enter__(self) -> "Screen":
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self.file = _copy(self.file)
        if self.out:
            self.out = _copy(self.out)
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        # somebody who asks for Prefect's log on the terminal gets it there.
        if os.environ.get("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL") in (None, "ERROR", "CRITICAL"):
            self._noise = tempfile.TemporaryFile("w+", errors="replace")
            for stream in (sys.stdout, sys.stderr):
                # left so until the process ends: libraries write at its very end, too.
                os.dup2(self._noise.fileno(), stream.fileno())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.file.flush()

    def keep(self) -> Path | None:
        """The file of what libraries wrote, for those who look for a cause; None for nothing."""
        from blocks.settings import settings

        if self._noise is None:
            return None
        self._noise.seek(0)
        text = self._noise.read()
        if not text.strip():
            return None
        path = settings().home / "logs" / "output.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


def _copy(stream: TextIO) -> TextIO:
    return os.fdopen(os.dup(stream.fileno()), "w", errors="replace")
