"""Those who read the warehouse: their rights and views outlive builds (contract.md#readers)."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors as pg

from blocks.errors import ConfigurationError
from blocks.register import command
from tasks.entities.contracts import CUSTOMERS
from tasks.loading.readers import let_read
from tasks.loading.tables import create_all_tables
from tests.integration.test_warehouse import call, november, web
from tests.integration.warehouse import MODELS, Warehouse, on_server

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

READER, ALL, ANALYST = "coretelecoms_reader", "coretelecoms_reader_personal", "ann"
# relations that analysts may build on (docs/warehouse.md#stable)
STABLE = (*MODELS, "int_complaint_history")


@pytest.fixture(scope="module")
def project(
    postgres: str, dbt_project: "Manifest", tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """The dbt project on a server that has the two roles, and an analyst's."""
    warehouse = on_server(postgres, tmp_path_factory.mktemp("dbt"), dbt_project)
    warehouse.readers = READER
    with psycopg.connect(postgres, autocommit=True) as connection:
        for role in (READER, ALL, ANALYST):
            connection.execute(f"CREATE ROLE {role}")
        connection.execute(f"GRANT {READER} TO {ANALYST}")
        yield warehouse
        connection.execute("DROP DATABASE IF EXISTS warehouse WITH (FORCE)")
        connection.execute(f"DROP ROLE {READER}, {ALL}, {ANALYST}")


@pytest.fixture
def warehouse(project: Warehouse) -> Warehouse:
    """A warehouse of one day."""
    project.create()
    project.load_people(
        november(20), {"c1": "1 Road", "c2": "2 Road"}, {"a1": "Junior", "a2": "Senior"}
    )
    project.load_day(
        november(20),
        web_complaints=[web("r1", "Backlog", 20)],
        call_logs=[call("l1", "Backlog", 20)],
    )
    project.build_models()
    return project


def load_more(warehouse: Warehouse) -> None:
    """A new day, a corrected one, a customer who moved, an agent who was promoted."""
    warehouse.load_people(november(21), {"c1": "1 Street"}, {"a2": "Mid-Level"})
    warehouse.load_day(november(21), web_complaints=[web("r2", "Resolved", 21)])
    warehouse.load_day(november(20), web_complaints=[web("r1", "Resolved", 19)], call_logs=[])


def test_a_publication_of_all_tables_stops_no_build(warehouse: Warehouse) -> None:
    warehouse.execute(_AS_OLDER_VERSIONS_LEFT_THEM)
    warehouse.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    try:
        load_more(warehouse)
        warehouse.build()
        warehouse.load_day(november(21), web_complaints=[web("r2", "Backlog", 20)])
        warehouse.build()
        assert warehouse.rows(_UNIDENTIFIED) == []
        warehouse.build_models("--full-refresh")
    finally:
        warehouse.execute("DROP PUBLICATION everything")


_AS_OLDER_VERSIONS_LEFT_THEM = """
    DO $$
    DECLARE name regclass;
    BEGIN
        FOR name IN
            SELECT oid::regclass FROM pg_class
            WHERE relnamespace = 'analytics'::regnamespace AND relreplident = 'f'
        LOOP
            EXECUTE format('ALTER TABLE %s REPLICA IDENTITY DEFAULT', name);
        END LOOP;
        ALTER TABLE analytics.agg_agent_daily DROP CONSTRAINT agg_agent_daily_pkey;
    END $$
"""
_UNIDENTIFIED = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'analytics'::regnamespace AND relkind = 'r' AND relreplident <> 'f'
      AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = pg_class.oid AND indisprimary)
"""


@contextmanager
def reading(warehouse: Warehouse) -> Iterator[list[str]]:
    """One reader's transaction that has read every relation stays open, another reads all the time.

    What the second could not read, and that somebody waited for the first one, is listed.
    """
    wrong: list[str] = []
    done = threading.Event()

    def read(pid: int) -> None:
        with psycopg.connect(warehouse.dsn, autocommit=True) as connection:
            while not done.is_set():
                for name in STABLE:
                    connection.execute(f"SET ROLE {READER}")
                    try:
                        connection.execute(f"SELECT count(*) FROM analytics.{name}")
                    except psycopg.Error as error:
                        wrong.append(f"{name}: {error}")
                    connection.execute("RESET ROLE")
                    waits = connection.execute(_WAITS_FOR, [pid]).fetchall()
                    if waits:
                        wrong.extend(query for (query,) in waits)
                        connection.execute("SELECT pg_terminate_backend(%s)", [pid])

    with closing(psycopg.connect(warehouse.dsn)) as first:
        for (name,) in warehouse.rows(_RELATIONS):
            first.execute(f"SELECT count(*) FROM {name}")
        second = threading.Thread(target=read, args=(first.info.backend_pid,))
        second.start()
        try:
            yield wrong
        finally:
            done.set()
            second.join()


_RELATIONS = """
    SELECT oid::regclass::text FROM pg_class
    WHERE relnamespace = 'analytics'::regnamespace AND relkind IN ('r', 'v')
