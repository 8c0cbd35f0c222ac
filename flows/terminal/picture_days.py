"""A backfill as a live picture: a line a run date, with what became of it, and its own build."""

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from flows.terminal.picture import View, mark_of, spinning, waiting_for, what
from tasks.reporting.progress import Board, Status, Step

_BEFORE = 3  # ended days that stay in view above those at work
_ROUND = 7  # lines that the head, the counts, the build and the prompt need


class PictureOfDays(View):
    """What became of every run date; as many lines as the terminal has room for."""

    def __init__(
        self, days: Board, title: str, *, run: Board, unit: str = "loaded", of: str = "days"
    ) -> None:
        super().__init__(days, title)
        self.run, self.unit, self.of = run, unit, of

    @property
    def build(self) -> Step | None:
        """The run's own dbt build, which comes after its days; None before it begins."""
        build = self.run.steps.get("run_dbt")
        if build is None or build.started is None:
            return None
        # days that run in this process have builds of their own under the same name.
        over = [day.ended and day.ended <= build.started for day in self.board.steps.values()]
        return build if all(over) else None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        steps = list(self.board.steps.values())
        yield self._head(steps)
        yield Text(self.said, "yellow")
        yield from self._lines(steps, room=max(5, console.height - _ROUND))
        if self.build:
            yield self._line(self.build, what(self.build))
        if steps:
            yield ""

    def _head(self, steps: list[Step]) -> Text:
        head = Text(self.title, "bold")
        if steps:
            ended = sum(step.ended is not None for step in steps)
            head.append(f" · {ended} of {len(steps)} {self.of}", "bold")
        head.append(f"  {self.seconds:.1f} s", "dim")
        if not steps and self.ended is None:
            head.append(f"  {spinning(self.seconds)} {waiting_for(self.run)}", "cyan")
        head.no_wrap, head.overflow = True, "ellipsis"
        return head

    def _lines(self, steps: list[Step], room: int) -> list[Text]:
        """All days, or those around the ones at work, the rest in numbers."""
        if len(steps) <= room:
            return [self._line(step, self.unit) for step in steps]
        at_work = next((i for i, step in enumerate(steps) if step.ended is None), len(steps))
        first = max(0, min(at_work - min(_BEFORE, room - 3), len(steps) - (room - 2)))
        last = min(len(steps), first + room - 2)
        above, below = steps[:first], steps[last:]
        lines = [self._line(step, self.unit) for step in steps[first:last]]
        if above:
            lines.insert(0, self._in_numbers(above))
        if below:
            lines.append(self._in_numbers(below))
        return lines

    def _line(self, step: Step, unit: str) -> Text:
        mark, style = mark_of(step)
        line = Text(f"{step.name:<10}  ").append(f"{mark} {step.status:<9}", style)
        if step.rows or step.status is Status.DONE:
            line.append(f"{step.rows:>9,} {unit}")
        if step.started is not None and step.seconds is not None:
            line.append(f"  {step.seconds:6.1f} s", "dim")
        if step.detail:
            line.append(f"  {step.detail}", style)
        line.no_wrap, line.overflow = True, "ellipsis"
        return line

    def _in_numbers(self, steps: list[Step]) -> Text:
        counts = {status: sum(step.status is status for step in steps) for status in Status}
        said = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        return Text(f"… {len(steps)} {self.of}: {said}", "dim")
