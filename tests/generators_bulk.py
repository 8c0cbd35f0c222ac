"""Dirty sources of many rows, from the same pools, by a seeded random: no hypothesis, no shrinking.

For what only shows in files of many chunks: order, duplicates far apart, several batches.
"""

import csv
import io
import json
from collections.abc import Sequence
from random import Random

from tests.generators import PUBLISHED, Source
from tests.generators_values import NOTHING, POOLS, WHITE_SPACE
from tests.oracle import ENTITIES, tabulate


def many(
    entity: str,
    count: int,
    seed: int,
    customers: Sequence[str] = (),
    agents: Sequence[str] = (),
) -> Source:
    """A source of `count` rows: a tenth repeats an earlier row, half of those with a change."""
    random = Random(seed)
    contract = ENTITIES[entity]
    references = {"customer_id": customers, "agent_id": agents} if contract.is_complaint else {}

    def cell(column: str, number: int) -> str | None:
        if random.random() < 0.01:
            return random.choice(NOTHING)
        if column == contract.key:
            # now and then an earlier row's key, far or near.
            return f"k{number if random.random() < 0.95 else random.randrange(number + 1)}"
        if column in references and random.random() < 0.98:
            return random.choice(references[column])
        return random.choice(POOLS[contract.rules[column]])

    rows: list[dict[str, str | None]] = []
    for number in range(count):
        if rows and random.random() < 0.1:
            row = dict(random.choice(rows))
            if random.random() < 0.5:
                column = random.choice(list(contract.rules))
                row[column] = cell(column, number)
            elif row[contract.key]:
                row[contract.key] = f"{random.choice(WHITE_SPACE)}{row[contract.key]}"
        else:
            row = {column: cell(column, number) for column in contract.rules}
        rows.append(row)
    return _written(entity, rows)


def _written(entity: str, rows: Sequence[dict[str, str | None]]) -> Source:
    names = PUBLISHED[entity].split(",")
    columns = {name: column for column, name in tabulate(entity, names, [names]).rows[0].items()}
    lines = [[row[columns[name]] for name in names] for row in rows]
    if entity == "web_complaints":
        return Source(entity, header=tuple(names), rows=tuple(map(tuple, lines)))
    if entity == "sm_complaints":
        by_column = {
            name: {str(number): line[place] for number, line in enumerate(lines)}
            for place, name in enumerate(names)
        }
        return Source(entity, json.dumps(by_column).encode())
    text = io.StringIO(newline="")
    csv.writer(text).writerows([names, *lines])
    return Source(entity, text.getvalue().encode())
