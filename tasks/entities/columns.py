"""Which column of a source is which canonical column."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from blocks.errors import SchemaDriftError
from tasks.entities.labels import shown
from tasks.entities.model import Entity, Field, is_index, normalised


@dataclass(frozen=True)
class Columns:
    """A source's columns, matched to a contract by position."""

    positions: dict[str, int]  # canonical name to position, in contract order
    unexpected: tuple[str, ...]  # labels that are neither of the contract nor an index


def match_columns(entity: Entity, run_date: date, labels: Sequence[str], where: str) -> Columns:
    """Match labels by their letters and digits alone, to the contract as it is on the run date.

    Raises SchemaDriftError when a contract column is missing or there twice.
    """
    fields = entity.fields_on(run_date)
    letters = [normalised(label) for label in labels]
    missing = [f.name for f in fields if f.source_label not in letters]
    twice = [f.name for f in fields if letters.count(f.source_label) > 1]
    if missing or twice:
        what = f"missing {', '.join(missing)}"
        if not missing:
            what = f"more than one column reads as {', '.join(twice)}"
        raise SchemaDriftError(
            f"{entity.name}: {what}; {_there(fields, labels)}",
            where=where,
            todo="ask the source's owner what changed; "
            "a renamed column is declared in tasks/entities/contracts.py",
        )
    known = {f.source_label for f in fields}
    return Columns(
        positions={f.name: letters.index(f.source_label) for f in fields},
        unexpected=tuple(
            label
            for label, letter in zip(labels, letters, strict=True)
            if letter not in known and not is_index(label)
        ),
    )


def _there(fields: Sequence[Field], labels: Sequence[str]) -> str:
    """What the source has; its labels only if they are labels.

    A file without its header has a row in its place: its names and addresses stay out of messages.
    """
    known = {f.source_label for f in fields} & {normalised(label) for label in labels}
    if labels and 2 * len(known) < len(fields):
        return (
            f"of the source's {len(labels)} columns {len(known) or 'none'} are known: "
            "is its first line a header?"
        )
    return f"the source has the columns {shown(labels) or 'none'}"
