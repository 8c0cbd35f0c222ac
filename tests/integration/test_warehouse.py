"""The warehouse on a real PostgreSQL with the real dbt: versions, orders of loading, failures.

One database for the module and few builds: each costs seconds. Tests that change it build it again.
"""

import re
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from tasks.entities.contracts import AGENTS, CUSTOMERS
from tests.integration.warehouse import Warehouse, on_server

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest


def november(day: int) -> date:
    """The days of these stories."""
    return date(2025, 11, day)


def web(
    key: str, status: str | None, made: int | None = None, who: str = "c1/a1"
) -> dict[str, Any]:
    """A web-form complaint of a customer, taken by an agent."""
    customer, agent = who.split("/")
    return {
        "request_id": key,
        "customer_id": customer,
        "agent_id": agent,
        "complaint_category": "Payments",
        "request_date": november(made) if made else None,
        "resolution_status": status,
    }


def call(key: str, status: str, made: int, who: str = "c2/a2") -> dict[str, Any]:
    """A call of a customer, taken by an agent."""
    row = web(key, status, made, who)
    row["call_id"] = row.pop("request_id")
    return row | {"complaint_category": "Network Failure"}


@pytest.fixture(scope="module")
def project(
    postgres: str, dbt_project: "Manifest", tmp_path_factory: pytest.TempPathFactory
) -> Warehouse:
    """The dbt project on the embedded PostgreSQL."""
    return on_server(postgres, tmp_path_factory.mktemp("dbt"), dbt_project)


@pytest.fixture
def warehouse(project: Warehouse) -> Warehouse:
    """An empty conformance layer in a new database."""
    project.create()
    return project


def test_failed_build_is_made_good_by_the_next(warehouse: Warehouse) -> None:
    """A customer moves, an agent is promoted, and the build that takes it in stops halfway."""
    warehouse.load_people(november(20), {"c1": "Old Road", "c2": "Lane"}, {"a1": "Junior"})
    warehouse.load_day(november(20), web_complaints=[web("r1", "Backlog", 20)])
    # the complaints of the 23rd are in before the refresh that changes who made and took them
    warehouse.load_day(
        november(23), web_complaints=[web("r2", "Backlog", 22), web("r3", "Backlog", 23)]
    )
    warehouse.build_models()
    # the 24th dates a complaint otherwise; the facts take it, and then a mart can't be written
    warehouse.load_people(november(23), {"c1": "New Road", "c2": "Lane"}, {"a1": "Senior"})
    warehouse.load_day(
        november(24), web_complaints=[web("r1", "Resolved", 19), web("r4", "Backlog", 24)]
    )
    warehouse.execute(
        "ALTER TABLE analytics.agg_daily_complaints"
        " ADD CONSTRAINT nothing_goes CHECK (complaints < 0) NOT VALID"
    )
    answer = warehouse.dbt("build", "--exclude-resource-type", "unit_test")
    assert not answer.success
    assert [r.node.name for r in answer.result if r.status == "error"] == ["agg_daily_complaints"]
    assert warehouse.rows(_BUILT) == [(november(20),), (november(23),)]
    where = "SELECT complaint_date FROM analytics.fct_complaints WHERE complaint_id = 'r1'"
    assert warehouse.rows(where) == [(november(19),)]

    # the facts no longer say where the complaint was before: the work list does
    warehouse.execute("ALTER TABLE analytics.agg_daily_complaints DROP CONSTRAINT nothing_goes")
    warehouse.build()
    assert warehouse.rows(
        "SELECT complaint_date FROM analytics.agg_daily_complaints ORDER BY complaint_date"
    ) == [(november(day),) for day in (19, 22, 23, 24)]
    assert warehouse.rows(_BUILT) == [(november(20),), (november(23),), (november(24),)]
    assert warehouse.rows(
        "SELECT customer_id, address, valid_from, valid_to, is_current "
        "FROM analytics.dim_customers ORDER BY customer_id, valid_from"
    ) == [
        ("c1", "Old Road", date(1900, 1, 1), november(23), False),
        ("c1", "New Road", november(23), None, True),
        ("c2", "Lane", date(1900, 1, 1), None, True),
    ]
    assert warehouse.rows(
        """
        SELECT complaint_id, address, experience
        FROM analytics.fct_complaints
        JOIN analytics.dim_customers USING (customer_key)
        JOIN analytics.dim_agents USING (agent_key)
        ORDER BY complaint_id
        """
    ) == [
        ("r1", "Old Road", "Junior"),
        ("r2", "Old Road", "Junior"),
        ("r3", "New Road", "Senior"),
        ("r4", "New Road", "Senior"),
    ]


