"""What a task needs of its platform at run time: stores, addresses, connection strings."""

from dataclasses import dataclass, field

from blocks.stores import Store


@dataclass(frozen=True)
class Resources:
    """A platform, resolved. Connection strings stay out of `repr`: they hold passwords."""

    platform: str
    source: Store
    lake: Store
    agents_url: str | None  # None: agents/agents.csv in the source store
    warehouse_dsn: str = field(repr=False)
    web_forms_dsn: str = field(repr=False)
    batch_rows: int = 100_000
    samples: bool = False  # sources are generated for each run date
    sheet_credentials: dict[str, str] | None = field(default=None, repr=False)
    slack_url: str | None = field(default=None, repr=False)
    slack_on_success: bool = False


def resolve(platform: str = "local") -> Resources:
    """The resources of a platform block; `local` is the embedded default and needs no block."""
    raise ConfigurationError("not written yet")
