"""Erasure by its stages, without Prefect: every place, and every moment to be cut short at."""

import json
import shutil
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from blocks.errors import ConfigurationError, SourceUnreadableError
from blocks.resources import Resources
from blocks.stores.local import LocalStore
from tasks.entities.contracts import CUSTOMERS
from tasks.erasure import rows
from tasks.erasure.files import erase_files
from tasks.erasure.people import remember_people
from tasks.erasure.rows import erase_rows
from tasks.lake.erasures import remembered
from tasks.reading.land import land
from tests.integration.by_hand import CHANNELS, load_all, load_landed, load_one
from tests.integration.person import (
    FIRST,
    ID,
    SECOND,
    STRANGER,
    THIRD,
    deliver,
    found_in_files,
    found_in_tables,
)


@pytest.fixture
def loaded(resources: Resources, tmp_path: Path) -> Resources:
    """Two days and two versions of them."""
    place = replace(resources, erasure_key="a key that nobody knows")
    for day in (FIRST, SECOND):
        deliver(tmp_path / "source", place.warehouse_dsn, day)
        if day == FIRST:
            load_all(place, [day])
        else:
            for entity in ("customers", *CHANNELS):
                load_one(entity, day, place)
    return place


def erase(resources: Resources, *ids: str) -> dict[str, int]:
    if ids:
        remember_people(CUSTOMERS, ids, resources)
    found = erase_files(CUSTOMERS, remembered(resources), resources)
    found += erase_rows(CUSTOMERS, remembered(resources), resources)
    return dict(found)


def lake(resources: Resources) -> Path:
    return Path(resources.lake.url)


def test_they_are_in_every_place_and_then_in_none(loaded: Resources, tmp_path: Path) -> None:
    left = lake(loaded) / "bronze/customers/.2025-11-20.parquet.0a1b2c3d"
    left.mkdir()
    (left / "part").write_text("of a killed run: zebediah")
    psycopg.connect(loaded.warehouse_dsn, autocommit=True).execute("ANALYZE")
    places = {*found_in_files(lake(loaded)), *found_in_tables(loaded.warehouse_dsn)}
    assert places >= {
        *(
            f"{layer}/customers/{d}.parquet"
            for d in (FIRST, SECOND)
            for layer in ("bronze", "silver", "rejects")
        ),
        *("problems/customers/2025-11-20.parquet", "problems/call_logs/2025-11-20.parquet"),
        *("bronze/call_logs/2025-11-20.parquet", "rejects/call_logs/2025-11-20.parquet"),
        *("conformed.customers", "quarantine.records", "ops.field_problems", "pg_catalog.pg_stats"),
    }

    found = erase(loaded, ID)
    assert found["half-written"] == 1
    assert found_in_files(lake(loaded)) == {}
    assert found_in_tables(loaded.warehouse_dsn) == {}
    assert sum(erase(loaded, ID).values()) == 0


def test_no_later_load_brings_them_back(loaded: Resources, tmp_path: Path) -> None:
    erase(loaded, ID)
    load_landed("customers", FIRST, loaded)  # as a replay or a rebuild does
    load_landed("call_logs", SECOND, loaded)
    deliver(tmp_path / "source", loaded.warehouse_dsn, THIRD)  # the sources have them still
    for entity in ("customers", *CHANNELS):
        load_one(entity, THIRD, loaded)
    assert found_in_files(lake(loaded)) == {}
    assert found_in_tables(loaded.warehouse_dsn) == {}
    assert sum(erase(loaded, ID).values()) == 0