"""
_WAITS_FOR = "SELECT query FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"


def test_a_build_takes_nothing_from_readers(warehouse: Warehouse) -> None:
    """No relation is dropped, replaced or locked, whatever there is to build."""
    warehouse.execute(f"CREATE SCHEMA {ANALYST} AUTHORIZATION {ANALYST}")
    for name in STABLE:
        warehouse.execute(f"CREATE VIEW {ANALYST}.my_{name} AS SELECT * FROM analytics.{name}")
    load_more(warehouse)
    with reading(warehouse) as wrong:
        warehouse.build()
    assert wrong == []
    for name in STABLE:
        theirs = warehouse.rows(f"SELECT * FROM {ANALYST}.my_{name}")
        assert theirs == warehouse.rows(f"SELECT * FROM analytics.{name}")


def test_a_full_refresh_gives_the_same_tables_and_rights(warehouse: Warehouse) -> None:
    warehouse.execute(f"GRANT SELECT, UPDATE ON analytics.dim_date TO {ANALYST} WITH GRANT OPTION")
    warehouse.execute(f"GRANT SELECT (email) ON analytics.dim_customers TO {ANALYST}")
    load_more(warehouse)
    warehouse.build_models()
    incremental, granted = warehouse.contents(), warehouse.grants()
    warehouse.build("--full-refresh")
    assert warehouse.contents() == incremental
    assert warehouse.grants() == granted


def test_a_full_refresh_drops_nothing_that_is_an_analysts(warehouse: Warehouse) -> None:
    warehouse.execute("CREATE VIEW open AS SELECT complaint_key FROM analytics.fct_complaints")
    warehouse.execute(f"ALTER VIEW open OWNER TO {ANALYST}")
    answer = warehouse.dbt("build", "--full-refresh", "--exclude-resource-type", "unit_test")
    (broken,) = [r for r in answer.result if r.status == "error"]
    assert broken.node.name == "fct_complaints"
    assert "view open (owner ann) would be dropped with it" in broken.message
    assert warehouse.rows("SELECT count(*) FROM open") == [(2,)]
    warehouse.build()  # from where it stopped
    assert warehouse.rows("SELECT count(*) FROM open") == [(2,)]


def test_a_view_that_changed_is_replaced_in_place(warehouse: Warehouse) -> None:
    warehouse.execute(_READS_OTHERWISE)
    warehouse.execute("CREATE VIEW mine AS SELECT * FROM analytics.stg_customers")
    before = warehouse.rows(_VIEWS)
    warehouse.build_models()
    after = warehouse.rows(_VIEWS)
    assert [view[:2] for view in after] == [view[:2] for view in before]  # the same, by their oid
    assert [a[1] for a, b in zip(after, before, strict=True) if a != b] == ["stg_customers"]
    assert warehouse.rows("SELECT count(*) FROM mine") == [(2,)]


def test_a_view_of_other_columns_is_replaced_unless_an_analyst_built_on_it(
    warehouse: Warehouse,
) -> None:
    granted = warehouse.grants()
    history = warehouse.rows("SELECT 'analytics.int_complaint_history'::regclass::oid")
    warehouse.execute("ALTER VIEW analytics.stg_call_logs RENAME COLUMN agent_id TO agent")
    warehouse.execute("CREATE VIEW mine AS SELECT * FROM analytics.stg_call_logs")
    answer = warehouse.dbt("build", "--exclude-resource-type", "unit_test")
    (broken,) = [r for r in answer.result if r.status == "error"]
    assert "view mine (owner postgres) would be dropped with it" in broken.message
    warehouse.execute("DROP VIEW mine")
    for _ in range(2):
        warehouse.build_models()
        assert warehouse.rows("SELECT 'analytics.int_complaint_history'::regclass::oid") == history
    assert warehouse.grants() == granted
    assert warehouse.rows("SELECT to_regclass('analytics.stg_call_logs__dbt_backup')") == [(None,)]


_READS_OTHERWISE = """
    DO $$ BEGIN
        EXECUTE 'CREATE OR REPLACE VIEW analytics.stg_customers AS SELECT * FROM ('
            || rtrim(pg_get_viewdef('analytics.stg_customers'), ';')
            || ') AS older WHERE customer_id <> ''c1''';
    END $$
"""
_VIEWS = """
    SELECT oid, relname, pg_get_viewdef(oid) FROM pg_class
    WHERE relnamespace = 'analytics'::regnamespace AND relkind = 'v' ORDER BY 2
