"""The graph of a run as a live picture: rich asks it again at every refresh."""

import sys
import time
from collections.abc import Sequence
from textwrap import wrap

from rich.console import Group, RenderableType
from rich.text import Text

from blocks.server import api
from tasks.entities.contracts import COMPLAINTS, STATIC
from tasks.entities.model import Entity
from tasks.reporting.progress import Board, Status, Step

NARROWEST = 78  # columns that the picture needs
STAGES = ("ingest", "transform", "load")
SET_UP = ("create_all_tables", "clear_staging", "determine_load_type")

MARKS = {
    Status.WAITING: ("○", "dim"),
    Status.RUNNING: ("●", "cyan"),
    Status.RETRYING: ("↻", "yellow"),
    Status.LATE: ("◷", "yellow"),
    Status.DONE: ("✔", "green"),
    Status.FAILED: ("✘", "bold red"),
    Status.HELD_BACK: ("■", "yellow"),
    Status.SKIPPED: ("–", "dim"),
}
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_CELL, _LABEL = 18, 17  # widths
GAPS = ("   ", "  ", "")  # behind each stage; the gate stands in the first


class View:
    """What a picture shows: a board's steps, under a title, since a moment."""

    def __init__(self, board: Board, title: str) -> None:
        self.board, self.title = board, title
        self.began = time.monotonic()
        self.ended: float | None = None
        self.said = ""  # of Prefect's server

    @property
    def seconds(self) -> float:
        """Since the run was asked for, until it ended."""
        return (self.ended or time.monotonic()) - self.began

    def end(self) -> None:
        """Stop the clock."""
        self.ended = time.monotonic()


class Picture(View):
    """What every step of a run does right now, the gate between the static data and the rest."""

    def __init__(
        self,
        board: Board,
        title: str,
        *,
        static_alone: bool = False,
        channels: Sequence[Entity] = COMPLAINTS,
    ) -> None:
        super().__init__(board, title)
        self.static_alone = static_alone
        self.channels = [entity.name for entity in channels]

    def __rich__(self) -> Group:
        parts: list[RenderableType] = [self._head(), ""]
        if self.static_alone:
            parts += [_stages(), *self._static(), self._line("", "mark_first_run_complete")]
            return Group(*parts, "", *self._waiting())
        parts += [self._line("set-up", *SET_UP), "", _stages()]
        parts += [*self._static(), self._gate(), *map(self._channel, self.channels), ""]
        parts += [self._line("warehouse", "run_dbt", "cleanup_checkpoints"), ""]
        return Group(*parts, *self._waiting())

    def _head(self) -> Text:
        seconds = self.seconds
        head = Text(f"{self.title}", "bold")
        if path := load_type(self.board):
            head.append(f" · {path}", "bold")
        head.append(f"  {seconds:.1f} s", "dim")
        if self.ended is None and not self.board.steps:
            head.append(f"  {spinning(seconds)} {waiting_for(self.board)}", "cyan")
        return head

    def _waiting(self) -> list[Text]:
        steps = [s for s in self.board.steps.values() if s.status is Status.RUNNING and s.detail]
        said = [wrap(f"{step.name} is {step.detail}", NARROWEST - 2) for step in steps]
        said.append(wrap(self.said, NARROWEST - 2))
        return [Text(line, "yellow") for lines in said for line in lines]

    def _step(self, name: str) -> Step:
        return self.board.steps.get(name) or Step(name)

    def _line(self, label: str, *names: str) -> Text:
        line = _label(label)
        for name in names:
            step = self._step(name)
            mark, style = mark_of(step)
            line.append(f"{mark} ", style).append(name, _name_style(step))
            if name == "run_dbt" and step.seconds is not None:
                done = f" {step.rows} {what(step)}" if step.rows else ""
                line.append(f"{done} {step.seconds:.1f} s", "dim")
            line.append("   ")
        return _trimmed(line)

    def _static(self) -> list[Text]:
        if load_type(self.board) == "incremental":
            return [_label("static data").append("– skipped: loaded by an earlier run", "dim")]
        marked = self._step("mark_first_run_complete")
        rows = [self._entity(entity.name) for entity in STATIC]
        if not self.static_alone:
            mark, style = mark_of(marked)
            rows.append(_label("").append(f"{mark} ", style))
            rows[-1].append(marked.name, _name_style(marked))
        return rows

    def _entity(self, name: str) -> Text:
        line = _label(name)
        for stage, gap in zip(STAGES, GAPS, strict=True):
            line.append_text(_cell(self._step(f"{stage}_{name}"))).append(gap)
        return _trimmed(line)

    def _channel(self, name: str) -> Text:
        ingest, *behind = (self._step(f"{stage}_{name}") for stage in STAGES)
        bar, style = _bar(self._step("open_static_data_gate"))
        line = _label(name).append_text(_cell(ingest)).append(f" {bar} ", style)
        for step in behind:
            line.append_text(_cell(step)).append("  ")
        return _trimmed(line)

    def _gate(self) -> Text:
        gate = self._step("open_static_data_gate")
        bar, style = _bar(gate)
        line = Text(" " * (_LABEL + _CELL + 1)).append(f"{bar} ", style)
        if gate.status is Status.DONE:
            return line.append("gate open", "green")
        if gate.status in (Status.HELD_BACK, Status.FAILED):
            return line.append("gate stayed closed", "bold yellow")
        behind = {"initial": ": static data comes first", "incremental": ""}
        return line.append(f"gate closed{behind.get(load_type(self.board), '')}", "yellow")