def test_what_a_later_source_tells_of_them_is_remembered(loaded: Resources, tmp_path: Path) -> None:
    """Rows without a key, before and after the one with it that tells whose they are."""
    erase(loaded, ID)
    deliver(tmp_path / "source", loaded.warehouse_dsn, THIRD)
    file = tmp_path / "source/customers/customers_dataset.csv"
    head, _, rest = file.read_text().partition("\n")
    file.write_text(
        f"{head}\n,Ann zanzibar,F,1950-01-02,2024-05-06,,12 Wobble Street,\n{rest}"
        "7,ann Zanzibar,F,1950-01-02,2024-05-06,ann.zeb.quack@gmail.com,,\n"
        ",A. Zanzibar,F,,2024-05-06,ann.zeb.quack@@gmial.com,12 Wobble Street,\n"
    )
    heard: list[int] = []
    land(CUSTOMERS, THIRD, loaded, on_rows=heard.append)
    assert sum(heard) == 9
    manifest = (lake(loaded) / f"bronze/customers/{THIRD}.manifest.json").read_text()
    assert json.loads(manifest)["erased_rows"] == 7
    load_one("customers", THIRD, loaded)
    assert found_in_files(lake(loaded)) == {}
    assert found_in_tables(loaded.warehouse_dsn) == {}
    assert sum(erase(loaded, ID).values()) == 0
    with psycopg.connect(loaded.warehouse_dsn) as connection:
        of_stranger = "SELECT FROM quarantine.records WHERE record->>'email' = %s"
        assert len(connection.execute(of_stranger, [STRANGER]).fetchall()) == 3


def test_nobody_else_is_touched(loaded: Resources) -> None:
    """Their complaints stay, as counts about nobody; so do other people."""
    with psycopg.connect(loaded.warehouse_dsn) as connection:
        complaints = "SELECT * FROM conformed.call_logs ORDER BY run_date, call_id"
        others = "SELECT * FROM conformed.customers WHERE customer_id <> '7'"
        quarantine = (
            "SELECT entity, run_date, issue, reason, record_key, quarantined_at "
            "FROM quarantine.records ORDER BY entity, run_date, issue, record_key, record->>'name'"
        )
        before = [connection.execute(q).fetchall() for q in (complaints, others)]
        rows = sorted(map(str, connection.execute(quarantine)))
        connection.commit()
        erase(loaded, ID)
        assert [connection.execute(q).fetchall() for q in (complaints, others)] == before
        assert sorted(map(str, connection.execute(quarantine))) == rows
        assert connection.execute(
            "SELECT customer_id, gender, email FROM conformed.customers ORDER BY customer_id"
        ).fetchall() == [("7", None, None), ("c0", "F", STRANGER)]
        of_stranger = "SELECT FROM quarantine.records WHERE record->>'email' = %s"
        assert len(connection.execute(of_stranger, [STRANGER]).fetchall()) == 2


DAMAGE = [b"garbage", None, b"PAR1" + bytes(500) + b"PAR1"]  # None: cut off


@pytest.mark.parametrize("damage", DAMAGE, ids=["garbage", "cut off", "no footer"])
@pytest.mark.parametrize("name", ["customers", "call_logs"])
def test_a_damaged_file_is_named_and_stops_nothing_else(
    loaded: Resources, tmp_path: Path, name: str, damage: bytes | None
) -> None:
    deliver(tmp_path / "source", loaded.warehouse_dsn, THIRD)
    load_one("customers", FIRST, loaded)  # the delivery before is kept
    files = (lake(loaded) / f"bronze/{name}").glob(f"{FIRST}.*parquet")
    file = max(files, key=lambda path: len(path.name))
    assert name == "call_logs" or file.name != f"{FIRST}.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[:-50] if damage is None else damage)
    remember_people(CUSTOMERS, [ID], loaded)
    with pytest.raises(SourceUnreadableError, match=r"1 bronze file .* [1-9]\d are") as raised:
        erase_files(CUSTOMERS, remembered(loaded), loaded)
    assert raised.value.where.endswith(str(file))
    file.unlink()
    assert found_in_files(lake(loaded)) == {}
    assert not (lake(loaded) / f"silver/{name}/{FIRST}.parquet").exists()  # it may have them
    erase_rows(CUSTOMERS, remembered(loaded), loaded)
    assert found_in_tables(loaded.warehouse_dsn) == {}
    file.write_bytes(whole)  # from a copy
    assert erase(loaded, ID)["bronze"] > 0
    assert found_in_files(lake(loaded)) == {}


