"""A day of complaints, from silver to its partition: rows, orphans, problems, reloads."""

from datetime import date, datetime
from typing import Any

import psycopg
import pytest

from blocks.resources import Resources
from tasks.entities.contracts import CALL_LOGS, COMPLAINTS
from tasks.entities.model import Entity
from tasks.loading import locks
from tasks.loading.day import load_day
from tests.integration.days import DAY, Day, call_logs, calls, known_parties, query


@pytest.fixture(autouse=True)
def _parties(resources: Resources) -> None:
    known_parties(resources)


def _load(resources: Resources, rows: list[dict[str, Any]], **values: Any) -> Any:
    return load_day(CALL_LOGS, call_logs(rows, **values).write(resources), resources)


def _ids(resources: Resources, run_date: date = DAY) -> list[str]:
    found = query(
        resources,
        f"SELECT call_id FROM conformed.call_logs WHERE run_date = '{run_date}' ORDER BY 1",
    )
    return [call_id for (call_id,) in found]


@pytest.mark.parametrize("entity", COMPLAINTS, ids=lambda entity: entity.name)
def test_a_day_becomes_its_partition(resources: Resources, entity: Entity) -> None:
    rows = [
        {entity.key: f"k{i}", "customer_id": "c1", "agent_id": "a1", "request_date": DAY}
        for i in range(20)
    ]
    loaded = load_day(entity, Day(entity, rows).write(resources), resources, "run-1")
    assert (loaded.loaded, loaded.orphan, loaded.batches, loaded.batches_resumed) == (20, 0, 3, 0)
    found = query(
        resources,
        f"SELECT {entity.key}, customer_id, request_date, run_date, tableoid::regclass::text "
        f"FROM conformed.{entity.name} ORDER BY length({entity.key}), 1",
    )
    partition = f"conformed.{entity.name}_20251121"
    assert found == [(f"k{i}", "c1", DAY, DAY, partition) for i in range(20)]


def test_every_value_arrives_as_it_is(resources: Resources) -> None:
    texts = [
        "",
        None,
        ",",
        '"',
        "\n",
        "\r",
        "a\r\nb",
        "\\.",
        "\\N",
        "NULL",
        "\\",
        "  x ",
        "é😀\u2028",
    ]
    rows = calls(len(texts))
    for row, text in zip(rows, texts, strict=True):
        row["complaint_category"] = text
    rows[0] |= {
        "call_id": "\\.",
        "call_start_time": datetime.fromisoformat("0001-01-01T00:00:00.000001"),
        "call_end_time": datetime.fromisoformat("9999-12-31T23:59:59.999999"),
        "request_date": date(1, 1, 1),
    }
    _load(resources, rows)
    columns = ", ".join(CALL_LOGS.columns)
    found = query(resources, f"SELECT {columns} FROM conformed.call_logs")
    assert sorted(found, key=str) == sorted(
        (tuple(row.get(name) for name in CALL_LOGS.columns) for row in rows), key=str
    )


def test_orphans_go_to_the_quarantine_with_their_original_values(resources: Resources) -> None:
    rows = calls(12, call_start_time=datetime.fromisoformat("2025-11-21T08:00"))
    for i, row in enumerate(rows):
        row["source_row"] = 3 * i  # what lies between was rejected before
    rows[2] |= {"customer_id": "nobody"}
    rows[9] |= {"agent_id": None}
    rows[10] |= {"customer_id": None, "agent_id": "nobody"}
    loaded = _load(resources, rows, raw=["customer_id", "agent_id"], exact_duplicates=24)
    assert (loaded.orphan, loaded.loaded) == (3, 9)
    found = query(
        resources,
        "SELECT issue, reason, record_key, record FROM quarantine.records ORDER BY record_key",
    )
    original = {
        "complaint_category": "Payments",
        "call_start_time": "2025-11-21 08:00:00.000000",
        "call_end_time": None,
        "resolution_status": "Backlog",
        "call_logs_generation_date": None,
    }
    assert found == [
        ("orphan", reason, key, {"call_id": key, "customer_id": c, "agent_id": a} | original)
        for reason, key, c, a in [
            ("customer_id is unknown", "call-00002", "nobody raw", "a0 raw"),
            ("agent_id is missing", "call-00009", "c0 raw", None),
            ("customer_id is missing; agent_id is unknown", "call-00010", None, "nobody raw"),
        ]
    ]
    assert len(_ids(resources)) == 9


