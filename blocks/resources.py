"""What a task needs of its platform at run time: stores, addresses, connection strings."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from blocks.errors import ConfigurationError
from blocks.settings import Settings, settings
from blocks.stores import Store, opened

_resolved: dict[str, "Resources"] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Resources:
    """A platform, resolved. What holds a password or key stays out of `repr`."""

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
    opened: Callable[[str], Store] = field(default=opened, repr=False)  # with its credentials

    def located(self, url: str) -> tuple[Store, str]:
        """The store and key of a file that has an address of its own, such as `agents_url`."""
        return located(url, self.opened)


def located(url: str, opened: Callable[[str], Store]) -> tuple[Store, str]:
    """The store and key of one file's address."""
    parent, slash, name = url.rpartition("/")
    return opened(parent or slash or "."), name


def resolve(platform: str = "local") -> Resources:
    """The resources of a platform block; `local` is the embedded default and needs no block.

    They are found once a process. Raises ConfigurationError.
    """
    with _lock:
        if platform not in _resolved:
            _resolved[platform] = _local() if platform == "local" else _registered(platform)
        return _resolved[platform]


def forget() -> None:
    """Resolve anew from here on: settings or blocks have changed."""
    with _lock:
        _resolved.clear()


def _registered(name: str) -> Resources:
    from blocks.platform import Platform  # Prefect and its integrations: `local` does without

    return Platform.named(name).resources(name)


def _local() -> Resources:
    from blocks import embedded

    config = settings()
    home = config.home.resolve()
    addresses = (config.source_url, config.lake_url, config.agents_url)
    if any((url or "").startswith("s3://") for url in addresses):
        _share_dotenv()
    sources = home / "sources"
    source = opened(config.source_url or str(sources))
    lake = opened(config.lake_url or str(home / "lake"))
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
        sheet_credentials=service_account(config),
        slack_url=config.slack_webhook_url,
        slack_on_success=config.slack_on_success,
    )


def _share_dotenv() -> None:
    """Let boto3 see the `.env` file's AWS_* too, as our own settings do; the environment wins."""
    for name, value in dotenv(Path(".env")).items():
        if name.startswith("AWS_"):
            os.environ.setdefault(name, value)


def dotenv(path: Path) -> dict[str, str]:
    """The variables of a `.env` file that have a value; none where there is no file."""
    from dotenv import dotenv_values

    return {name: value for name, value in dotenv_values(path).items() if value}


def service_account(config: Settings) -> str | None:
    """The Google service account's key as JSON text. Raises ConfigurationError."""
    given = config.sheet_credentials
    if not given or given.lstrip().startswith("{"):
        return given
    try:
        return Path(given).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The Google service account's key can't be read ({type(error).__name__})",
            where=given,
            todo="set CORETELECOMS_SHEET_CREDENTIALS to the path of its JSON file",
        ) from None
