"""Every bad input of docs/contract.md#errors in a whole run: what it says, what it leaves."""

import gzip
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import psycopg
import pytest

from blocks.resolving import forget
from blocks.settings import settings
from blocks.stores.local import LocalStore
from tests.conftest import new_database
from tests.integration import telecom as t
from tests.integration.s3_server import S3
from tests.integration.telecom import DAY, Telecom

Spoil = Callable[[Telecom], object]


@pytest.fixture(scope="module")
def opened(
    prefect_server: None, postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Telecom]:
    with (
        new_database(postgres) as dsn,
        t.open_for_business(tmp_path_factory.mktemp("telecom"), dsn) as opened,
    ):
        yield opened


@pytest.fixture
def telecom(opened: Telecom) -> Iterator[Telecom]:
    """Good sources, to be spoiled; loaded once already."""
    yield opened
    opened.deliver()


def calls(text: str | bytes) -> Spoil:
    return lambda telecom: telecom.put(t.CALL_LOGS, text)


def posts(text: str | bytes) -> Spoil:
    return lambda telecom: telecom.put(t.SM_COMPLAINTS, text)


def without(address: str) -> Spoil:
    return lambda telecom: (telecom.sources / address).unlink()


def a_folder(telecom: Telecom) -> None:
    (telecom.sources / t.CALL_LOGS).unlink()
    (telecom.sources / t.CALL_LOGS).mkdir()


def table(header: list[str] | None) -> Spoil:
    """The web forms' table with these columns, or none at all."""

    def spoil(telecom: Telecom) -> None:
        with psycopg.connect(telecom.dsn) as connection:
            t.web_complaints(connection, header or t.WEB_HEADER)
            if header is None:
                connection.execute(f"DROP TABLE customer_complaints.{t.WEB_COMPLAINTS}")

    return spoil


GOOD_CALLS, GOOD_POSTS = t.call_logs(), t.sm_complaints()
# a row that holds somebody's name where the file goes wrong, for the error to leave out.
NAMED = f"9,call-9,{t.NAMES[0]},{t.EMAILS[0]},{t.STREETS[0]}"
CALLS, POSTS, FORMS = CHANNELS = ("call_logs", "sm_complaints", "web_complaints")


@dataclass(frozen=True)
class Bad:
    """A channel's bad source, and what the run's message has to say of it."""

    channel: str
    spoil: Spoil
    says: tuple[str, ...]