@pytest.mark.parametrize(
    "made_anew",
    ["only the facts", "all, but for a mart that an analyst built on", "the facts were dropped"],
)
def test_facts_made_from_nothing_have_their_marts_made_whole(
    warehouse: Warehouse, made_anew: str
) -> None:
    """A complaint moves to another customer and date; new facts don't say where it was before."""
    warehouse.load_people(november(20), {"c1": "Road", "c2": "Lane"}, {"a1": "Junior"})
    warehouse.load_day(november(20), web_complaints=[web("r1", "Backlog", 20)])
    warehouse.load_day(november(22), web_complaints=[web("r2", "Backlog", 22, "c2/a1")])
    warehouse.build_models()
    warehouse.load_day(november(20), web_complaints=[web("r1", "Backlog", 19, "c2/a1")])
    if made_anew == "only the facts":
        warehouse.build_models("--full-refresh", "--select", "fct_complaints")
    elif made_anew == "the facts were dropped":
        warehouse.execute("DROP TABLE analytics.fct_complaints")
    else:
        warehouse.execute("CREATE VIEW public.busy AS TABLE analytics.feat_customer_month")
        answer = warehouse.dbt("build", "--full-refresh", "--exclude-resource-type", "unit_test")
        failed = [r.node.name for r in answer.result if r.status == "error"]
        assert failed == ["feat_customer_month"]
    warehouse.build()
    after = warehouse.contents()
    warehouse.execute("DROP SCHEMA analytics CASCADE")
    warehouse.build_models()
    assert warehouse.contents() == after


def test_any_order_of_loading_gives_what_a_full_refresh_gives(warehouse: Warehouse) -> None:
    warehouse.load_people(
        november(20), {"c1": "1 Road", "c2": "2 Road"}, {"a1": "Junior", "a2": "Senior"}
    )
    day_20 = [web("r1", "Backlog", 20), web("r2", "Backlog", 20), web("r3", "Resolved", 19)]
    warehouse.load_day(november(20), web_complaints=day_20, call_logs=[call("l1", "Backlog", 20)])
    warehouse.build_models()

    warehouse.load_day(
        november(22),
        web_complaints=[web("r1", "Resolved", 20), web("r4", None)],
        call_logs=[call("l1", "In-Progress", 20), call("l2", "Resolved", 22)],
    )
    warehouse.build_models()

    # the 21st comes late: it fills in history, and changes no latest status
    warehouse.load_day(
        november(21), web_complaints=[web("r1", "Blocked", 20), web("r2", "In-Progress", 20)]
    )
    warehouse.build_models()
    assert warehouse.rows(_STATES) == [
        ("l1", "In-Progress", november(20), november(22), None, None),
        ("l2", "Resolved", november(22), november(22), None, november(22)),
        ("r1", "Resolved", november(20), november(22), november(21), november(22)),
        ("r2", "In-Progress", november(20), november(21), None, None),
        ("r3", "Resolved", november(20), november(20), None, november(20)),
        ("r4", None, november(22), november(22), None, None),
    ]

    # the 20th again: r1 has another customer there and isn't moved by it, r2 lost that day, r3 is
    # gone altogether, l1 is dated otherwise, which only its latest day may say. A refresh for the
    # 21st moves a customer, and the 26th, in the same build, brings nothing but its date.
    warehouse.load_day(
        november(20),
        web_complaints=[web("r1", "Backlog", 20, "c2/a2")],
        call_logs=[call("l1", "Backlog", 18)],
    )
    warehouse.load_people(november(21), {"c1": "1 Street"}, {"a2": "Junior"})
    warehouse.load_day(november(26), web_complaints=[], call_logs=[])
    warehouse.build_models()
    assert warehouse.rows(_STATES) == [
        ("l1", "In-Progress", november(20), november(22), None, None),
        ("l2", "Resolved", november(22), november(22), None, november(22)),
        ("r1", "Resolved", november(20), november(22), november(21), november(22)),
        ("r2", "In-Progress", november(21), november(21), None, None),
        ("r4", None, november(22), november(22), None, None),
    ]
    assert warehouse.rows(
        "SELECT complaint_id, met_sla FROM analytics.fct_complaint_lifecycle ORDER BY complaint_id"
    ) == [("l1", False), ("l2", True), ("r1", True), ("r2", False), ("r4", False)]

    warehouse.execute("GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO pg_monitor")
    incremental, granted = warehouse.contents(), warehouse.grants()
    warehouse.build("--full-refresh")
    assert warehouse.contents() == incremental
    assert warehouse.grants() == granted


