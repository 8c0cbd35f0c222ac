"""Folders for the time of a task: gone after it, and after a signal that cuts it off."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from blocks import scratch


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of these tests."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "_ended", False)
    return tmp_path


def test_only_as_long_as_the_block(temporary: Path) -> None:
    with scratch.scratch() as folder:
        Path(folder, "rows").touch()
        assert [str(path) for path in temporary.iterdir()] == [folder]
        assert Path(folder).stat().st_mode & 0o777 == 0o700
    assert list(temporary.iterdir()) == []


def test_nothing_stays_of_threads_that_go_on(temporary: Path) -> None:
    busy = threading.Barrier(5)

    def work() -> None:
        with suppress(OSError, RuntimeError), scratch.scratch() as folder:
            Path(folder, "rows").touch()
            busy.wait()
            for number in range(100_000):
                Path(folder, str(number)).touch()
        with pytest.raises(RuntimeError), scratch.scratch():
            pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    busy.wait()
    scratch.end()
    assert list(temporary.iterdir()) == []
    for thread in threads:
        thread.join()
    assert list(temporary.iterdir()) == []


def test_a_signal_leaves_none(temporary: Path) -> None:
    """In whatever way the process ends its run: a backfill's days have one of their own."""
    code = """
import os, signal, threading
from blocks.scratch import scratch
from flows.terminal import interrupt

def work():
    with scratch():
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait()

with interrupt.handled(lambda: None, end=lambda number: None):
    threading.Thread(target=work, daemon=True).start()
    threading.Event().wait(60)
"""
    environment = os.environ | {"TMPDIR": str(temporary)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment)
    assert ended.returncode == 128 + signal.SIGTERM
    assert list(temporary.iterdir()) == []