BAD = {
    "object missing": Bad(CALLS, without(t.CALL_LOGS), ("does not exist", t.CALL_LOGS)),
    "JSON object missing": Bad(POSTS, without(t.SM_COMPLAINTS), ("exist", t.SM_COMPLAINTS)),
    "table missing": Bad(FORMS, table(None), ("has no table", t.WEB_COMPLAINTS)),
    "a folder of that name": Bad(
        CALLS,
        a_folder,
        (t.CALL_LOGS,),
    ),
    "empty": Bad(CALLS, calls(""), ("empty", t.CALL_LOGS)),
    "empty JSON": Bad(POSTS, posts(""), ("empty", t.SM_COMPLAINTS)),
    "white space": Bad(CALLS, calls(" \n\n"), (t.CALL_LOGS,)),
    "JSON for CSV": Bad(CALLS, calls(GOOD_POSTS), ("JSON", t.CALL_LOGS)),
    "HTML for CSV": Bad(CALLS, calls(f"<html>{t.NAMES[0]}</html>"), ("HTML", t.CALL_LOGS)),
    "gzip for CSV": Bad(CALLS, calls(gzip.compress(GOOD_CALLS.encode())), ("gzip", t.CALL_LOGS)),
    "a workbook for CSV": Bad(CALLS, calls(b"PK\x03\x04" + bytes(99)), ("Excel", t.CALL_LOGS)),
    "prose for CSV": Bad(CALLS, calls(f"Dear {t.NAMES[0]},\nno\n"), ("missing", t.CALL_LOGS)),
    "header missing": Bad(
        CALLS, calls(f"{NAMED},,,,\n{NAMED},,,,\n"), ("missing call_id", "a header?")
    ),
    "CSV for JSON": Bad(POSTS, posts(GOOD_CALLS), ("JSON", t.SM_COMPLAINTS)),
    "HTML for JSON": Bad(POSTS, posts(f"<p>{t.NAMES[0]}</p>"), ("HTML", t.SM_COMPLAINTS)),
    "a number for JSON": Bad(POSTS, posts("42"), (t.SM_COMPLAINTS,)),
    "cut off in a value": Bad(CALLS, calls(f'{GOOD_CALLS}7,"{t.NAMES[1]}'), ("cut off",)),
    "cut off in a row": Bad(CALLS, calls(f"{GOOD_CALLS}{NAMED}"), ("line 8", t.CALL_LOGS)),
    "JSON cut off": Bad(POSTS, posts(GOOD_POSTS[:-9]), ("cut off", t.SM_COMPLAINTS)),
    "ragged, short": Bad(CALLS, calls(f"{GOOD_CALLS}{NAMED}\n"), ("line 8", t.CALL_LOGS)),
    "ragged, long": Bad(CALLS, calls(f"{GOOD_CALLS}{NAMED}{',x' * 9}\n"), ("line 8",)),
    "Latin-1": Bad(CALLS, calls(GOOD_CALLS.encode() + b"\xe9" + NAMED.encode()), ("UTF-8",)),
    "UTF-16": Bad(CALLS, calls(GOOD_CALLS.encode("utf-16")), ("UTF-16", t.CALL_LOGS)),
    "Latin-1 JSON": Bad(
        POSTS, posts(GOOD_POSTS.replace("Payments", "é").encode("latin-1")), ("UTF-8",)
    ),
    "NUL": Bad(CALLS, calls(f"{GOOD_CALLS}{NAMED}\0,,,,\n"), ("NUL", t.CALL_LOGS)),
    "NUL in JSON": Bad(
        POSTS, posts(GOOD_POSTS.replace("Payments", "Pay\\u0000ments")), ("NUL", t.SM_COMPLAINTS)
    ),
    "column missing": Bad(
        CALLS, calls(GOOD_CALLS.replace(",agent ID", ",note")), ("missing agent_id", "'note'")
    ),
    "JSON column missing": Bad(
        POSTS, posts(GOOD_POSTS.replace("agent ID", "note")), ("missing agent_id", "'note'")
    ),
    "column twice": Bad(
        CALLS, calls(GOOD_CALLS.replace(",call ID", "Agent Id,call ID")), ("agent_id", "more than")
    ),
    "table without a column": Bad(FORMS, table(t.WEB_HEADER[:-1]), ("web_form_generation_date",)),
}


# channels know nothing of each other: two bad ones go into one run, as long as there are two.
OF_CALLS = [name for name, bad in BAD.items() if bad.channel == CALLS]
OF_OTHERS = [name for name in BAD if name not in OF_CALLS]
RUNS = [tuple(filter(None, names)) for names in zip_longest(OF_CALLS, OF_OTHERS)]