_STATES = """
    SELECT fct.complaint_id, fct.resolution_status, first_run_date, fct.last_run_date, blocked_date,
           resolved_date
    FROM analytics.fct_complaints AS fct
    JOIN analytics.fct_complaint_lifecycle USING (complaint_key)
    ORDER BY complaint_id
"""


def test_failing_test_says_how_many_rows_and_keeps_the_day_unbuilt(warehouse: Warehouse) -> None:
    warehouse.load_people(november(20), {"c1": "Road"}, {"a1": "Junior"})
    warehouse.load_day(november(20), web_complaints=[web("r1", "Backlog", 20)])
    warehouse.execute("DELETE FROM conformed.web_complaints")
    for _ in range(2):  # again: nothing was loaded since, and yet nothing is forgotten
        answer = warehouse.dbt("build", "--exclude-resource-type", "unit_test")
        assert not answer.success
        (failed,) = [r for r in answer.result if r.status == "fail"]
        assert (failed.node.name, failed.failures) == ("ledger_matches_partitions", 1)
        assert warehouse.rows(failed.node.compiled_code) == [
            ("web_complaints", november(20), None, 1)
        ]
    assert warehouse.rows("SELECT to_regclass('analytics.built_run_dates')") == [(None,)]


def test_day_reads_and_writes_its_share_of_history(warehouse: Warehouse) -> None:
    others = {f"c{number}": "Street" for number in range(3, 500)}
    warehouse.load_people(
        november(1), {"c1": "Road", "c2": "Lane", **others}, {"a1": "Junior", "a2": "Junior"}
    )
    called = [call(f"l{customer}", "Resolved", 1, f"{customer}/a1") for customer in others]
    warehouse.load_day(november(1), call_logs=called)
    for day in range(2, 21):
        reported = [web(f"r{day}", "Backlog", day), web(f"r{day - 1}", "Resolved", day - 1)]
        called = [call(f"l{day}", "Resolved", day)]
        warehouse.load_day(november(day), web_complaints=reported, call_logs=called)
    warehouse.build_models()
    # at this size PostgreSQL would rather read a table than look into its index
    warehouse.execute("ALTER DATABASE warehouse SET enable_seqscan = off")
    before, read_before = warehouse.rows(_WRITERS), dict(warehouse.rows(_READ))

    warehouse.load_day(
        november(21), web_complaints=[web("r21", "Backlog", 21), web("r20", "Resolved", 20)]
    )
    warehouse.build()
    written = {row[0] for row in set(warehouse.rows(_WRITERS)) - set(before)}
    assert written == {"r20", "r21"}
    read = {name: rows - read_before.get(name, 0) for name, rows in warehouse.rows(_READ)}
    # the day before, in which r20 was reported first; of each customer the month that it counted
    assert {name for name in read_before if read[name]} == {
        "web_complaints_20251120",
        "feat_customer_month",
    }
    assert read["feat_customer_month"] <= 2


