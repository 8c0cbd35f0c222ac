"""A conformance layer that tests fill by hand, and dbt on it, as `run_dbt` starts it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from tasks.entities.contracts import AGENTS, CUSTOMERS, ENTITIES
from tasks.entities.model import Entity
from tasks.loading.tables import conformed, create_all_tables, day_name, names
from tasks.loading.versions import note_versions
from tasks.warehouse import PROJECT, environment
from tests.integration.dbt_spared import spare_dbt

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

Row = Mapping[str, Any]

# what consumers read, with the columns that put its rows into an order
MODELS = {
    "dim_customers": "customer_key",
    "dim_agents": "agent_key",
    "dim_date": "date_key",
    "fct_complaints": "complaint_key",
    "fct_complaint_lifecycle": "complaint_key",
    "agg_daily_complaints": "complaint_date, channel, complaint_category, resolution_status",
    "agg_agent_daily": "agent_id, complaint_date",
    "agg_agent_performance": "agent_id",
    "feat_customer_month": "customer_id, month",
}


@dataclass
class Warehouse:
    """A database with conformed tables, and the dbt project pointed at it."""

    dsn: str
    target: Path
    manifest: "Manifest" = field(repr=False)
    readers: str = ""
    warnings: list[str] = field(default_factory=list)  # what the last run of dbt warned of

    def create(self) -> None:
        """Make the database, in place of one of that name, and the conformed tables, empty."""
        name = sql.Identifier(str(psycopg.conninfo.conninfo_to_dict(self.dsn)["dbname"]))
        server = psycopg.conninfo.make_conninfo(self.dsn, dbname="postgres")
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        with psycopg.connect(self.dsn) as connection:
            create_all_tables(connection, self.readers)

    def load_static(self, run_date: date, entity: Entity, rows: Iterable[Row]) -> None:
        """Upsert customers or agents, as a static load does."""
        with psycopg.connect(self.dsn) as connection:
            for row in rows:
                columns = [name for name in row if name != entity.key]
                connection.execute(
                    sql.SQL(
                        """
                        INSERT INTO {table} AS there ({all}, run_date) VALUES ({values}, {run_date})
                        ON CONFLICT ({key}) DO UPDATE SET
                            ({columns}) = ROW ({excluded}),
                            last_changed_at = now(),
                            run_date = greatest(there.run_date, {run_date})
                        WHERE ROW ({there}) IS DISTINCT FROM ROW ({excluded})
                        """
                    ).format(
                        table=conformed(entity),
                        all=names(list(row)),
                        values=sql.SQL(", ").join(map(sql.Literal, row.values())),
                        run_date=sql.Literal(run_date),
                        key=sql.Identifier(entity.key),
                        columns=names(columns),
                        excluded=_of("excluded", columns),
                        there=_of("there", columns),
                    )
                )
            (now,) = connection.execute("SELECT now()").fetchone() or ()
            note_versions(connection, entity, run_date, now)
            self._note(connection, entity, run_date, 0)

    def load_people(
        self, run_date: date, customers: Mapping[str, str], agents: Mapping[str, str]
    ) -> None:
        """A static load of customers by address and agents by experience."""
        self.load_static(
            run_date,
            CUSTOMERS,
            [{"customer_id": key, "address": address} for key, address in customers.items()],
        )
        self.load_static(
            run_date,
            AGENTS,
            [{"agent_id": key, "experience": level} for key, level in agents.items()],
        )

    def load_day(self, run_date: date, **complaints: Sequence[Row]) -> None:
        """Swap in a run date's partition of each entity that is named, as a load does."""
        with psycopg.connect(self.dsn) as connection:
            for name, rows in complaints.items():
                entity = ENTITIES[name]
                partition = sql.Identifier("conformed", day_name(name, run_date))
                connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(partition))
                connection.execute(
                    sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES IN ({})").format(
                        partition, conformed(entity), sql.Literal(run_date)
                    )
                )
                columns = [*entity.columns, "run_date"]
                with connection.cursor().copy(
                    sql.SQL("COPY {} ({}) FROM STDIN").format(partition, names(columns))
                ) as copy:
                    for row in rows:
                        copy.write_row([row.get(column) for column in entity.columns] + [run_date])
                self._note(connection, entity, run_date, len(rows))

    def _note(
        self, connection: psycopg.Connection, entity: Entity, run_date: date, rows: int
    ) -> None:
        connection.execute(
            """
            INSERT INTO ops.ledger
                (entity, run_date, rows_read, exact_duplicates, missing_key, duplicate_key,
                 orphan, loaded, field_problems, bronze_fingerprint)
            VALUES (%(entity)s, %(run_date)s, %(rows)s, 0, 0, 0, 0, %(rows)s, 0, 'by hand')
            ON CONFLICT (entity, run_date) DO UPDATE
            SET rows_read = excluded.rows_read, loaded = excluded.loaded, loaded_at = now()
            """,
            {"entity": entity.name, "run_date": run_date, "rows": rows},
        )

    def dbt(self, *arguments: str) -> Any:
        """Run dbt; its result, whether it succeeded or not."""
        from dbt.cli.main import dbtRunner

        spare_dbt()
        command, *options = arguments
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment(self.dsn, self.readers).items():
                patch.setenv(name, value)
            self.warnings.clear()
            runner = dbtRunner(manifest=self.manifest, callbacks=[self._listen])
            answer = runner.invoke(
                [
                    command,
                    *options,
                    *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
                    *("--target-path", str(self.target), "--log-path", str(self.target)),
                    *("--quiet", "--log-level-file", "none", "--no-write-json"),
                ]
            )
        if isinstance(answer.exception, Exception):
            raise answer.exception
        return answer

    def _listen(self, event: Any) -> None:
        if event.info.level == "warn":
            self.warnings.append(event.info.msg)

    def build(self, *options: str) -> dict[str, str]:
        """Build, without dbt's unit tests; the status of each node by name.

        Fails the test when the build failed.
        """
        answer = self.dbt("build", "--exclude-resource-type", "unit_test", *options)
        said = {r.node.name: f"{r.status} {r.message or ''}" for r in answer.result}
        bad = {name: text for name, text in said.items() if text.split()[0] in ("error", "fail")}
        assert answer.success, bad
        return {r.node.name: str(r.status) for r in answer.result}

    def build_models(self, *options: str) -> None:
        """Build without dbt's tests, which the last build of a story runs."""
        self.build("--exclude-resource-type", "test", *options)

    def execute(self, statement: LiteralString) -> None:
        """Run a statement."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A query's rows."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query).fetchall()

    def grants(self) -> list[tuple[Any, ...]]:
        """Who may do what with the relations of `analytics` and their columns."""
        return self.rows(_GRANTS)

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that consumers read, in an order of its own."""
        return {
            name: self.rows(f"SELECT * FROM analytics.{name} ORDER BY {order}")
            for name, order in MODELS.items()
        }


_GRANTS = """
    SELECT relname, null AS attname, grantee::regrole::text, privilege_type
    FROM pg_class, aclexplode(relacl)
    WHERE relnamespace = 'analytics'::regnamespace AND grantee <> relowner
    UNION ALL
    SELECT relname, attname, grantee::regrole::text, privilege_type
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid, aclexplode(attacl)
    WHERE relnamespace = 'analytics'::regnamespace
    ORDER BY 1, 2 NULLS FIRST, 3, 4
"""


def on_server(server: str, folder: Path, manifest: "Manifest") -> Warehouse:
    """The dbt project on a server, on a database of the name that it was parsed for."""
    parts = psycopg.conninfo.conninfo_to_dict(server)
    dsn = f"postgresql://{parts['user']}:@/warehouse?host={parts['host']}"
    return Warehouse(dsn, folder, manifest)


def _of(table: str, columns: list[str]) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(table, name) for name in columns)
