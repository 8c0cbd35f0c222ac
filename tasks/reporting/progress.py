"""What a run is doing right now, in this process: the terminal shows it, nothing depends on it."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """Where a step of the graph stands."""

    WAITING = "waiting"
    RUNNING = "running"
    RETRYING = "retrying"
    LATE = "late"
    DONE = "done"
    FAILED = "failed"
    HELD_BACK = "held back"
    SKIPPED = "skipped"


@dataclass
class Step:
    """One task of the graph, as people see it."""

    name: str
    status: Status = Status.WAITING
    rows: int = 0
    detail: str = ""
    started: float | None = None
    ended: float | None = None

    @property
    def seconds(self) -> float | None:
        """How long it ran, or has been running; None before it started."""
        if self.started is None:
            return None
        return (self.ended or time.monotonic()) - self.started


@dataclass
class Board:
    """The steps of the run in this process. Safe to use from any thread."""

    steps: dict[str, Step] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    flow_runs: list[str] = field(default_factory=list)  # the parent first
    listener: Callable[[Step], None] | None = None
    of_flow_runs: Callable[[str], None] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __reduce__(self) -> str:
        # a task that goes to another process finds that process's own board under the same name.
        return "days" if self is days else "board"

    def expect(self, names: Iterable[str]) -> None:
        """Begin with these steps, all of them waiting."""
        self.clear()
        with self._lock:
            self.steps.update((name, Step(name)) for name in names)

    def start(self, name: str) -> None:
        """The step begins, or begins again after a retry."""
        now = time.monotonic()
        self._change(name, status=Status.RUNNING, rows=0, detail="", started=now, ended=None)

    def add_rows(self, name: str, rows: int) -> None:
        """So many more rows went through the step."""
        with self._lock:
            self.steps.setdefault(name, Step(name)).rows += rows

    def loaded(self, name: str, rows: int) -> None:
        """So many of the step's rows were loaded; the others went to quarantine."""
        self._change(name, rows=rows)

    def wait(self, name: str, detail: str) -> None:
        """The step's source isn't there yet; `detail` says how long it is waited for."""
        self._change(name, status=Status.LATE, detail=detail)

    def say(self, name: str, detail: str) -> None:
        """What the step that is at work waits for."""
        self._change(name, detail=detail)

    def finish(self, name: str, status: Status, detail: str = "") -> None:
        """The step ended, or will not begin."""
        self._change(name, status=status, detail=detail, ended=time.monotonic())

    def show(self, step: Step) -> None:
        """A step as another process has it."""
        with self._lock:
            self.steps[step.name] = step
        if listener := self.listener:
            listener(step)

    def belongs_to(self, flow_run_id: str) -> None:
        """A flow run, or the subflow of one, whose steps these are."""
        with self._lock:
            self.flow_runs.append(flow_run_id)
        if listener := self.of_flow_runs:
            listener(flow_run_id)

    def ended(self, flow_runs: Iterable[str]) -> None:
        """These flow runs are at work no longer."""
        with self._lock:
            self.flow_runs[:] = [each for each in self.flow_runs if each not in flow_runs]

    def note(self, text: str) -> None:
        """Something a person should read after the run."""
        with self._lock:
            if text not in self.notes:
                self.notes.append(text)

    def clear(self) -> None:
        """Forget the run: another one begins in this process."""
        with self._lock:
            self.steps.clear()
            self.notes.clear()
            self.flow_runs.clear()

    def _change(self, name: str, **changes: object) -> None:
        with self._lock:
            step = self.steps.setdefault(name, Step(name))
            for key, value in changes.items():
                setattr(step, key, value)
        if listener := self.listener:
            listener(step)


board = Board()
days = Board()  # of a backfill: its steps are the run dates, their rows what was loaded
