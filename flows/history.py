"""`python -m flows.history`: the last run dates as one HTML page, to open from disk."""

import argparse
import json
import sys
import webbrowser
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from blocks import server
from blocks.errors import ConfigurationError, CoreTelecomsError, TerminalError
from flows.terminal import interrupt
from flows.terminal.commands import PLATFORM_HELP, SIGNALS, run_date, today


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page; the exit code."""
    options = argparse.ArgumentParser(
        prog="python -m flows.history",
        description="Write the last 60 run dates as one HTML page, from the ledger: the state of "
        "each, its rows, quarantine, field problems, seconds. Counts alone, no value of a row.",
        epilog=f"Exit codes: 0 written, 1 not written, 2 wrong options, {SIGNALS}.",
    )
    options.add_argument("--platform", default="local", metavar="NAME", help=PLATFORM_HELP)
    options.add_argument(
        "--to",
        type=run_date,
        metavar="YYYY-MM-DD",
        help="the last run date (default: today, UTC, or the newest that is known)",
    )
    options.add_argument(
        "--out", type=Path, metavar="FILE", help="the page (default: .coretelecoms/history.html)"
    )
    options.add_argument("--open", action="store_true", help="open it in the browser")
    options.add_argument(
        "--json", action="store_true", help="the run dates as one JSON object on standard output"
    )
    given = options.parse_args(arguments)
    server.configure(server.TEMPORARY)
    try:
        file, dates = _write(given)
    except CoreTelecomsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if given.json:
        sys.stdout.write(json.dumps({"file": str(file), "days": dates}, default=str) + "\n")
    else:
        sys.stdout.write(f"Open {file}\n")
    if given.open:
        webbrowser.open(file.as_uri())
    return 0


def _write(given: argparse.Namespace) -> tuple[Path, list[dict[str, object]]]:
    from blocks.resolving import resolve
    from blocks.settings import settings
    from tasks.reporting.history import read_history
    from tasks.reporting.page import page

    if given.platform != "local":  # its block is asked for in Prefect
        server.keep_to_one_connection()
    resources = resolve(given.platform)
    days = read_history(resources.warehouse_dsn, given.to, due_before=today())
    if not any(day.ledger or day.rejected for day in days):
        raise TerminalError(
            f"Nothing was loaded in the 60 run dates up to {given.to or today()}",
            where=f"ops.ledger of the platform {given.platform}",
            todo="run a date first (python -m flows.daily), or give --to an earlier one",
        )
    file: Path = (given.out or settings().home / "history.html").resolve()
    text = page(days, given.platform, resources.sample_note, datetime.now(UTC))
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"The page can't be written ({type(error).__name__})",
            where=str(file),
            todo="give --out a file in a folder that is there and that you may write to",
        ) from None
    return file, [
        asdict(day) | {"state": day.state, "load_type": day.load_type, "notes": day.notes}
        for day in days
    ]


if __name__ == "__main__":
    raise SystemExit(interrupt.of_command(main))