"""


def test_what_the_two_roles_may_read(warehouse: Warehouse) -> None:
    warehouse.execute(f"GRANT SELECT ON analytics.dim_customers TO {READER}")  # by mistake
    warehouse.build_models()
    assert warehouse.rows(_MAY_READ.format(role=READER, may="NOT")) == [
        ("agg_agent_performance", "name"),
        ("dim_agents", "name"),
        *(("dim_customers", column) for column in _WHO),
        ("stg_agents", "name"),
        *(("stg_customers", column) for column in _WHO),
        *(("stg_customers_versions", column) for column in _WHO if column in CUSTOMERS.versioned),
    ]
    assert warehouse.rows(_MAY_READ.format(role=ALL, may="NOT")) == []
    assert warehouse.rows(_MAY_READ.format(role="public", may="")) == []
    for role, query, error in [
        (READER, "SELECT customer_key, gender FROM analytics.dim_customers", None),
        (READER, "SELECT email FROM analytics.dim_customers", pg.InsufficientPrivilege),
        (READER, "SELECT FROM conformed.call_logs", pg.InsufficientPrivilege),
        (ALL, "SELECT * FROM analytics.dim_customers", None),
        (ALL, "SELECT * FROM conformed.customers", None),
        (ALL, "SELECT * FROM conformed.call_logs", None),
        (ALL, "SELECT FROM quarantine.records", pg.InsufficientPrivilege),
        (ALL, "SELECT FROM ops.field_problems", pg.InsufficientPrivilege),
    ]:
        with psycopg.connect(warehouse.dsn) as connection:
            connection.execute(f"SET ROLE {role}")
            if error:
                with pytest.raises(error):
                    connection.execute(query.encode())
            else:
                connection.execute(query.encode())
    assert warehouse.rows(_FOR_EVERYBODY) == []


_WHO = ("address", "date_of_birth", "email", "name", "state", "state_code", "zip_code")
_MAY_READ = """
    SELECT relname, attname
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = 'analytics'::regnamespace AND relkind IN ('r', 'v')
      AND attnum > 0 AND NOT attisdropped
      AND {may} has_column_privilege('{role}', pg_class.oid, attnum, 'SELECT')
    ORDER BY 1, 2
"""
_FOR_EVERYBODY = """
    SELECT nspname, privilege_type FROM pg_namespace, aclexplode(nspacl)
    WHERE nspname IN ('conformed', 'staging', 'quarantine', 'ops', 'analytics') AND grantee = 0
    UNION ALL
    SELECT oid::regclass::text, privilege_type FROM pg_class, aclexplode(relacl)
    WHERE relnamespace::regnamespace::text
        IN ('conformed', 'staging', 'quarantine', 'ops', 'analytics') AND grantee = 0
"""


@pytest.fixture
def settings_of(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two roles are named that aren't there; what may be made is dropped afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CORETELECOMS_READERS", "Telecom_reader")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE ROLE loader LOGIN")
        yield
        connection.execute('DROP OWNED BY loader, "Telecom_reader", "Telecom_reader_personal"')
        connection.execute('DROP ROLE loader, "Telecom_reader", "Telecom_reader_personal"')


def test_the_roles_are_made_by_who_may(
    settings_of: None,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with psycopg.connect(database) as connection, pytest.raises(ConfigurationError) as caught:
        create_all_tables(connection, "Telecom_reader")
    assert "blocks.register --readers" in caught.value.todo

    def register(dsn: str) -> tuple[int, str]:
        monkeypatch.setenv("CORETELECOMS_WAREHOUSE_DSN", dsn)
        code = command.main(["--readers"])
        return code, capsys.readouterr().out

    statements = [
        'CREATE ROLE "Telecom_reader";',
        'CREATE ROLE "Telecom_reader_personal";',
        *(f'TO "Telecom_reader{end}";' for end in ("", "_personal")),
    ]
    code, said = register(database.replace("postgres:@", "loader:@"))
    assert (code, all(statement in said for statement in statements)) == (1, True), said
    assert "administrator" in said
    code, said = register(database)
    assert (code, all(statement in said for statement in statements)) == (0, True), said
    assert "nothing" in register(database)[1]
    with psycopg.connect(database) as connection:
        connection.execute("CREATE SCHEMA conformed")
        connection.execute("CREATE SCHEMA analytics AUTHORIZATION loader")
        connection.execute("GRANT ALL ON SCHEMA conformed TO loader")
    theirs = database.replace("postgres:@", "loader:@")
    with psycopg.connect(theirs) as connection, pytest.raises(ConfigurationError) as caught:
        let_read(connection, "Telecom_reader")
    assert 'GRANT USAGE ON SCHEMA conformed TO "Telecom_reader_personal"' in caught.value.todo
    with psycopg.connect(database) as connection:
        create_all_tables(connection, "Telecom_reader")
        connection.execute('SET ROLE "Telecom_reader_personal"')
        assert connection.execute("SELECT FROM conformed.customers").fetchall() == []