def test_refresh_writes_the_versions_of_whom_it_changed(warehouse: Warehouse) -> None:
    agents = {"a1": "Junior", "a2": "Senior"}
    warehouse.load_people(november(20), {"c1": "Road", "c2": "Lane"}, agents)
    warehouse.load_day(
        november(20), web_complaints=[web("r1", "Backlog", 20), web("r2", "Backlog", 20, "c2/a2")]
    )
    warehouse.build_models()
    before = warehouse.rows(_PEOPLE)

    warehouse.load_people(november(21), {"c1": "New Road", "c2": "Lane"}, agents)
    warehouse.load_static(november(21), AGENTS, [{"agent_id": "a2", "name": "Eve"}])
    warehouse.build_models()
    written = {row[0] for row in set(warehouse.rows(_PEOPLE)) - set(before)}
    assert written == {"c1", "a2"}
    assert warehouse.rows("SELECT name FROM analytics.dim_agents WHERE agent_id = 'a2'") == [
        ("Eve",)
    ]


def test_versions_are_exact_however_many_loads_lie_between_two_builds(
    warehouse: Warehouse,
) -> None:
    warehouse.load_people(november(20), {"c1": "1 Road", "c2": "2 Road"}, {"a1": "Intern"})
    calls = [web(f"r{day}", "Backlog", day) for day in range(19, 26)]
    warehouse.load_day(november(20), web_complaints=calls)
    warehouse.build_models()
    warehouse.load_people(november(21), {"c1": "1 Lane", "c2": "2 Lane"}, {"a1": "Junior"})
    warehouse.load_people(november(23), {"c1": "1 Street", "c2": "2 Road"}, {"a1": "Senior"})
    # an older run date takes effect where history stands; other fields make no version
    warehouse.load_people(november(21), {"c2": "2 Alley"}, {})
    warehouse.load_static(november(24), CUSTOMERS, [{"customer_id": "c1", "name": "Ada"}])
    warehouse.load_static(november(24), AGENTS, [{"agent_id": "a1", "state": "Ohio"}])
    warehouse.build()
    assert warehouse.rows(
        "SELECT address, valid_from, valid_to, name FROM analytics.dim_customers ORDER BY 1"
    ) == [
        ("1 Lane", november(21), november(23), "Ada"),
        ("1 Road", date(1900, 1, 1), november(21), "Ada"),
        ("1 Street", november(23), None, "Ada"),
        ("2 Alley", november(23), None, None),
        ("2 Lane", november(21), november(23), None),
        ("2 Road", date(1900, 1, 1), november(21), None),
    ]
    assert warehouse.rows(
        "SELECT experience, valid_from, state FROM analytics.dim_agents ORDER BY valid_from"
    ) == [
        ("Intern", date(1900, 1, 1), "Ohio"),
        ("Junior", november(21), "Ohio"),
        ("Senior", november(23), "Ohio"),
    ]
    # facts that were there before have the versions of their days
    assert warehouse.rows(
        """
        SELECT extract(day FROM complaint_date)::integer, address, experience
        FROM analytics.fct_complaints
        JOIN analytics.dim_customers USING (customer_key)
        JOIN analytics.dim_agents USING (agent_key)
        ORDER BY 1
        """
    ) == [
        (19, "1 Road", "Intern"),
        (20, "1 Road", "Intern"),
        (21, "1 Lane", "Junior"),
        (22, "1 Lane", "Junior"),
        (23, "1 Street", "Senior"),
        (24, "1 Street", "Senior"),
        (25, "1 Street", "Senior"),
    ]
    incremental = warehouse.contents()
    warehouse.execute("DROP SCHEMA analytics CASCADE")  # all of it is derived
    warehouse.build_models()
    assert warehouse.contents() == incremental


