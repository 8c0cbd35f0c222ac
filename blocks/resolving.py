"""From a platform's name to its resources: the embedded default, or a registered block."""

import os
import threading
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from blocks.database import with_environment
from blocks.errors import ConfigurationError
from blocks.resources import Resources
from blocks.settings import Settings, aws_variables, settings
from blocks.stores.opening import opened

_resolved: dict[str, "Resources"] = {}


_lock = threading.Lock()


def resolve(platform: str = "local") -> Resources:
    """The resources of a platform block; `local` is the embedded default and needs no block.

    They are found once a process. Raises ConfigurationError.
    """
    with _lock:
        if platform not in _resolved:
            _resolved[platform] = _local() if platform == "local" else _registered(platform)
        return _resolved[platform]


def forget() -> None:
    """Resolve again from here on: settings or blocks have changed."""
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
        os.environ |= aws_variables(Path(".env"))  # where boto3 looks for them
    sources = home / "sources"
    source = opened(config.source_url or str(sources))
    lake = opened(config.lake_url or str(home / "lake"))
    web_forms = config.web_forms_dsn
    if config.warehouse_dsn is None and web_forms:
        web_forms = with_environment(web_forms)  # which the embedded default is about to clear
    for folder in (home, *(home / name for name in ("lake", "sources", "dbt", "logs"))):
        if not folder.exists():  # one that somebody has opened to others stays so
            folder.mkdir(mode=0o700, parents=True)
    warehouse = config.warehouse_dsn or embedded.start(home)
    return Resources(
        platform="local",
        source=source,
        lake=lake,
        agents_url=config.agents_url,
        warehouse_dsn=warehouse,
        web_forms_dsn=web_forms or warehouse,
        readers=config.readers or "",
        batch_rows=config.batch_rows,
        max_quarantine=config.max_quarantine,
        samples=None if config.source_url else sources,
        sheet_credentials=service_account(config),
        erasure_key=config.erasure_key or _own_key(home / "erasure.key"),
        erasure_key_file=None if config.erasure_key else home / "erasure.key",
        slack_url=config.slack_webhook_url,
        slack_on_success=config.slack_on_success,
    )


def _own_key(file: Path) -> str:
    """The key in a file of ours, made if there is none: whole, for this user alone, and once."""
    if not file.exists():
        made = file.with_name(f".{file.name}.{os.getpid()}")
        made.touch(mode=0o600)
        made.write_text(token_hex(32))
        with suppress(FileExistsError):
            os.link(made, file)
        made.unlink()
    return file.read_text()


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
