"""The command lines: `python -m flows.daily`, and those of the other flows.

Imports nothing heavy at the top, so that `--help` answers at once.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from blocks import server
from blocks.errors import CoreTelecomsError
from flows.shared.process import open_streams
from flows.terminal.begin import run

PLATFORM_HELP = (
    "name of a Platform block; `local` (default) is the embedded PostgreSQL with folders, "
    "whose parts CORETELECOMS_* variables override"
)
SIGNALS = "130 interrupted (Ctrl-C), 129 and 143 ended by SIGHUP and SIGTERM"
RUN_DATE_HELP = "run date, YYYY-MM-DD (default: today, UTC)"


def run_date(text: str) -> date:
    """A run date from the command line: a real calendar day, not in the future."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a date: write it as YYYY-MM-DD, for example 2025-11-21"
        ) from None
    if day > today():
        raise argparse.ArgumentTypeError(f"{day} is in the future: today is {today()} (UTC)")
    return day


def today() -> date:
    """The day in UTC: what a run date is by default."""
    return datetime.now(UTC).date()


def _days_ago(text: str) -> date:
    if not text.isdecimal() or len(text) > 3:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days: 0, 1, 2 … 999")
    return today() - timedelta(int(text))


def _parser(
    module: str, description: str, *, of_a_day: bool = True, audits: bool = True
) -> argparse.ArgumentParser:
    """A command's parser, with the options that all commands share."""
    open_streams()
    made = argparse.ArgumentParser(
        prog=f"python -m flows.{module}",
        description=description,
        epilog="Exit codes: 0 completed, 1 failed, 2 wrong options, "
        f"{SIGNALS}. Settings: docs/configuration.md",
    )
    made.add_argument(
        "--platform",
        default="local",
        metavar="NAME",
        help=PLATFORM_HELP,
    )
    made.add_argument(
        "--plain", action="store_true", help="plain lines instead of the live picture"
    )
    if audits:
        made.add_argument(
            "--accept", action="store_true", help="publish what the audit would reject"
        )
    made.add_argument(
        "--json",
        action="store_true",
        help="the outcome as one JSON object on standard output; plain lines on standard error",
    )
    if of_a_day:
        day = made.add_mutually_exclusive_group()
        day.add_argument(
            "--run-date",
            type=run_date,
            default=today(),
            metavar="YYYY-MM-DD",
            help=RUN_DATE_HELP,
        )
        day.add_argument(
            "--lag-days",
            dest="run_date",
            type=_days_ago,
            metavar="N",
            help="run date, N days before today (UTC): 1 is yesterday",
        )
    return made


def daily_command(argv: Sequence[str] | None = None) -> int:
    """`python -m flows.daily`."""
    options = _parser(
        "daily", "Load one run date's complaints and build the warehouse, gated on static data."
    )
    options.add_argument(
        "--refresh-static",
        action="store_true",
        help="load customers and agents again before the complaints",
    )
    options.add_argument(
        "--wait-until",
        metavar="HH:MM",
        help="wait for a source that is late until then (UTC); the other channels go on",
    )
    options.add_argument(
        "--partial",
        action="store_true",
        help="build the warehouse also when a channel failed; the exit code stays 1",
    )
    return run("flows.daily:daily", options.parse_args(argv))


def static_data_command(argv: Sequence[str] | None = None) -> int:
    """`python -m flows.static_data`."""
    options = _parser("static_data", "Load customers and agents, and mark the first run complete.")
    return run("flows.static_data:static_data", options.parse_args(argv), builds=False)


def backfill_command(argv: Sequence[str] | None = None) -> int:
    """`python -m flows.backfill`."""
    options = _parser(
        "backfill", "Run every run date of a range that is not loaded yet.", of_a_day=False
    )
    days: dict[str, Any] = {"type": run_date, "metavar": "YYYY-MM-DD"}
    options.add_argument("--from", dest="start", help="first run date", **days)
    options.add_argument("--to", dest="end", help="last run date, included", **days)
    options.add_argument(
        "--parallel",
        type=_at_least_one,
        metavar="N",
        help="days at a time (default 1; with --deployment as many as its workers take)",
    )
    options.add_argument(
        "--force", action="store_true", help="load days again that the ledger has complete"
    )
    options.add_argument(
        "--refresh-static", action="store_true", help="load customers and agents again every day"
    )
    options.add_argument(
        "--deployment",
        metavar="NAME",
        help="run each day through this deployment of daily, on any worker of its work pool: "
        "daily/backfill-day",
    )
    options.add_argument(
        "--quarantined",
        action="store_true",
        help="instead: load again, from bronze, the days (of the range, if given) that hold "
        "orphans whose customer and agent have arrived since",
    )
    given = options.parse_args(argv)
    if not given.quarantined and not (given.start and given.end):
        options.error("give --from and --to (or --quarantined)")
    if given.quarantined and (given.parallel or given.force or given.deployment):
        options.error("--quarantined goes with --from, --to and --platform alone")

    if given.quarantined:
        return run("flows.replay:replay_quarantine", given, ("start", "end", "platform"))
    return run("flows.backfill:backfill", given)


