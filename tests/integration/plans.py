"""Every statement of a build or a load as PostgreSQL ran it, and what it ran far too often."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

import psycopg
import psycopg2  # type: ignore[import-untyped]
import sqlparse
from psycopg import sql
from psycopg2 import extensions

# EXPLAIN ANALYZE carries out what it explains; a SELECT is then run once more for its rows.
EXPLAIN = "EXPLAIN (ANALYZE, VERBOSE, TIMING OFF, FORMAT JSON) "
COMMENTS = re.compile(r"\s*(/\*.*?\*/|--[^\n]*\n|\s)*", re.DOTALL)
READS = re.compile(r"(select|with)\b", re.IGNORECASE)
WRITES = re.compile(
    r"(insert|update|delete)\b|create\s+(temporary\s+)?table\s+\S+\s+as\b", re.IGNORECASE
)
READ = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")


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
                for node in steps(plan[0]["Plan"]):
                    if node["Actual Loops"] >= large and self._rows(node) >= large:
                        repeated.append(f"{named(node)} in:\n{bare}")
            if not writes:
                super().execute(statement, vars)

        def _rows(self, node: dict[str, Any]) -> int:
            if "Relation Name" not in node:
                return int(node["Actual Rows"])
            super().execute(f'SELECT count(*) FROM "{node["Schema"]}"."{node["Relation Name"]}"')
            (rows,) = self.fetchone() or (0,)
            return int(rows)

    connect = partial(psycopg2.connect, cursor_factory=Explaining)
    with mock.patch("dbt.adapters.postgres.connections.psycopg2.connect", connect):
        yield repeated


@contextmanager
def watched_load(large: int) -> Iterator[list[str]]:
    """The same for the statements of loads and replays, which may look up what comes by its key.

    That is each step that ran `large` times or more and read more than a row or two each time.
    """
    repeated: list[str] = []
    execute = psycopg.Cursor.execute

    def explained(cursor: Any, query: Any, *args: Any, **options: Any) -> Any:
        text = query.as_string(cursor) if isinstance(query, sql.Composable) else str(query)
        bare = text[COMMENTS.match(text).end() :]  # type: ignore[union-attr]
        # a session's locks add up, and a transaction that is rolled back keeps them
        if (READS.match(bare) or WRITES.match(bare)) and "advisory" not in bare:
            connection = cursor.connection
            with connection.transaction(force_rollback=True), connection.cursor() as other:
                execute(other, EXPLAIN + bare, *args, **options)
                (plan,) = other.fetchone() or ([],)
            for node in steps(plan[0]["Plan"]):
                if node["Actual Loops"] >= large and _read(node) > 2:
                    repeated.append(f"{named(node)} in:\n{bare}")
        return execute(cursor, query, *args, **options)

    with mock.patch.object(psycopg.Cursor, "execute", explained):
        yield repeated


def steps(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's step and all below it."""
    yield node
    for part in node.get("Plans", ()):
        yield from steps(part)


def named(node: dict[str, Any]) -> str:
    """What a step is, of what, and how often it ran."""
    on = node.get("Relation Name") or node.get("CTE Name") or ""
    return f"{node['Node Type']} {on} × {node['Actual Loops']}"


def _read(node: dict[str, Any]) -> float:
    """Rows that a step went through each time, those that it left out included."""
    return float(sum(rows for name, rows in node.items() if name in READ))