@pytest.mark.parametrize("names", RUNS, ids=" and ".join)
def test_bad_sources(telecom: Telecom, names: tuple[str, ...]) -> None:
    bad = [BAD[name] for name in names]
    spoiled = {each.channel for each in bad}
    tables, before = telecom.tables(), telecom.loaded_by()
    landed = {channel: telecom.landed(channel) for channel in spoiled}
    for each in bad:
        each.spoil(telecom)
    run = telecom.run()
    assert run.state.is_failed()
    # what, where, what it held back, and what to do; in words for people.
    said, _, rest = run.message.partition("Held back: ")
    for each in bad:
        (of_channel,) = re.findall(
            rf"ingest_{each.channel} failed: (.*?)(?=ingest_\w+ failed: |$)", said, re.DOTALL
        )
        for words in (*each.says, "Where: ", "What to do: "):
            assert words in of_channel
    channels = [each.channel for each in sorted(bad, key=lambda each: CHANNELS.index(each.channel))]
    held = [f"{stage}_{channel}" for stage in ("transform", "load") for channel in channels]
    assert rest.startswith(f"{', '.join(held)}, run_dbt, cleanup_checkpoints.")
    assert "run the same date again" in rest
    assert "Traceback" not in run.message
    # what was there is there; the other channels were loaded by this run.
    assert telecom.tables() == tables
    assert {channel: telecom.landed(channel) for channel in spoiled} == landed
    others = set(CHANNELS) - spoiled
    after = telecom.loaded_by()
    assert {name for name in after if after[name] != before[name]} == others
    assert {after[name] for name in others} == {run.id}


def test_the_same_file_fixed(telecom: Telecom) -> None:
    tables = telecom.tables()
    telecom.put(t.CALL_LOGS, "")
    assert telecom.run().state.is_failed()
    telecom.deliver()
    assert telecom.run().state.is_completed()
    assert telecom.tables() == tables


STATIC_BAD = {
    "customers missing": (without(t.CUSTOMERS), "ingest_customers", t.CUSTOMERS),
    "customers ragged": (
        lambda telecom: telecom.put(t.CUSTOMERS, t.customers() + f"c9,{t.NAMES[0]}\n"),
        "ingest_customers",
        "line 5",
    ),
    "agents without a column": (
        lambda telecom: telecom.put(t.AGENTS, "iD,NamE,experience\na9,Bo,Senior\n"),
        "ingest_agents",
        "missing state",
    ),
}


@pytest.mark.parametrize(("spoil", "task", "says"), STATIC_BAD.values(), ids=STATIC_BAD)
def test_a_bad_static_source(telecom: Telecom, spoil: Spoil, task: str, says: str) -> None:
    tables, before = telecom.tables(), telecom.loaded_by()
    spoil(telecom)
    run = telecom.run(refresh_static=True)
    assert run.state.is_failed()
    assert f"{task} failed: " in run.message
    assert says in run.message
    assert "The gate stayed closed" in run.message
    assert telecom.tables() == tables
    assert telecom.loaded_by() == before


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Changes one of the platform's settings for a test."""

    def change(name: str, value: str) -> None:
        monkeypatch.setenv(f"CORETELECOMS_{name}", value)
        settings.cache_clear()
        forget()

    yield change
    monkeypatch.undo()
    settings.cache_clear()
    forget()


def test_an_unsupported_extension(
    telecom: Telecom, changed: Callable[[str, str], None], tmp_path: Path
) -> None:
    changed("AGENTS_URL", str(tmp_path / "agents.xlsx"))
    run = telecom.run(refresh_static=True)
    assert run.state.is_failed()
    assert "ingest_agents failed: " in run.message
    assert "'.xlsx' are not read" in run.message
    assert "agents.xlsx" in run.message


def test_a_missing_bucket(telecom: Telecom, changed: Callable[[str, str], None], s3: S3) -> None:
    tables = telecom.tables()
    changed("SOURCE_URL", "s3://nowhere/prefix")
    run = telecom.run()
    assert run.state.is_failed()
    for channel in (CALLS, POSTS):
        assert f"ingest_{channel} failed: " in run.message
    assert "bucket" in run.message
    assert "nowhere" in run.message
    assert telecom.loaded_by()[FORMS] == run.id
    assert telecom.tables() == tables


def test_wrong_credentials_of_s3(
    telecom: Telecom, changed: Callable[[str, str], None], s3: S3
) -> None:
    changed("SOURCE_URL", "s3://lake/prefix")
    s3.fail(403, "InvalidAccessKeyId")
    run = telecom.run()
    assert run.state.is_failed()
    assert f"ingest_{CALLS} failed: " in run.message
    assert "credentials" in run.message
    assert telecom.loaded_by()[FORMS] == run.id