def erase_command(argv: Sequence[str] | None = None) -> int:
    """`python -m flows.erase`."""
    options = _parser(
        "erase",
        "Remove people for good: their personal columns in lake and database, now and in every "
        "later load. What the sources hold stays (docs/runbooks/erase-a-person.md).",
        of_a_day=False,
        audits=False,
    )
    options.add_argument(
        "--customer-id",
        type=_id,
        action="append",
        default=[],
        metavar="ID",
        help="may be given repeatedly",
    )
    options.add_argument("--file", type=_ids, default=[], help="a UTF-8 file of ids, one a line")
    options.add_argument(
        "--remembered",
        action="store_true",
        help="erase again all who ever were: after a database or a lake was restored",
    )
    options.add_argument("--yes", action="store_true", help="don't ask")
    given = options.parse_args(argv)
    ids = [*given.customer_id, *given.file]
    if bool(ids) == given.remembered:
        options.error("give --customer-id or --file, or --remembered alone")
    if not given.yes:
        if not sys.stdin.isatty():
            options.error("without a terminal to ask on it needs --yes")
        number = len(set(ids))
        whom = f"{number:,} customer{'s' * (number != 1)}" if ids else "All remembered customers"
        if code := _refused(
            lambda: _answer(f"{whom} will be erased for good. Type yes to go on: ") == "yes"
        ):
            return code

    def remember() -> None:
        from blocks import waiting
        from blocks.resolving import resolve
        from tasks.entities.contracts import CUSTOMERS
        from tasks.erasure.people import remember_people
        from tasks.reporting.progress import days

        waiting.listener.set(lambda who: days.say("to begin", who))
        remember_people(CUSTOMERS, ids, resolve(given.platform))
        days.clear()

    return run("flows.erase:erase", given, ("platform",), first=remember, builds=False)


def _id(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is no id")
    return text


def _ids(text: str) -> list[str]:
    try:
        lines = Path(text).read_text("utf-8-sig").splitlines()
        return [line for line in lines if line.strip()]
    except UnicodeDecodeError:
        raise argparse.ArgumentTypeError(
            f"{text} is not UTF-8: write it as UTF-8, one id a line"
        ) from None
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} can't be read ({type(error).__name__})") from None


def rebuild_command(argv: Sequence[str] | None = None) -> int:
    """`python -m flows.rebuild`."""
    options = _parser(
        "rebuild",
        "Load a lost database again from the lake alone; the sources are not asked. Run again, it "
        "goes on where it was cut short.",
        of_a_day=False,
        audits=False,
    )
    options.add_argument(
        "--parallel", type=_at_least_one, metavar="N", help="days at a time (default 4)"
    )
    options.add_argument(
        "--replace", action="store_true", help="first remove every row that the database has"
    )
    options.add_argument(
        "--yes", action="store_true", help="with --replace, where there is no terminal to ask on"
    )
    given = options.parse_args(argv)
    if given.replace and not given.yes:
        if not sys.stdin.isatty():
            options.error("--replace removes every row: without a terminal it needs --yes, too")
        if code := _refused(lambda: _agreed(given.platform)):
            return code
    return run("flows.rebuild:rebuild", given, ("platform", "replace", "parallel"))


def _agreed(platform: str) -> bool:
    """Whether a person names the database whose rows would go. Raises CoreTelecomsError."""
    server.configure(server.TEMPORARY)
    from psycopg.conninfo import conninfo_to_dict

    from blocks.database import address
    from blocks.resolving import resolve

    dsn = resolve(platform).warehouse_dsn
    said = f"Every row of ours in {address(dsn)} will be removed, then loaded again.\n"
    answer = _answer(f"{said}Type the database's name to go on: ")
    return answer == conninfo_to_dict(dsn).get("dbname")


def _refused(agreed: Callable[[], bool]) -> int:
    """The exit code if a person doesn't agree, or can't be asked; else 0."""
    from flows.terminal import interrupt

    def ask() -> int:
        try:
            if agreed():
                return 0
        except CoreTelecomsError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        sys.stderr.write("That is another answer: nothing was changed.\n")
        return 2

    return interrupt.of_command(ask, says="Nothing was changed.")


def _answer(question: str) -> str:
    """What a person types. Standard output is the run's own."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days: 1, 2, 3 …")
    return int(text)
