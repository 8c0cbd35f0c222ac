"""The lake's records of loads: which of them stand, and what a lake without any says."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from blocks.errors import SourceUnreadableError
from blocks.resources import Resources
from blocks.stores.local import LocalStore
from tasks.entities.contracts import AGENTS, CALL_LOGS
from tasks.lake.records import LOADED, REJECTED, Record, read_records, write_record
from tasks.reading.land import land

DAY = date(2025, 11, 20)
BEGIN = datetime(2025, 11, 20, 23, 0, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def written(lake: LocalStore, *deliveries: tuple[str, str]) -> None:
    """Records of a date, an hour apart: the entity, and how each ended."""
    for hour, (entity, ending) in enumerate(deliveries):
        at = BEGIN + timedelta(hours=hour)
        moment = "rejected_at" if ending == REJECTED else "loaded_at"
        row = {"entity": entity, "run_date": DAY, "bronze_fingerprint": str(hour), moment: at}
        write_record(lake, row, at, ending)


def standing(records: list[Record]) -> Iterator[tuple[str, str]]:
    return ((record.fingerprint, REJECTED if record.rejected else LOADED) for record in records)


@pytest.mark.parametrize(
    ("endings", "channel", "static"),
    [
        ([LOADED, LOADED], "1", "01"),
        ([LOADED, REJECTED], "01", "01"),
        ([REJECTED, REJECTED], "1", "1"),
        ([REJECTED, LOADED], "1", "1"),
        ([LOADED, REJECTED, LOADED], "2", "02"),
        ([LOADED, LOADED, REJECTED], "12", "012"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else None,
)
def test_what_stands(lake: LocalStore, endings: list[str], channel: str, static: str) -> None:
    """Of a channel's day the last load, of customers and agents every one; a last rejection."""
    for entity, expected in (("call_logs", channel), ("agents", static)):
        folder = LocalStore(lake.root / entity)
        written(folder, *((entity, ending) for ending in endings))
        found = list(standing(read_records(folder)))
        assert found == [(number, endings[int(number)]) for number in expected]


def test_they_come_in_their_order_whatever_their_entity(lake: LocalStore) -> None:
    written(lake, ("web_complaints", LOADED), ("agents", LOADED), ("call_logs", LOADED))
    written(lake, ("of another version", LOADED))
    found = read_records(lake)
    assert [record.entity for record in found] == ["web_complaints", "agents", "call_logs"]
    assert [record.at for record in found] == [BEGIN + timedelta(hours=n) for n in range(3)]


def test_a_moment_keeps_its_place_whatever_its_zone(lake: LocalStore) -> None:
    zone = datetime.fromisoformat("2025-11-21T02:00:00+05:00")
    for at in (zone, BEGIN):
        row = {"entity": "call_logs", "run_date": DAY, "bronze_fingerprint": "", "loaded_at": at}
        write_record(lake, row, at, LOADED)
    (last,) = read_records(lake)
    assert last.at == BEGIN > zone


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"entity": "agents", "run_date": "x"}'])
def test_a_record_that_is_not_ours(lake: LocalStore, text: str) -> None:
    lake.write(f"loads/agents/{DAY}/20251120T230000.000000Z{LOADED}", text.encode())
    with pytest.raises(SourceUnreadableError, match="The record of a load is not what we wrote"):
        read_records(lake)


def test_a_lake_from_before_there_were_records(resources: Resources) -> None:
    later = DAY + timedelta(days=1)
    resources.source.write(AGENTS.source_on(later), b"id,name,experience,state\n1,Bo,,\n")
    agents = land(AGENTS, later, resources)
    labels = ",".join(field.source_label for field in CALL_LOGS.fields)
    resources.source.write(CALL_LOGS.source_on(DAY), f"{labels}\n".encode())
    calls = land(CALL_LOGS, DAY, resources)
    found = read_records(resources.lake)
    assert [(r.entity, r.run_date, r.fingerprint, r.static_as_of) for r in found] == [
        ("call_logs", DAY, calls.fingerprint, None),
        ("agents", later, agents.fingerprint, None),
    ]
