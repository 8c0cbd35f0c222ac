"""The family of errors that people meet: what happened, where, and what to do about it.

Terminal errors need a person or another input, so they are never retried; transient ones may pass.
Messages hold no value of a row (names, e-mails, addresses) and no secret. Errors travel as data:
what people read is rendered from their fields, and nobody takes a message apart.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum

LONGEST = 2000  # characters of a text: all GRANTs go in, and too much of a file's name or label


class Part(StrEnum):
    """What a sentence about a failure says."""

    FAILED = "failed"
    WHERE = "where"
    TODO = "todo"
    HELD_BACK = "held back"
    AGAIN = "again"


Lines = Iterator[tuple[Part, str]]


class CoreTelecomsError(Exception):
    """An error with a message for people: what happened, where, and what to do."""

    ended = "failed"  # how a step ends with it

    def __init__(self, what: str, *, where: str = "", todo: str = "") -> None:
        self.what, self.where, self.todo = map(one_line, (what, where, todo))
        super().__init__(_message(Failure("", self.what, self.where, self.todo).lines()))

    def __reduce__(self) -> tuple[object, ...]:
        # keyword-only arguments don't survive pickle by themselves, and Dask workers pickle errors.
        return _rebuild, (type(self), self.what, self.where, self.todo)


def _rebuild(kind: type[CoreTelecomsError], what: str, where: str, todo: str) -> CoreTelecomsError:
    return kind(what, where=where, todo=todo)


def _message(lines: Lines) -> str:
    return " ".join(text for _, text in lines)


def one_line(text: str) -> str:
    r"""A text that may quote a source's labels and file names: one line, printable, not too long.

    >>> print(one_line("no column\n  'a\x1b[1m'"))
    no column 'a\x1b[1m'
    """
    cut = f"{text[:LONGEST]}…" if len(text) > LONGEST else text
    line = re.sub(r"\s*[\n\r\t\v\f]\s*", " ", cut).strip()
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def _ended(sentence: str) -> str:
    """The sentence with its full stop, or its own question mark.

    >>> _ended("The file is empty."), _ended("is its first line a header?")
    ('The file is empty.', 'is its first line a header?')
    """
    return sentence if sentence.endswith("?") else sentence.rstrip(".") + "."


@dataclass(frozen=True)
class Failure:
    """One step that failed; without a step, the run itself."""

    step: str
    what: str
    where: str = ""
    todo: str = ""
    ended: str = "failed"  # or rejected (by the audit), crashed, cancelled

    def lines(self) -> Lines:
        """The failure in sentences."""
        said = f"{self.step} {self.ended}: {self.what}" if self.step else self.what
        yield Part.FAILED, _ended(said)
        if self.where:
            yield Part.WHERE, _ended(f"Where: {self.where}")
        if self.todo:
            yield Part.TODO, _ended(f"What to do: {self.todo}")


class TerminalError(CoreTelecomsError):
    """Trying again gives the same error: the input, a setting or a person must change first."""


class TransientError(CoreTelecomsError):
    """May pass by itself: tasks retry it."""


class FirstRunVariableError(TerminalError):
    """The first-run Variable holds something that is neither true nor false."""


class RunDateError(TerminalError):
    """The run date is malformed, in the future, or given twice (`run_date` and `lag_days`)."""


class RunDateBusyError(TerminalError):
    """Another run is at work on the same run date."""


class SourceMissingError(TerminalError):
    """The source object or table of this run date does not exist."""


class SourceUnreadableError(TerminalError):
    """The source exists, but is not what its extension says: cut off, ragged, wrong encoding."""


class SchemaDriftError(TerminalError):
    """The source's columns are not the contract's: one is missing, renamed or there twice."""


class DayRejectedError(TerminalError):
    """A delivery failed the audit before publication: nothing of it was published."""

    ended = "rejected"


class ConfigurationError(TerminalError):
    """A setting, block, address or credential is missing or wrong."""


class WarehouseBuildError(TerminalError):
    """A dbt model or test failed."""


class StoreUnavailableError(TransientError):
    """The object store did not answer, or asked to slow down."""


class DatabaseUnavailableError(TransientError):
    """The database refused, cut or could not finish a connection or transaction."""


GATE = "open_static_data_gate"
REPEAT = "Fix the cause, then run the same date again: static and daily loads repeat safely."


@dataclass(eq=False)
class RunFailedError(TerminalError):
    """A run that failed, as data: terminal, Prefect's UI, Slack, event and `--json` render it."""

    failures: Sequence[Failure] = ()
    held_back: Sequence[str] = ()  # steps that did not run, in the graph's order
    gate_closed: bool = False
    days: Mapping[str, "RunFailedError"] = field(default_factory=dict)  # that failed, of a range
    counts: str = ""  # of a range: what became of its days
    again: str = REPEAT

    def __post_init__(self) -> None:
        self.what, self.where, self.todo = _message(self.lines()), "", ""
        Exception.__init__(self, self.what)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), tuple(getattr(self, each.name) for each in fields(self))

    @classmethod
    def of(cls, error: CoreTelecomsError, step: str = "") -> "RunFailedError":
        """The failure of a step, or of the run itself."""
        if isinstance(error, RunFailedError):
            return error
        return cls([Failure(step, error.what, error.where, error.todo, error.ended)])

    def lines(self) -> Lines:
        """The whole of it in sentences: what failed, where, what to do, what was held back."""
        if self.counts:
            failed = f"; failed: {', '.join(self.days)}" if self.days else ""
            yield Part.FAILED, f"{self.counts}{failed}."
        for failure in self.failures:
            yield from failure.lines()
        for day, error in self.days.items():
            first, *rest = (line for line in error.lines() if line[0] is not Part.AGAIN)
            yield Part.FAILED, f"{day}: {first[1]}"
            yield from rest
        held_back = list(self.held_back)
        if self.gate_closed:
            # the next sentence says what is behind the gate.
            held_back = held_back[: held_back.index(GATE)] if GATE in held_back else []
        if held_back:
            yield Part.HELD_BACK, f"Held back: {', '.join(held_back)}."
        if self.gate_closed:
            closed = (
                "The gate stayed closed: no complaint was transformed or loaded, dbt did not run."
            )
            yield Part.HELD_BACK, closed
        if self.days or any(failure.step for failure in self.failures):
            yield Part.AGAIN, self.again