def load_type(board: Board) -> str:
    """The path that the run has taken; empty while it isn't known."""
    first = board.steps.get(f"ingest_{STATIC[0].name}")
    if first is None:
        return ""
    return "incremental" if first.status is Status.SKIPPED else "initial"


def what(step: Step) -> str:
    """What a step counts."""
    return "models and tests" if step.name == "run_dbt" else "rows"


def waiting_for(board: Board) -> str:
    """What a run without a step yet waits for."""
    if "flows.shared.run" not in sys.modules:
        return "loading"
    if board.flow_runs:
        return "reaching the database"
    return f"starting {where_prefect_is()}"


def where_prefect_is() -> str:
    """The Prefect server that keeps the run: one that is there, or one of its own."""
    url = api()
    return f"with Prefect at {url}" if url else "on a Prefect server of its own (some seconds)"


def _stages() -> Text:
    line = _label("")
    for stage, gap in zip(STAGES, GAPS, strict=True):
        line.append(f"{stage:<{_CELL}}{gap}", "dim")
    return _trimmed(line)


def _label(name: str) -> Text:
    return Text(f"{name:<{_LABEL}}", "bold")


def _cell(step: Step) -> Text:
    """A step in a column's width: its mark, its rows, its seconds."""
    mark, style = mark_of(step)
    text = Text(f"{mark} ", style)
    if step.status is Status.LATE:
        text.append(step.detail, style)
    elif step.status in (Status.FAILED, Status.HELD_BACK, Status.RETRYING):
        text.append(f"{step.status:<9}", style)
    elif step.rows:
        text.append(f"{step.rows:>9,}")
    else:
        text.append(" " * 9)
    if step.seconds is not None and step.status is not Status.LATE:
        text.append(f" {_seconds(step.seconds)}", "dim")
    text.pad_right(_CELL - len(text))
    return text


def _seconds(seconds: float) -> str:
    return f"{seconds:4.1f} s" if seconds < 100 else f"{seconds:4.0f} s"


def mark_of(step: Step) -> tuple[str, str]:
    """A step's sign and its style."""
    mark, style = MARKS[step.status]
    if step.status is Status.RUNNING and step.seconds is not None:
        mark = spinning(step.seconds)
    return mark, style


def spinning(seconds: float) -> str:
    """The spinner's sign at that moment."""
    return SPINNER[int(seconds * 10) % len(SPINNER)]


def _name_style(step: Step) -> str:
    return "" if step.status in (Status.RUNNING, Status.DONE) else MARKS[step.status][1]


def _bar(gate: Step) -> tuple[str, str]:
    return ("╎", "green") if gate.status is Status.DONE else ("┃", "bold yellow")


def _trimmed(line: Text) -> Text:
    # a line as wide as the terminal would leave the cursor in the next one.
    line.rstrip()
    line.no_wrap = True
    line.overflow = "ellipsis"
    return line