def test_wrong_credentials_of_the_web_forms(
    telecom: Telecom, changed: Callable[[str, str], None]
) -> None:
    tables = telecom.tables()
    changed("WEB_FORMS_DSN", telecom.dsn.replace("//postgres:", "//nobody:"))
    run = telecom.run()
    assert run.state.is_failed()
    assert run.message.startswith(f"ingest_{FORMS} failed: PostgreSQL refused the login")
    assert "CORETELECOMS_WEB_FORMS_DSN" in run.message
    assert telecom.loaded_by()[CALLS] == run.id
    assert telecom.tables() == tables


@pytest.mark.parametrize("wrong", ["user", "database", "port"])
def test_the_warehouse_cannot_be_reached(
    telecom: Telecom, changed: Callable[[str, str], None], wrong: str
) -> None:
    """G6: the gate stays closed, and complaints are ingested all the same."""
    changed("WEB_FORMS_DSN", telecom.dsn)
    changed(
        "WAREHOUSE_DSN",
        {
            "user": telecom.dsn.replace("//postgres:", "//nobody:"),
            "database": telecom.dsn.replace("/test_", "/missing_"),
            "port": f"postgresql://postgres:{t.PASSWORD}@127.0.0.1:9/none",
        }[wrong],
    )
    telecom.put(t.CALL_LOGS, t.call_logs(t.call(77)))
    run = telecom.run()
    assert run.state.is_failed()
    assert run.message.startswith("create_all_tables failed: ")
    assert "PostgreSQL" in run.message
    assert "The gate stayed closed" in run.message
    assert "What to do: " in run.message
    manifest = telecom.lake / "bronze" / CALLS / f"{DAY}.manifest.json"
    assert run.id in manifest.read_text()


def test_a_full_disk(telecom: Telecom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the lake: a link to the device that is always full lies where a file is begun."""
    tables, writing = telecom.tables(), LocalStore.writing

    @contextmanager
    def full(self: LocalStore, key: str) -> Iterator[str]:
        with writing(self, key) as part:
            if key.startswith(f"silver/{CALLS}/"):
                Path(part).symlink_to("/dev/full")
            yield part

    monkeypatch.setattr(LocalStore, "writing", full)
    run = telecom.run()
    assert run.message.startswith(f"transform_{CALLS} failed: The disk is full")
    assert telecom.tables() == tables
    assert telecom.loaded_by()[POSTS] == run.id


def test_customers_cut_to_a_tenth_on_a_refresh(telecom: Telecom) -> None:
    """Nothing is published, the old customers stay, complaints go on (docs/contract.md#g4)."""
    many = [[f"d{n}", *[""] * 6] for n in range(300)]
    telecom.put(t.CUSTOMERS, t.customers() + t.csv_text(many[0], *many[1:]))
    refreshed = telecom.run(refresh_static=True)
    assert refreshed.state.is_completed(), refreshed.message
    before = telecom.tables()["conformed.customers"]
    telecom.put(t.CUSTOMERS, t.csv_text(t.CUSTOMERS_HEADER, *many[:30]))
    run = telecom.run(refresh_static=True)
    assert run.state.name == "Failed"
    assert run.message.startswith(f"load_customers rejected: customers of {DAY} was not published")
    assert "30 rows came where 303 are loaded" in run.message
    assert "Held back: load_agents, mark_first_run_complete." in run.message
    assert telecom.tables()["conformed.customers"] == before
    assert {telecom.loaded_by()[channel] for channel in CHANNELS} == {run.id}


def test_no_run_leaked(telecom: Telecom) -> None:
    """Of all above, in the end: Prefect's server has a run's last words a second after it ended."""
    leaks = {run.message: leaked for run in telecom.runs if (leaked := run.leaked())}
    assert telecom.runs
    assert leaks == {}
