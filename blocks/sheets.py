"""Google Sheets through gspread and a service account: a worksheet's cells as text."""

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from blocks.errors import (
    ConfigurationError,
    CoreTelecomsError,
    SourceMissingError,
    StoreUnavailableError,
    TerminalError,
)

READ_ONLY = ["https://www.googleapis.com/auth/spreadsheets.readonly"]
_TIMEOUT = (10, 60)  # seconds to connect, to answer


def is_sheet(url: str) -> bool:
    """Whether an address is one of Google Sheets.

    >>> is_sheet("https://docs.google.com/spreadsheets/d/1abc/edit#gid=0"), is_sheet("a.csv")
    (True, False)
    """
    return url.startswith("https://docs.google.com/spreadsheets/")


def as_csv(url: str, credentials: str | None) -> bytes:
    """A worksheet as Google's own CSV export has it: every cell as displayed, rows in order.

    The address's `gid` names the worksheet; without it the first one is read.
    `credentials` is a service account's JSON key.
    Raises SourceMissingError, ConfigurationError, StoreUnavailableError.
    """
    client, name = _client(url, credentials), _spreadsheet(url)
    with _translating(url):
        from gspread.utils import absolute_range_name, fill_gaps

        title = _worksheet(client.fetch_sheet_metadata(name), url)["title"]
        as_displayed = {"valueRenderOption": "FORMATTED_VALUE"}
        answer = client.values_get(name, absolute_range_name(title), params=as_displayed)
    text = io.StringIO()
    # the API leaves out empty cells at a row's end.
    rows = fill_gaps(answer["values"]) if "values" in answer else []
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _spreadsheet(url: str) -> str:
    if match := re.search(r"/spreadsheets/(?:u/\d+/)?d/(?!e/)([\w-]+)", url):
        return match.group(1)
    raise ConfigurationError(
        "Not the address of a Google Sheet",
        where=url,
        todo="give https://docs.google.com/spreadsheets/d/<id>, as the browser shows it; "
        "a link published to the web is not enough",
    )


def _worksheet(spreadsheet: Any, url: str) -> Any:
    """The properties of the worksheet that the address names, or of the first with cells."""
    sheets = [sheet["properties"] for sheet in spreadsheet["sheets"]]
    gid = re.search(r"[?#&]gid=(\d+)", url)
    for sheet in sheets:
        wanted = sheet["sheetId"] == int(gid.group(1)) if gid else True
        if wanted and "gridProperties" in sheet:
            return sheet
    raise SourceMissingError(
        "The Google Sheet has no such worksheet",
        where=url,
        todo="check the gid at the address's end, or leave it out to read the first worksheet",
    )


def _client(url: str, credentials: str | None) -> Any:
    if not credentials:
        raise ConfigurationError(
            "There is no service account to read the Google Sheet with",
            where=url,
            todo="set CORETELECOMS_SHEET_CREDENTIALS to the path of its JSON key, "
            "or the platform block's sheet_credentials",
        )
    try:
        from gspread.auth import service_account_from_dict
    except ImportError:
        raise ConfigurationError(
            "Reading a Google Sheet needs gspread, which is not installed",
            where=url,
            todo="pip install 'gspread>=6' (the extra `sheets` of pyproject.toml)",
        ) from None

    try:
        client = service_account_from_dict(json.loads(credentials), READ_ONLY).http_client
    except Exception as error:
        # without its text: it may quote the key.
        raise ConfigurationError(
            f"The Google service account's key is not valid ({type(error).__name__})",
            where="CORETELECOMS_SHEET_CREDENTIALS or the platform block's sheet_credentials",
            todo="give the JSON key file as Google Cloud made it",
        ) from None
    client.set_timeout(_TIMEOUT)
    return client


@contextmanager
def _translating(url: str) -> Iterator[None]:
    import requests
    from google.auth.exceptions import GoogleAuthError, TransportError
    from gspread.exceptions import APIError

    try:
        yield
    except APIError as error:
        raise _answered(error.response.status_code, error.error, url) from None
    except (requests.RequestException, TransportError) as error:
        raise StoreUnavailableError(
            f"Google did not answer, or the connection was cut ({type(error).__name__})",
            where=url,
            todo="check the network, then run again",
        ) from None
    except GoogleAuthError as error:
        if getattr(error, "retryable", False):
            raise StoreUnavailableError(
                "Google could not log the service account in now", where=url, todo="run again later"
            ) from None
        raise ConfigurationError(
            "Google refused the service account's key",
            where=url,
            todo="check that the account and its key still exist and the clock is right; "
            "else make a new key",
        ) from None


def _answered(status: int, error: Any, url: str) -> CoreTelecomsError:
    if status == 429 or status >= 500:
        return StoreUnavailableError(
            f"Google Sheets could not answer now ({status})", where=url, todo="run again later"
        )
    if status == 404:
        return SourceMissingError(
            "The Google Sheet does not exist",
            where=url,
            todo="check the address, and that the sheet was not deleted",
        )
    if "SERVICE_DISABLED" in str(error.get("details", "")):
        return ConfigurationError(
            "The Google Sheets API is not enabled in the service account's project",
            where=url,
            todo="enable it in the Google Cloud console (APIs & Services)",
        )
    if status in (401, 403):
        return ConfigurationError(
            f"The service account may not read the Google Sheet ({status})",
            where=url,
            todo="share the sheet with the account's client_email as a viewer",
        )
    if error.get("status") == "FAILED_PRECONDITION":
        return ConfigurationError(
            "The document is not a Google Sheet but an Office file kept in Drive",
            where=url,
            todo="open it and choose File, Save as Google Sheets, then give the new address",
        )
    return TerminalError(
        f"Google Sheets rejected the request ({status})", where=url, todo="check the address"
    )