def test_a_day_of_orphans_alone_is_a_day_without_rows(resources: Resources) -> None:
    loaded = _load(resources, calls(30, customer_id="nobody"))
    assert (loaded.orphan, loaded.loaded) == (30, 0)
    assert _ids(resources) == []
    assert query(resources, "SELECT count(*) FROM quarantine.records") == [(30,)]


def test_rejects_and_field_problems_are_kept_but_no_problem_of_an_orphan(
    resources: Resources,
) -> None:
    rows = calls(3)
    rows[1]["agent_id"] = "nobody"
    problems = [
        {"source_row": i, "record_key": row["call_id"], "field": "call_end_time",
         "original_value": 'soon, "maybe"'}
        for i, row in enumerate(rows)
    ]  # fmt: skip
    rejects = [
        {"source_row": 3, "issue": "missing_key", "reason": "no key", "record": '{"call_id":null}'},
        {"source_row": 4, "issue": "duplicate_key", "reason": "again", "record_key": "call-00000",
         "record": '{"call_id": "call-00000"}'},
    ]  # fmt: skip
    silver = call_logs(rows, problems=problems, rejects=rejects, exact_duplicates=4)
    loaded = load_day(CALL_LOGS, silver.write(resources), resources, "run-1")
    assert loaded.field_problems == 2
    found = query(resources, "SELECT record_key, field, original_value FROM ops.field_problems")
    assert found == [(f"call-0000{i}", "call_end_time", 'soon, "maybe"') for i in (0, 2)]
    found = query(
        resources,
        "SELECT issue, reason, record_key, record, flow_run_id FROM quarantine.records ORDER BY 1",
    )
    assert [row[:3] for row in found] == [
        ("duplicate_key", "again", "call-00000"),
        ("missing_key", "no key", None),
        ("orphan", "agent_id is unknown", "call-00001"),
    ]
    assert {row[4] for row in found} == {"run-1"}
    ledger = query(
        resources,
        "SELECT rows_read, exact_duplicates, missing_key, duplicate_key, orphan, loaded, "
        "field_problems, bronze_fingerprint, flow_run_id FROM ops.ledger "
        "WHERE entity = 'call_logs'",
    )
    assert ledger == [(9, 4, 1, 1, 1, 2, 2, "one", "run-1")]


def test_a_day_without_rows_is_an_empty_partition(resources: Resources) -> None:
    loaded = _load(resources, [])
    assert (loaded.loaded, loaded.batches) == (0, 0)
    assert query(resources, "SELECT count(*) FROM conformed.call_logs_20251121") == [(0,)]


def _everything(resources: Resources) -> list[list[tuple[Any, ...]]]:
    """What a reload may not change: all but the moments at which things were written."""
    return [
        query(resources, f"SELECT * FROM conformed.{entity.name} ORDER BY 1")
        for entity in COMPLAINTS
    ] + [
        query(
            resources,
            "SELECT entity, run_date, issue, reason, record_key, record FROM quarantine.records "
            "ORDER BY entity, run_date, record_key",
        ),
        query(resources, "SELECT * FROM ops.field_problems ORDER BY entity, run_date, record_key"),
        query(
            resources,
            "SELECT entity, run_date, rows_read, orphan, loaded, field_problems FROM ops.ledger "
            "ORDER BY 1, 2",
        ),
    ]


def test_loading_twice_gives_what_loading_once_gives(resources: Resources) -> None:
    rows = calls(20)
    rows[4]["customer_id"] = None
    problem = {"source_row": 5, "record_key": "call-00005", "field": "x", "original_value": "y"}
    _load(resources, rows, problems=[problem])
    once = _everything(resources)
    _load(resources, rows, problems=[problem])
    assert _everything(resources) == once
    _load(resources, rows, problems=[problem], fingerprint="two")
    assert _everything(resources) == once
    assert query(resources, "SELECT FROM pg_tables WHERE schemaname = 'staging'") == []