def test_a_damaged_manifest_is_named_and_stops_nothing_else(loaded: Resources) -> None:
    manifest = lake(loaded) / f"bronze/call_logs/{FIRST}.manifest.json"
    whole = manifest.read_bytes()
    manifest.write_bytes(b"[]")
    with pytest.raises(SourceUnreadableError, match="1 bronze file") as raised:
        erase(loaded, ID)
    assert raised.value.where.endswith(f"bronze/call_logs/{FIRST}.parquet")
    assert [*found_in_files(lake(loaded))] == [f"bronze/call_logs/{FIRST}.parquet"]
    manifest.write_bytes(whole)
    assert erase(loaded, ID)["bronze"] > 0
    assert found_in_files(lake(loaded)) == {}


def test_statistics_of_tables_that_became_empty_go_too(loaded: Resources) -> None:
    with psycopg.connect(loaded.warehouse_dsn, autocommit=True) as connection:
        connection.execute("ANALYZE")
        connection.execute("DELETE FROM quarantine.records; DELETE FROM ops.field_problems")
    erase(loaded, ID)
    assert found_in_tables(loaded.warehouse_dsn) == {}


class _CutError(Exception):
    """The process dies here."""


def cut_short(loaded: Resources, monkeypatch: pytest.MonkeyPatch, at: int) -> bool:
    """Whether an erasure that dies at one of its changes of lake or database gets to its end."""
    numbers = count()

    def dying(function: Any) -> Any:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if next(numbers) == at:
                raise _CutError
            return function(*args, **kwargs)

        return wrapped

    with monkeypatch.context() as patch:
        for method in ("delete", "write", "writing"):
            patch.setattr(LocalStore, method, dying(getattr(LocalStore, method)))
        patch.setattr(Path, "replace", dying(Path.replace))
        for function in ("_erase_columns", "_erase_records", "_erase_problems"):
            patch.setattr(rows, function, dying(getattr(rows, function)))
        try:
            erase(loaded, ID)
        except _CutError:
            return False
    return True


def test_cut_short_at_any_moment_it_is_completed(
    loaded: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its changes is the last one that one attempt makes; then one gets through."""
    attempts = next(at for at in count() if cut_short(loaded, monkeypatch, at))
    assert attempts > 5
    assert found_in_files(lake(loaded)) == {}
    assert found_in_tables(loaded.warehouse_dsn) == {}
    assert sum(erase(loaded, ID).values()) == 0


def test_after_a_restore_all_are_erased_again(loaded: Resources, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(lake(loaded) / "bronze", copy)
    erase(loaded, ID)
    shutil.rmtree(lake(loaded) / "bronze")
    shutil.copytree(copy, lake(loaded) / "bronze")
    load_landed("customers", FIRST, loaded)  # silver is made without them all the same
    assert set(found_in_files(lake(loaded))) <= {
        f"bronze/{e}/{d}.parquet" for e in ("customers", "call_logs") for d in (FIRST, SECOND)
    }
    assert erase(loaded)["bronze"] > 0  # nobody is named: the lake remembers
    assert found_in_files(lake(loaded)) == {}


def test_the_key(loaded: Resources, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no key to remember"):
        remember_people(CUSTOMERS, [ID], replace(loaded, erasure_key=None))
    remember_people(CUSTOMERS, [" 7.00 "], loaded)
    text = (lake(loaded) / "erasures/people.json").read_text()
    assert found_in_files(lake(loaded) / "erasures") == {}
    assert '"7"' not in text
    for key, said in ((None, "a key that is not set"), ("another key, as long", "another key")):
        with pytest.raises(ConfigurationError, match=said):
            load_one("customers", SECOND, replace(loaded, erasure_key=key))
    home = replace(loaded, erasure_key="another key, as long", erasure_key_file=tmp_path / "a.key")
    with pytest.raises(ConfigurationError) as raised:
        load_one("customers", SECOND, home)
    assert str(tmp_path / "a.key") in raised.value.todo
    assert "CORETELECOMS_ERASURE_KEY" not in raised.value.todo
    load_one("customers", SECOND, loaded)
    assert found_in_files(lake(loaded) / "silver/customers") == {
        f"{FIRST}.parquet": found_in_files(lake(loaded) / "silver/customers")[f"{FIRST}.parquet"]
    }
