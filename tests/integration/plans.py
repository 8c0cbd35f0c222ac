"""Every statement of a dbt build as PostgreSQL ran it, and what it ran far too often."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

import psycopg2  # type: ignore[import-untyped]
import sqlparse
from psycopg2 import extensions

# EXPLAIN ANALYZE carries out what it explains; a SELECT is then run once more for its rows.
EXPLAIN = "EXPLAIN (ANALYZE, VERBOSE, TIMING OFF, FORMAT JSON) "
COMMENTS = re.compile(r"\s*(/\*.*?\*/|--[^\n]*\n|\s)*", re.DOTALL)
READS = re.compile(r"(select|with)\b", re.IGNORECASE)
WRITES = re.compile(
    r"(insert|update|delete)\b|create\s+(temporary\s+)?table\s+\S+\s+as\b", re.IGNORECASE
)


@contextmanager
def watched(large: int) -> Iterator[list[str]]:
    """While dbt runs in this block: what its statements repeated, as text for people.

    That is each step of a plan that ran `large` times or more, and went to a table of as many rows
    or gave as many: two large things in a loop, whose cost is the product of both.
    """
    repeated: list[str] = []

    class Explaining(extensions.cursor):
        def execute(self, query: Any, vars: Any = None) -> None:
            whole = vars is not None or "$$" in query
            for statement in [query] if whole else sqlparse.split(query):
                self._explained(statement, vars)

        def _explained(self, statement: str, vars: Any) -> None:
            bare = statement[COMMENTS.match(statement).end() :]  # type: ignore[union-attr]
            reads, writes = READS.match(bare), WRITES.match(bare)
            if reads or writes:
                super().execute(EXPLAIN + bare, vars)
                (found,) = self.fetchone() or ([],)
                plan = found if isinstance(found, list) else json.loads(found)
                repeated.extend(f"{step} in:\n{bare}" for step in self._repeated(plan[0]["Plan"]))
            if not writes:
                super().execute(statement, vars)

        def _repeated(self, node: dict[str, Any]) -> Iterator[str]:
            if node["Actual Loops"] >= large and self._rows(node) >= large:
                on = node.get("Relation Name") or node.get("CTE Name") or ""
                yield f"{node['Node Type']} {on} × {node['Actual Loops']}"
            for part in node.get("Plans", ()):
                yield from self._repeated(part)

        def _rows(self, node: dict[str, Any]) -> int:
            if "Relation Name" not in node:
                return int(node["Actual Rows"])
            super().execute(f'SELECT count(*) FROM "{node["Schema"]}"."{node["Relation Name"]}"')
            (rows,) = self.fetchone() or (0,)
            return int(rows)

    connect = partial(psycopg2.connect, cursor_factory=Explaining)
    with mock.patch("dbt.adapters.postgres.connections.psycopg2.connect", connect):
        yield repeated
