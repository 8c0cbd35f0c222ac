"""Labels of a source's columns: unique ones for a file, and few enough of them for a message."""

from collections.abc import Iterable, Sequence
from itertools import islice

_SHOWN = 20
_LONGEST = 40


def unique_labels(labels: Sequence[str]) -> list[str]:
    """The labels as they are, a repeated one numbered: a Parquet file can't hold it twice.

    >>> unique_labels(["", "a", ""])
    ['', 'a', '_2']
    """
    there, used = set(labels), set[str]()
    numbers: dict[str, int] = {}  # the last one of each label: counting from 1 again is quadratic
    unique = []
    for label in labels:
        name = label
        while name in used or (name is not label and name in there):
            numbers[label] = numbers.get(label, 1) + 1
            name = f"{label}_{numbers[label]}"
        used.add(name)
        unique.append(name)
    return unique


def shown(labels: Iterable[str]) -> str:
    """Labels for a message: quoted, the first twenty, long ones cut.

    >>> shown(["call ID", "x" * 99])
    "'call ID', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'"
    """
    rest = iter(labels)
    first = [
        repr(label if len(label) <= _LONGEST else label[:_LONGEST] + "…")
        for label in islice(rest, _SHOWN)
    ]
    more = sum(1 for _ in rest)
    return ", ".join(first) + (f" and {more:,} more" if more else "")
