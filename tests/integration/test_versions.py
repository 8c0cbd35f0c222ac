"""Versions of customers and agents: the rule, and what earlier releases kept of them."""

from collections.abc import Mapping
from datetime import date
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.database import connect
from blocks.errors import TerminalError
from blocks.resources import Resources
from tasks.entities.contracts import AGENTS, CUSTOMERS
from tasks.entities.model import Entity
from tasks.loading.static import load_static
from tasks.loading.tables import create_all_tables
from tests.integration.days import Day, query
from tests.integration.test_exact import examples
from tests.oracle.versions import versions

Kept = tuple[str | None, ...]


def november(day: int) -> date:
    """A run date."""
    return date(2025, 11, day)


NOTHING = (None, None, None, None)
KEYS = st.sampled_from(["1", "2", "3"])
# what is kept of each entity, with what derives from it, and a column of which nothing is kept
KEPT: dict[str, list[dict[str, str | None]]] = {
    "customers": [
        {"address": None},
        {"address": "1 Road"},
        {"address": "2 Lane, Ashby, OH 43001", "zip_code": "43001", "state_code": "OH"},
        {"address": "2 Lane, Ashby, OH 43002", "zip_code": "43002", "state_code": "OH"},
    ],
    "agents": [{"experience": level} for level in (None, "Junior", "Senior")],
}
NAMES = st.sampled_from([None, "Ann", "Bo"])
DAYS = st.integers(20, 24).map(november)


def create(resources: Resources) -> None:
    """Set the tables up, as each run does when it starts."""
    with connect(resources.warehouse_dsn) as connection:
        create_all_tables(connection)


def load(
    resources: Resources, entity: Entity, day: date, rows: Mapping[str, Mapping[str, str | None]]
) -> None:
    """A static load of rows by key."""
    given = [{entity.key: key, **row} for key, row in rows.items()]
    load_static(entity, Day(entity, given, run_date=day).write(resources), resources, accept=True)


def stored(resources: Resources, entity: Entity) -> dict[str, list[tuple[date, Kept]]]:
    """Each key's versions: a run date, and what is kept."""
    found: dict[str, list[tuple[date, Kept]]] = {}
    columns = ", ".join((entity.key, "valid_from", *entity.versioned))
    rows = query(resources, f"SELECT {columns} FROM conformed.{entity.versions} ORDER BY 1, 2")
    for key, valid_from, *kept in rows:
        found.setdefault(key, []).append((valid_from, tuple(kept)))
    return found


@pytest.mark.parametrize("entity", [CUSTOMERS, AGENTS], ids=lambda entity: entity.name)
def test_any_loads_leave_the_versions_of_the_contract(entity: Entity, resources: Resources) -> None:
    create(resources)
    rows = st.tuples(st.sampled_from(KEPT[entity.name]), NAMES)
    loads = st.lists(st.tuples(DAYS, st.dictionaries(KEYS, rows)), max_size=8)
    said: dict[str, list[tuple[date, Kept]]] = {}
    example = count()

    @examples(25)
    @given(loads=loads)
    def check(
        loads: list[tuple[date, dict[str, tuple[dict[str, str | None], str | None]]]],
    ) -> None:
        of_this = f"{next(example)}."  # its own people: those of the examples before stay
        for day, people in loads:
            delivered = {
                of_this + key: kept | {"name": name} for key, (kept, name) in people.items()
            }
            load(resources, entity, day, delivered)
            for key, row in delivered.items():
                kept = tuple(row.get(column) for column in entity.versioned)
                said.setdefault(key, []).append((day, kept))
        assert stored(resources, entity) == {key: versions(of) for key, of in said.items()}

    check()


@pytest.mark.parametrize(
    ("loads", "expected"),
    [
        ([(20, "Old"), (23, "New")], [(20, "Old"), (23, "New")]),
        ([(20, "Typo"), (20, "Old"), (23, "Tpyo"), (23, "New")], [(20, "Old"), (23, "New")]),
        ([(20, "Old"), (25, "New"), (22, "Other")], [(20, "Old"), (25, "Other")]),
        ([(20, "Old"), (23, "Typo"), (23, "Old")], [(20, "Old")]),
        ([(20, "Old"), (23, "New"), (24, "Old")], [(20, "Old"), (23, "New"), (24, "Old")]),
        ([(20, None), (23, "New"), (24, None)], [(20, None), (23, "New"), (24, None)]),
    ],
    ids=["moves", "twice a date", "an older date", "taken back", "returns", "nothing"],
)
def test_cases_of_the_contract(
    resources: Resources, loads: list[tuple[int, str | None]], expected: list[tuple[int, str]]
) -> None:
    create(resources)
    for day, address in loads:
        load(resources, CUSTOMERS, november(day), {"1": {"address": address}})
    found = [(valid_from.day, kept[0]) for valid_from, kept in stored(resources, CUSTOMERS)["1"]]
    assert found == expected


