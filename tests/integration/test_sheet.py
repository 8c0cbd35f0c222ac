"""Agents from a Google Sheet: read over HTTP as Google's API answers, landed as bronze."""

import builtins
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest
from gspread import http_client

from blocks.errors import (
    ConfigurationError,
    CoreTelecomsError,
    SchemaDriftError,
    SourceMissingError,
    SourceUnreadableError,
    StoreUnavailableError,
)
from blocks.resources import Resources
from tasks.cleaning.silver import refine
from tasks.entities.contracts import AGENTS
from tasks.reading.land import land
from tests.integration.sheets_server import TOKEN, URL, Google, Worksheet, error, google

__all__ = ["google"]  # the fixture

DAY = date(2025, 11, 21)
HEADER = ["iD", "NamE", "experience", "state"]
CELLS = [
    HEADER,
    ["0007", "ada  lovelace", "senior", "ny"],
    ["1,319", 'Says "hi", twice', "", "Texas"],
    [],
    ["8", "Line\nbreak", "Intern"],
]


def answered_by(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """gspread asks this address in place of Google's."""
    for name in ("SPREADSHEET_URL", "SPREADSHEET_VALUES_URL"):
        path = getattr(http_client, name).partition("/v4")[2]
        monkeypatch.setattr(http_client, name, f"{endpoint}/v4{path}")


@pytest.fixture
def of_sheet(google: Google, resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Resources:
    """A platform whose agents are in the sheet."""
    google.worksheets = [Worksheet("Agents' list", 0, CELLS), Worksheet("Old", 42, [HEADER])]
    answered_by(google.endpoint, monkeypatch)
    return replace(resources, agents_url=URL, sheet_credentials=google.credentials())


def bronze(resources: Resources) -> list[tuple[Any, ...]]:
    """The landed rows."""
    landed = land(AGENTS, DAY, resources)
    return pl.read_parquet(resources.lake.uri(landed.key)).rows()


def test_every_cell_lands_as_it_is_displayed(of_sheet: Resources) -> None:
    assert bronze(of_sheet) == [
        ("0007", "ada  lovelace", "senior", "ny"),
        ("1,319", 'Says "hi", twice', None, "Texas"),
        (None, None, None, None),
        ("8", "Line\nbreak", "Intern", None),
    ]


def test_its_manifest_and_silver(of_sheet: Resources) -> None:
    landed = land(AGENTS, DAY, of_sheet)
    manifest = json.loads(of_sheet.lake.read(f"bronze/agents/{DAY}.manifest.json") or b"")
    assert manifest["source"] == URL
    assert manifest["columns"] == HEADER
    assert manifest["rows"] == landed.rows == 4
    assert manifest["fingerprint"] == landed.fingerprint == land(AGENTS, DAY, of_sheet).fingerprint
    silver = refine(AGENTS, landed, of_sheet)
    assert (silver.rows, silver.missing_key) == (3, 1)
    names = pl.read_parquet(of_sheet.lake.uri(silver.key))["name"].to_list()
    assert names == ["Ada Lovelace", 'Says "Hi", Twice', "Line Break"]


def test_the_address_names_the_worksheet(of_sheet: Resources) -> None:
    for suffix in ("#gid=42", "/edit?gid=42#gid=42", "/edit?usp=sharing&gid=42"):
        assert bronze(replace(of_sheet, agents_url=URL + suffix)) == []
    assert len(bronze(replace(of_sheet, agents_url=f"{URL}/edit#gid=0"))) == 4


def test_rows_after_blank_ones_are_read(of_sheet: Resources, google: Google) -> None:
    google.worksheets = [Worksheet("A", 0, [HEADER, ["1"], [], [], ["2"], []])]
    assert [row[0] for row in bronze(of_sheet)] == ["1", None, None, "2"]


def test_columns_without_a_header_are_left_out(of_sheet: Resources, google: Google) -> None:
    google.worksheets[0].cells = [HEADER, ["1", "A", "Intern", "Ohio", "", "a note"]]
    landed = land(AGENTS, DAY, of_sheet)
    assert refine(AGENTS, landed, of_sheet).rows == 1


def test_the_header_is_held_to_the_contract(of_sheet: Resources, google: Google) -> None:
    google.worksheets[0].cells = [["iD", "NamE", "experience"], ["1", "A", "Intern"]]
    with pytest.raises(SchemaDriftError, match="state") as caught:
        bronze(of_sheet)
    assert caught.value.where == URL


def test_an_empty_sheet(of_sheet: Resources, google: Google) -> None:
    google.worksheets[0].cells = []
    with pytest.raises(SourceUnreadableError, match="empty"):
        bronze(of_sheet)


REFUSALS: dict[str, tuple[tuple[int, dict[str, Any]], type[CoreTelecomsError], str]] = {
    "not shared": ((403, error(403, "PERMISSION_DENIED")), ConfigurationError, "client_email"),
    "api disabled": (
        (403, error(403, "PERMISSION_DENIED", "SERVICE_DISABLED")),
        ConfigurationError,
        "enable it in the Google Cloud console",
    ),
    "deleted": ((404, error(404, "NOT_FOUND")), SourceMissingError, "check the address"),
    "an office file": (
        (400, error(400, "FAILED_PRECONDITION")),
        ConfigurationError,
        "Save as Google Sheets",
    ),
    "quota": ((429, error(429, "RESOURCE_EXHAUSTED")), StoreUnavailableError, "run again later"),
    "internal": ((500, error(500, "INTERNAL")), StoreUnavailableError, "run again later"),
    "unavailable": ((503, {}), StoreUnavailableError, "run again later"),
    "connection cut": ((0, {}), StoreUnavailableError, "check the network"),
}


@pytest.mark.parametrize(("answer", "kind", "todo"), REFUSALS.values(), ids=REFUSALS)
def test_what_google_refuses(
    of_sheet: Resources,
    google: Google,
    answer: tuple[int, dict[str, Any]],
    kind: type[CoreTelecomsError],
    todo: str,
) -> None:
    google.fail = answer
    refused(lambda: bronze(of_sheet), kind, todo)


@pytest.mark.parametrize(
    ("answer", "kind", "todo"),
    [
        ((400, {"error": "invalid_grant", "error_description": TOKEN}), ConfigurationError, "key"),
        ((401, {"error": "unauthorized_client"}), ConfigurationError, "make a new key"),
    ],
)
def test_a_login_that_google_refuses(
    of_sheet: Resources,
    google: Google,
    answer: tuple[int, dict[str, Any]],
    kind: type[CoreTelecomsError],
    todo: str,
) -> None:
    google.fail_login = answer
    refused(lambda: bronze(of_sheet), kind, todo)


def refused(read: Callable[[], object], kind: type[CoreTelecomsError], todo: str) -> None:
    """It ends in an error that says what to do, and neither token nor key."""
    with pytest.raises(kind) as caught:
        read()
    assert type(caught.value) is kind
    assert caught.value.where == URL
    assert todo in caught.value.todo
    assert TOKEN not in str(caught.value)
    assert caught.value.__suppress_context__


def test_nobody_listens(of_sheet: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    answered_by("http://127.0.0.1:1", monkeypatch)
    refused(lambda: bronze(of_sheet), StoreUnavailableError, "check the network")


def test_a_worksheet_that_is_missing(of_sheet: Resources) -> None:
    with pytest.raises(SourceMissingError, match="no such worksheet"):
        bronze(replace(of_sheet, agents_url=f"{URL}#gid=7"))


def test_a_link_published_to_the_web(of_sheet: Resources) -> None:
    url = "https://docs.google.com/spreadsheets/d/e/2PACX-1v/pub?output=csv"
    with pytest.raises(ConfigurationError, match="Not the address of a Google Sheet"):
        bronze(replace(of_sheet, agents_url=url))


@pytest.mark.parametrize(
    ("credentials", "says"),
    [
        (None, "no service account"),
        ("", "no service account"),
        ("{", "key is not valid"),
        ('{"private_key": "s3cret"}', "key is not valid"),
        ('["s3cret"]', "key is not valid"),
    ],
)
def test_keys_that_are_none(of_sheet: Resources, credentials: str | None, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        bronze(replace(of_sheet, sheet_credentials=credentials))
    assert "s3cret" not in str(caught.value)


def test_without_gspread(of_sheet: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == "gspread":
            raise ModuleNotFoundError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError, match="needs gspread") as caught:
        bronze(of_sheet)
    assert "pip install 'gspread>=6'" in caught.value.todo
