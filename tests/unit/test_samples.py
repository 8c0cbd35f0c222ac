"""The sample sources' content: the same everywhere, in the published shape, alive over days."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, timedelta

import pytest

from blocks import samples
from blocks.samples.static import AGENTS_HEADER, CUSTOMERS_HEADER, LEVELS, SEATS
from blocks.samples.words import STATES
from tests.unit.sample_sources import CHANNELS, CHOICES, DAYS, KEYS, known, source


def content(day: date) -> bytes:
    web = json.dumps(samples.web_complaints(day)).encode()
    return b"\n".join(
        [
            samples.customers_csv(day),
            samples.agents_csv(day),
            samples.call_logs_csv(day),
            samples.sm_complaints_json(day),
            web,
        ]
    )


def test_a_date_gives_the_same_bytes_in_another_process_whatever_was_made_before() -> None:
    code = (
        "import hashlib; from datetime import date;"
        "from tests.unit.test_samples import content;"
        "content(date(2025, 11, 27));"
        "print(hashlib.sha256(content(date(2025, 11, 21))).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "4242"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert there == hashlib.sha256(content(DAYS[1])).hexdigest()
    assert content(DAYS[0]) != content(DAYS[1])


def test_making_samples_loads_none_of_the_heavy_libraries() -> None:
    code = "import sys, blocks.samples; print({'polars', 'prefect', 'psycopg'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_sources_have_the_published_labels() -> None:
    day = DAYS[0]
    assert ",".join(CUSTOMERS_HEADER) == (
        "customer_id,name,Gender,DATE of biRTH,signup_date,email,address"
    )
    assert ",".join(AGENTS_HEADER) == "iD,NamE,experience,state"
    assert samples.call_logs_csv(day).split(b"\n")[0] == (
        b",call ID,customeR iD,COMPLAINT_catego ry,agent ID,call_start_time,call_end_time,"
        b"resolutionstatus,callLogsGenerationDate"
    )
    columns = json.loads(samples.sm_complaints_json(day))
    assert ",".join(columns) == (
        "complaint_id,customeR iD,COMPLAINT_catego ry,agent ID,resolutionstatus,request_date,"
        "resolution_date,media_channel,MediaComplaintGenerationDate"
    )
    assert {tuple(c) for c in columns.values()} == {
        tuple(str(i) for i in range(len(columns["complaint_id"])))
    }
    labels, rows = samples.web_complaints(day)
    assert ",".join(labels) == (
        "column1,request_id,customeR iD,COMPLAINT_catego ry,agent ID,resolutionstatus,"
        "request_date,resolution_date,webFormGenerationDate"
    )
    assert [row[0] for row in rows] == [str(i) for i in range(len(rows))]


def test_a_day_is_of_the_size_of_a_sample() -> None:
    for day in DAYS:
        assert 700 < sum(len(source(entity, day)) for entity in CHANNELS) < 2500
    assert 2000 < len(source("customers", DAYS[0])) < 2600
    assert SEATS <= len(source("agents", DAYS[0])) < SEATS + 12


@pytest.mark.parametrize("entity", CHANNELS)
def test_a_few_complaints_are_orphans_and_new_customers_free_some_later(entity: str) -> None:
    rows = [row for day in DAYS for row in source(entity, day)]
    customers = [row["customeR iD"].strip() for row in rows]
    agents = [row["agent ID"].strip() for row in rows]
    for references, table in ((customers, "customers"), (agents, "agents")):
        orphans = Counter(r for r in references if r not in known(table, DAYS[0]))
        assert orphans[""] > 0
        assert len(orphans) > 1
        assert orphans.total() < 0.06 * len(rows)
    early = set(customers) - known("customers", DAYS[0])
    assert early & known("customers", DAYS[-1] + timedelta(3))
    assert early - known("customers", DAYS[-1] + timedelta(30)) - {""}


def test_agents_come_from_every_state_and_territory() -> None:
    places = {row["state"].strip().lower() for row in source("agents", DAYS[0])}
    found = {s.code for s in STATES if {s.code.lower(), s.name.lower()} & places}
    assert len(found) > 0.9 * len(STATES)  # the others are among the dirty ones


def test_complaints_come_back_with_later_statuses() -> None:
    status = {s.lower(): s for s in CHOICES["resolutionstatus"]}
    for entity in CHANNELS:
        histories: dict[str, list[str]] = defaultdict(list)
        for day in [DAYS[0] + timedelta(i) for i in range(14)]:
            last = {r[KEYS[entity]].strip(): r["resolutionstatus"] for r in source(entity, day)}
            for key, value in last.items():
                if key and value.strip().lower() in status:
                    histories[key].append(status[value.strip().lower()])
        paths = Counter(">".join(history) for history in histories.values())
        for path in (
            "Resolved",
            "Backlog>Resolved",
            "Backlog>In-Progress>Resolved",
            "Backlog>Blocked",
            "Backlog>In-Progress",
            "Backlog>In-Progress>Resolved>In-Progress>Resolved",
            "Resolved>In-Progress",
        ):
            assert paths[path] > 0, (entity, path)
        assert sum(n for path, n in paths.items() if path.endswith("Resolved")) > 0.5 * len(
            histories
        )


def test_a_complaint_keeps_its_customer_and_is_resolved_on_the_day_it_says() -> None:
    customers: dict[str, Counter[str]] = defaultdict(Counter)
    wrong = resolved = 0
    for day in DAYS:
        for row in source("web_complaints", day):
            customers[row["request_id"].strip()][row["customeR iD"].strip()] += 1
            if row["resolutionstatus"] == "Resolved":
                resolved += 1
                wrong += row["resolution_date"].strip() != str(day)
            elif row["resolutionstatus"] in CHOICES["resolutionstatus"]:
                assert row["resolution_date"] == ""
    del customers[""]
    assert all(len(of_one) == 1 for of_one in customers.values())
    assert wrong < 0.12 * resolved


def test_within_four_days_customers_move_and_an_agent_is_promoted_all_year_round() -> None:
    def clean_agents(day: date) -> dict[str, str]:
        return {
            row["iD"].strip(): row["experience"].strip().lower() for row in source("agents", day)
        }

    order = [level.lower() for level in LEVELS]
    for start in (DAYS[0] + timedelta(i) for i in range(SEATS * 6)):
        before, after = clean_agents(start), clean_agents(start + timedelta(3))
        assert before.keys() == after.keys()
        assert any(
            before[agent] in order[:-1] and after[agent] == order[order.index(before[agent]) + 1]
            for agent in before
        ), start

    for start in (date(2025, 11, 20), date(2026, 2, 28), date(2031, 7, 1)):
        homes = [
            {row["customer_id"].strip(): row for row in source("customers", day)}
            for day in (start, start + timedelta(3))
        ]
        changed = {k: v for k, v in homes[0].items() if k and homes[1][k] != v}
        assert 3 <= len(changed) < 20
        for key, row in changed.items():
            assert row | {"address": ""} == homes[1][key] | {"address": ""}


def test_marts_are_worth_looking_at() -> None:
    rows = [row for day in DAYS for row in source("call_logs", day)]
    categories = Counter(row["COMPLAINT_catego ry"] for row in rows).most_common(4)
    assert categories[0][1] > 2 * categories[3][1]
    agents = Counter(row["agent ID"] for row in rows).most_common()
    assert agents[0][1] > 5 * agents[SEATS // 2][1]
