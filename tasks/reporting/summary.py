"""What a run did, read back from the ledger, for the terminal, Prefect's UI and Slack."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import dict_row

from blocks.database import connect
from tasks.entities.contracts import ENTITIES
from tasks.entities.references import ledger_columns


@dataclass(frozen=True)
class Summary:
    """Counts alone: no key, no value of a row."""

    run_date: date
    ledger: list[dict[str, Any]] = field(default_factory=list)  # one row of ops.ledger per entity
    quarantine: list[dict[str, Any]] = field(default_factory=list)  # entity, issue, reason, records
    problems: list[dict[str, Any]] = field(default_factory=list)  # entity, field, problems
    # entities that failed the audit, with the checks that they failed
    rejected: dict[str, list[str]] = field(default_factory=dict)
    low: list[dict[str, Any]] = field(default_factory=list)  # entity, rows_read, usual: see below

    def total(self, column: str) -> int:
        """The sum of a count of the ledger over its entities."""
        return sum(row[column] for row in self.ledger)

    @property
    def quarantined(self) -> int:
        """Rows that ended in quarantine."""
        return self.total("missing_key") + self.total("duplicate_key") + self.total("orphan")

    @property
    def quarantine_share(self) -> float:
        """Part of all rows read that ended in quarantine, 0 to 1."""
        read = self.total("rows_read")
        return self.quarantined / read if read else 0.0


def read_summary(dsn: str, run_date: date, flow_run_ids: Iterable[str]) -> Summary:
    """What the given flow runs loaded for a run date."""
    given = {"day": run_date, "runs": list(flow_run_ids), "order": list(ENTITIES)}
    columns = ledger_columns("count", "static", "seconds")
    with connect(dsn, purpose="summary") as connection:
        cursor = connection.cursor(row_factory=dict_row)

        def asked(query: sql.Composed | LiteralString) -> list[dict[str, Any]]:
            return cursor.execute(query, given).fetchall()

        ledger = asked(
            sql.SQL(
                """
                SELECT entity, {} FROM ops.ledger
                WHERE run_date = %(day)s AND flow_run_id = ANY (%(runs)s)
                ORDER BY array_position(%(order)s::text[], entity)
                """
            ).format(sql.SQL(", ").join(map(sql.Identifier, columns)))
        )
        given["entities"] = [row["entity"] for row in ledger]
        quarantine = asked(
            """
            SELECT entity, issue, reason, count(*) AS records FROM quarantine.records
            WHERE run_date = %(day)s AND entity = ANY (%(entities)s)
            GROUP BY entity, issue, reason
            ORDER BY array_position(%(order)s::text[], entity), records DESC, issue, reason
            """
        )
        problems = asked(
            """
            SELECT entity, field, count(*) AS problems FROM ops.field_problems
            WHERE run_date = %(day)s AND entity = ANY (%(entities)s)
            GROUP BY entity, field
            ORDER BY array_position(%(order)s::text[], entity), problems DESC, field
            """
        )
        rejected = asked(
            """
            SELECT entity, failed_checks FROM ops.rejected_days
            WHERE run_date = %(day)s AND flow_run_id = ANY (%(runs)s)
            ORDER BY array_position(%(order)s::text[], entity)
            """
        )
        # a channel with under half of the median of its last seven days (docs/contract.md#audit).
        low = asked(
            """
            SELECT entity, rows_read, usual FROM ops.ledger AS today
            CROSS JOIN LATERAL (
                SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY rows_read) AS usual,
                       count(*) AS days
                FROM (
                    SELECT rows_read FROM ops.ledger
                    WHERE entity = today.entity AND run_date < today.run_date
                    ORDER BY run_date DESC LIMIT 7
                ) AS last_days
            ) AS before
            WHERE run_date = %(day)s AND flow_run_id = ANY (%(runs)s)
              AND inserted IS NULL AND days >= 4 AND 2 * rows_read < usual
            ORDER BY array_position(%(order)s::text[], entity)
            """
        )
    checks = {row["entity"]: row["failed_checks"] for row in rejected}
    return Summary(run_date, ledger, quarantine, problems, checks, low)