def test_warnings_descriptions_and_all_tests(warehouse: Warehouse) -> None:
    warehouse.load_people(november(20), {"c1": "Road"}, {"a1": "Junior"})
    warehouse.load_day(november(20), web_complaints=[web("r1", "Backlog", 20), web("r2", None, 21)])
    statuses = warehouse.build()
    # words and dates that a source may get wrong are no failure.
    warned = {name for name, status in statuses.items() if status == "warn"}
    assert warned == {"unknown_words", "complaints_before_their_date"}
    of_tests = r"\d+ of \d+ WARN |Warning in test |Got \d+ result"
    assert [text for text in warehouse.warnings if not re.match(of_tests, text)] == []
    assert warehouse.rows(_BUILT) == [(november(20),)]
    assert warehouse.rows(_UNDESCRIBED) == []
    # an index serves no comparison in another collation than its own
    assert warehouse.rows(_OTHER_COLLATION) == []
    # by hand every test looks at every row, though nothing is left to build
    tested = warehouse.dbt("test")
    assert tested.success, [r.node.name for r in tested.result if r.status != "pass"]
    # behind a failing unit test dbt leaves out others of its model, and doesn't say so.
    unit_tests = {test.name for test in warehouse.manifest.unit_tests.values()}
    assert unit_tests <= {r.node.name for r in tested.result if r.status == "pass"}
    assert "lifecycle_reopens" in unit_tests
    warehouse.execute(
        """
        UPDATE analytics.fct_complaints
        SET media_channel = CASE complaint_id WHEN 'r1' THEN 'FAX' END,
            customer_key = CASE complaint_id WHEN 'r1' THEN customer_key ELSE 'nobody' END,
            complaint_date_key = CASE complaint_id WHEN 'r2' THEN 0 ELSE 20251120 END
        """
    )
    tested = warehouse.dbt("test", "--select", "fct_complaints,test_name:known_values")
    found = {r.node.name: r.failures for r in tested.result}
    assert found == {"known_values_fct_complaints": 2, "known_dates_fct_complaints": 1}
    # which column it is, the query of a test says
    queries = {
        r.node.name: f"SELECT complaint_id, wrong_columns FROM ({r.node.compiled_code}) AS x"
        for r in tested.result
    }
    assert sorted(warehouse.rows(queries["known_values_fct_complaints"])) == [
        ("r1", "media_channel"),
        ("r2", "customer_key"),
    ]


_BUILT = """
    SELECT run_date FROM analytics.built_run_dates
    WHERE entity = 'web_complaints' ORDER BY run_date
"""
# tables and columns in the database without a comment
_UNDESCRIBED = """
    SELECT relname, attname
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = 'analytics'::regnamespace AND relkind IN ('r', 'v')
      AND attnum > 0 AND NOT attisdropped AND (
          obj_description(pg_class.oid) IS NULL OR col_description(pg_class.oid, attnum) IS NULL
      )
"""
# columns that are not in the database's collation
_OTHER_COLLATION = """
    SELECT attrelid::regclass::text, attname
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace IN ('conformed'::regnamespace, 'analytics'::regnamespace)
      AND attcollation NOT IN (0, '"default"'::regcollation)
      AND attnum > 0 AND NOT attisdropped
"""
# which transaction wrote each complaint
_WRITERS = """
    SELECT complaint_id, xmin::text FROM analytics.fct_complaints
    UNION ALL SELECT complaint_id, xmin::text FROM analytics.fct_complaint_lifecycle
    ORDER BY 1, 2
"""
# which transaction wrote each version and each complaint
_PEOPLE = """
    SELECT customer_id, xmin::text FROM analytics.dim_customers
    UNION ALL SELECT agent_id, xmin::text FROM analytics.dim_agents
    UNION ALL SELECT complaint_id, xmin::text FROM analytics.fct_complaints
    ORDER BY 1, 2
"""
# rows read of each day's web forms and of the customers' months, ever
_READ = """
    SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0)
    FROM pg_stat_user_tables
    WHERE relname ~ '^web_complaints_' OR relname = 'feat_customer_month'
"""
