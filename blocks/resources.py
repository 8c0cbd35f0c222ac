"""What a task needs of its platform at run time: stores, addresses, connection strings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from blocks.stores.opening import opened
from blocks.stores.store import Store


@dataclass(frozen=True)
class Resources:
    """A platform, resolved. What holds a password or key stays out of `repr`."""

    platform: str
    source: Store
    lake: Store
    agents_url: str | None  # None: agents/agents.csv in the source store
    warehouse_dsn: str = field(repr=False)
    web_forms_dsn: str = field(repr=False)
    readers: str = ""  # the role that may read what is not personal; without it, none is given that
    batch_rows: int = 100_000
    max_quarantine: float = 0.5  # share of a day's rows, 0 to 1
    samples: Path | None = None  # where sample sources are generated for each run date
    sheet_credentials: str | None = field(default=None, repr=False)  # service account, JSON
    erasure_key: str | None = field(default=None, repr=False)
    erasure_key_file: Path | None = None  # where it is from, if from no setting
    slack_url: str | None = field(default=None, repr=False)
    slack_on_success: bool = False
    opened: Callable[[str], Store] = field(default=opened, repr=False)  # with its credentials

    @property
    def sample_note(self) -> str:
        """That the data are made up, where they are; else nothing."""
        if self.samples is None:
            return ""
        return "Sample data: the sources are made up (CORETELECOMS_SOURCE_URL is not set)"

    def located(self, url: str) -> tuple[Store, str]:
        """The store and key of a file that has an address of its own, such as `agents_url`."""
        return located(url, self.opened)


def located(url: str, opened: Callable[[str], Store]) -> tuple[Store, str]:
    """The store and key of one file's address."""
    parent, slash, name = url.rpartition("/")
    return opened(parent or slash or "."), name
