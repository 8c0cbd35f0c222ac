"""What a task needs of its platform at run time: stores, addresses, connection strings."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from blocks.errors import ConfigurationError
from blocks.settings import settings
from blocks.stores import LocalStore, Store


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
    samples: Path | None = None  # where sample sources are generated for each run date
    sheet_credentials: str | None = field(default=None, repr=False)  # service account, JSON
    slack_url: str | None = field(default=None, repr=False)
    slack_on_success: bool = False


@cache
def resolve(platform: str = "local") -> Resources:
    """The resources of a platform block; `local` is the embedded default and needs no block.

    Raises ConfigurationError.
    """
    if platform == "local":
        return _local()
    raise ConfigurationError(f"There is no platform block named {platform!r}")


def _local() -> Resources:
    from blocks import embedded

    config = settings()
    home = config.home.resolve()
    sources = home / "sources"
    source = LocalStore(Path(config.source_url) if config.source_url else sources)
    lake = LocalStore(Path(config.lake_url) if config.lake_url else home / "lake")
    warehouse = config.warehouse_dsn or embedded.start(home)
    return Resources(
        platform="local",
        source=source,
        lake=lake,
        agents_url=config.agents_url,
        warehouse_dsn=warehouse,
        web_forms_dsn=config.web_forms_dsn or warehouse,
        batch_rows=config.batch_rows,
        samples=None if config.source_url else sources,
    )
