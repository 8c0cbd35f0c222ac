"""A Google Sheet as text, in the order of its rows."""

from blocks import sheets
from tasks.reading.csv_file import read_csv
from tasks.reading.source import Source


def read_sheet(url: str, credentials: str | None) -> Source:
    """A worksheet, opened: what its CSV export would give, read by the rules for CSV.

    Raises SourceMissingError, ConfigurationError, StoreUnavailableError.
    """
    return read_csv([sheets.as_csv(url, credentials)], url)