def test_a_reload_loses_what_the_source_lost_and_leaves_other_days(resources: Resources) -> None:
    other = date(2025, 11, 20)
    rows = calls(5)
    rows[0]["agent_id"] = None
    _load(resources, rows, run_date=other)
    _load(resources, rows)
    place = "SELECT ctid, xmin, call_id FROM conformed.call_logs_20251120"
    before = query(resources, place)
    _load(resources, calls(2), fingerprint="two")
    assert _ids(resources) == ["call-00000", "call-00001"]
    assert query(resources, place) == before
    assert query(resources, "SELECT run_date FROM quarantine.records") == [(other,)]


def test_partitions_are_all_alike_however_they_came(resources: Resources) -> None:
    for run_date in (DAY, DAY, date(2025, 11, 22)):
        _load(resources, calls(3), run_date=run_date)
    shapes = query(
        resources,
        """
        SELECT array_agg(contype::text || convalidated || conislocal::text || (conparentid > 0)
                         ORDER BY contype, conkey)
        FROM pg_constraint WHERE conrelid IN (
            'conformed.call_logs_20251121'::regclass, 'conformed.call_logs_20251122'::regclass
        ) GROUP BY conrelid
        """,
    )
    assert shapes[0] == shapes[1]
    kinds = [kind[0] for kind in shapes[0][0] if kind[0] != "n"]  # not null: only PostgreSQL 18
    assert kinds == ["f", "f", "p"]
    options = "SELECT reloptions FROM pg_class WHERE relname = 'call_logs_20251121'"
    assert query(resources, options) == [(None,)]
    triggers = query(
        resources,
        "SELECT tgrelid::regclass::text, count(*) FROM pg_trigger GROUP BY 1 ORDER BY 1",
    )
    assert dict(triggers)["conformed.customers"] == 2 * len(COMPLAINTS)


@pytest.mark.parametrize("loads", [1, 2], ids=["loaded", "loaded again"])
def test_foreign_keys_hold_afterwards(resources: Resources, loads: int) -> None:
    for _ in range(loads):
        _load(resources, calls(3))
    with psycopg.connect(resources.warehouse_dsn, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute("UPDATE conformed.call_logs SET customer_id = 'nobody'")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute("DELETE FROM conformed.agents")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("UPDATE conformed.call_logs SET call_id = 'same'")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("UPDATE conformed.call_logs_20251121 SET run_date = '2025-11-22'")


def test_attaching_reads_no_row_to_know_its_date(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[str] = []
    connect = psycopg.connect

    def listening(*args: Any, **kwargs: Any) -> Any:
        connection = connect(*args, options="-c client_min_messages=debug1", **kwargs)
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        return connection

    monkeypatch.setattr(psycopg, "connect", listening)
    _load(resources, calls(3))
    _load(resources, calls(3))
    implied = [line for line in notices if "implied by existing constraints" in line]
    assert len(implied) == 2


def test_the_servers_defaults_do_not_matter(resources: Resources) -> None:
    database = psycopg.conninfo.conninfo_to_dict(resources.warehouse_dsn)["dbname"]
    with psycopg.connect(resources.warehouse_dsn, autocommit=True) as connection:
        for setting in ("datestyle = 'SQL, DMY'", "statement_timeout = '1min'"):
            connection.execute(f"ALTER DATABASE {database} SET {setting}")
    start = datetime.fromisoformat("2025-02-03T01:02:03")
    _load(resources, calls(2, call_start_time=start, request_date=date(2025, 2, 3)))
    values = "SELECT DISTINCT call_start_time, request_date FROM conformed.call_logs"
    assert query(resources, values) == [(start, date(2025, 2, 3))]
    with locks.at_work(resources.warehouse_dsn, "anything") as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