def test_what_derives_from_a_field_is_put_right_in_its_version(resources: Resources) -> None:
    """The same address reads otherwise once cleaning knows more: nobody has moved."""
    create(resources)
    for day, state in ((20, None), (23, "OH")):
        row = {"address": "2 Lane, Ashby, OH 43001", "state_code": state}
        load(resources, CUSTOMERS, november(day), {"1": row})
    assert stored(resources, CUSTOMERS)["1"] == [
        (november(20), ("2 Lane, Ashby, OH 43001", None, "OH", None))
    ]


def test_only_versions_of_whom_a_load_changes_are_written(resources: Resources) -> None:
    create(resources)
    old, new = {"address": "1 Road"}, {"address": "2 Lane"}
    load(resources, CUSTOMERS, november(20), {"1": old, "2": old, "3": old})
    writers = "SELECT customer_id, xmin::text FROM conformed.customers_versions"
    before = query(resources, writers)
    load(resources, CUSTOMERS, november(21), {"1": old, "2": new, "3": old | {"name": "Ann"}})
    assert {key for key, _ in set(query(resources, writers)) - set(before)} == {"2"}


# as dbt made them, without its other columns
SNAPSHOT = """
    CREATE SCHEMA IF NOT EXISTS analytics;
    CREATE TABLE analytics.snap_customers (
        customer_id text, address text, zip_code text, state_code text, state text,
        run_date date, dbt_valid_from timestamptz, dbt_valid_to timestamptz
    );
    INSERT INTO analytics.snap_customers VALUES
        ('1', 'Typo Road', '43001', 'OH', 'Ohio', '2025-11-20', '2025-11-20 05:00', NULL),
        ('1', 'Old Road', '43001', 'OH', 'Ohio', '2025-11-20', '2025-11-20 06:00', NULL),
        ('1', 'New Road', '43002', 'OH', 'Ohio', '2025-11-22', '2025-11-23 05:00', NULL),
        ('2', 'Old Road', NULL, NULL, NULL, '2025-11-20', '2025-11-20 05:00', NULL),
        ('2', 'Typo Road', NULL, NULL, NULL, '2025-11-23', '2025-11-23 05:00', NULL),
        ('2', 'Old Road', NULL, NULL, NULL, '2025-11-23', '2025-11-23 06:00', NULL),
        ('3', NULL, NULL, NULL, NULL, '2025-11-20', '2025-11-20 05:00', NULL);
    INSERT INTO conformed.customers (customer_id, address, zip_code, state_code, state, run_date)
    VALUES
        ('1', 'New Road', '43002', 'OH', 'Ohio', '2025-11-24'),
        ('2', 'Old Road', NULL, NULL, NULL, '2025-11-23'),
        -- what was loaded after dbt's last build
        ('3', 'Late Road', NULL, NULL, NULL, '2025-11-25'),
        ('4', 'Late Road', NULL, NULL, NULL, '2025-11-25')
"""


def test_what_snapshots_kept_is_taken_over_once(resources: Resources) -> None:
    create(resources)
    with connect(resources.warehouse_dsn) as connection:
        connection.execute(SNAPSHOT)
    taken_over: dict[str, list[tuple[date, Kept]]] = {
        "1": [
            (november(20), ("Old Road", "43001", "OH", "Ohio")),
            (november(22), ("New Road", "43002", "OH", "Ohio")),
        ],
        "2": [(november(20), ("Old Road", None, None, None))],
        "3": [(november(20), NOTHING), (november(25), ("Late Road", None, None, None))],
        "4": [(november(25), ("Late Road", None, None, None))],
    }
    for _ in range(2):
        create(resources)
        assert stored(resources, CUSTOMERS) == taken_over
        assert query(resources, "SELECT to_regclass('analytics.snap_customers')") == [(None,)]
    # an earlier release was back for a while: it changed addresses, and made a snapshot of its own
    with connect(resources.warehouse_dsn) as connection:
        connection.execute(
            "UPDATE conformed.customers SET address = 'Hill', run_date = '2025-11-27'"
        )
        connection.execute("CREATE TABLE analytics.snap_customers (customer_id text)")
    create(resources)
    assert stored(resources, CUSTOMERS) == {
        key: [*kept, (november(27), ("Hill", *kept[-1][1][1:]))] for key, kept in taken_over.items()
    }


def test_loaded_rows_without_versions_become_one_each(resources: Resources) -> None:
    """A table from before there were any, or versions that somebody has removed."""
    create(resources)
    load(resources, AGENTS, november(20), {"1": {"experience": "Junior"}, "2": {"state": "Ohio"}})
    before = stored(resources, AGENTS)
    with connect(resources.warehouse_dsn) as connection:
        connection.execute("DROP TABLE conformed.agents_versions")
    create(resources)
    assert stored(resources, AGENTS) == before


def test_a_view_on_a_snapshot_is_not_dropped_silently(resources: Resources) -> None:
    create(resources)
    with connect(resources.warehouse_dsn) as connection:
        connection.execute(SNAPSHOT)
        connection.execute("CREATE VIEW public.moves AS SELECT * FROM analytics.snap_customers")
    with pytest.raises(TerminalError, match=r"2BP01.*snap_customers"):
        create(resources)
    assert stored(resources, CUSTOMERS) == {}
