"""`python -m flows.check`: whether the next daily run will find all that it needs."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from blocks import server, temporary_server
from blocks.errors import CoreTelecomsError, SourceMissingError
from flows.terminal import interrupt
from flows.terminal.commands import PLATFORM_HELP, RUN_DATE_HELP, SIGNALS, run_date, today

if TYPE_CHECKING:
    from blocks.checks import Found
    from blocks.resources import Resources
    from tasks.entities.model import Entity

SECONDS = 9.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Look at everything a daily run needs, and load nothing; the exit code."""
    options = argparse.ArgumentParser(
        prog="python -m flows.check",
        description="Look at everything a daily run needs, and load nothing.",
        epilog=f"Exit codes: 0 all is well, 1 something is wrong, 2 wrong options, {SIGNALS}.",
    )
    options.add_argument("--platform", default="local", metavar="NAME", help=PLATFORM_HELP)
    options.add_argument(
        "--run-date", type=run_date, default=today(), metavar="YYYY-MM-DD", help=RUN_DATE_HELP
    )
    options.add_argument(
        "--seconds",
        type=float,
        default=SECONDS,
        help=f"time for all of it, once the embedded database is there ({SECONDS:g})",
    )
    options.add_argument("--json", action="store_true", help="one JSON object, for monitoring")
    given = options.parse_args(arguments)
    server.configure(server.TEMPORARY)
    found = look(given.platform, given.run_date, given.seconds)
    from blocks.checks import line

    wrong = {part: said for part, said in found.items() if isinstance(said, CoreTelecomsError)}
    if given.json:
        parts = {
            part: {"ok": True, "what": said}
            if isinstance(said, str)
            else {"ok": False, "what": said.what, "where": said.where, "todo": said.todo}
            for part, said in found.items()
        }
        sys.stdout.write(json.dumps({"ok": not wrong, "checks": parts}, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{line(part, said)}\n" for part, said in found.items())
    return 1 if wrong else 0


def look(platform: str, day: date, seconds: float = SECONDS) -> "Found":
    """What each check found: docs/configuration.md#before-a-run."""
    from blocks.checks import looked_at
    from blocks.resolving import resolve

    began = time.monotonic()
    resources: list[Resources] = []

    def resolved() -> str:
        # Prefect reads it before its temporary server starts; a file of a newer one is refused.
        server.keep_to_one_connection()
        resources.append(resolve(platform))
        return f"{platform} is known"

    if platform == "local" or not _prefect_url():
        # it may have to make its database first, or start a Prefect server that knows the platform
        found = looked_at({"platform": resolved})
        began = time.monotonic()
    else:
        found = looked_at({"platform": resolved}, seconds)
    checks = _of_prefect(platform)
    places = dict.fromkeys(checks, server.api() or "PREFECT_API_URL")
    if resources:
        checks |= _of_the_platform(resources[0], day)
        places |= _places(resources[0], day)
    return found | looked_at(checks, began + seconds - time.monotonic(), places)


def _prefect_url() -> str | None:
    from prefect.settings import get_current_settings

    return get_current_settings().api.url


def _of_prefect(platform: str) -> dict[str, Callable[[], str]]:
    from blocks.checks import prefect_server, schedule

    if not _prefect_url():  # to start one takes longer than all of this may
        return {"prefect": _temporary_server, "variable": partial(_said, server.kept_variable)}
    checks: dict[str, Callable[[], str]] = {"prefect": prefect_server, "variable": _variable}
    if platform != "local":
        checks["schedule"] = partial(schedule, "daily", platform)
    return checks


def _temporary_server() -> str:
    if error := temporary_server.switched_off():
        raise error
    return "each run starts a temporary server (no PREFECT_API_URL is set)"


def _variable() -> str:
    from prefect.variables import Variable

    from blocks.prefect_api import asking_prefect

    with asking_prefect():
        return _said(Variable.get)


def _said(get: Callable[[str], Any]) -> str:
    from tasks.gate import FIRST_RUN, read_first_run

    first = read_first_run(get(FIRST_RUN))
    path = "will be loaded first" if first else "are loaded"
    return f"{FIRST_RUN}: static data {path}"


def _of_the_platform(resources: "Resources", day: date) -> dict[str, Callable[[], str]]:
    from blocks import checks, database_checks
    from blocks.settings import settings
    from tasks.entities.contracts import AGENTS, STATIC, complaints_on
    from tasks.entities.model import Table
    from tasks.lake.erasures import known_again
    from tasks.loading.tables import ALL
    from tasks.reading.land import looked_into

    found: dict[str, Callable[[], str]] = {
        "lake": partial(checks.lake, resources.lake),
        "erasures": partial(known_again, resources),
    }
    found |= database_checks.warehouse(resources.warehouse_dsn, resources.readers, ALL)
    forms_given = not resources.samples or resources.web_forms_dsn != resources.warehouse_dsn
    if forms_given:
        found["web forms"] = partial(database_checks.web_forms, resources.web_forms_dsn)
    for entity in (*STATIC, *complaints_on(day)):
        if isinstance(entity.source, Table):
            given = forms_given
        else:
            given = not resources.samples or (entity is AGENTS and bool(resources.agents_url))
        look = looked_into if given else _made_or_there
        found[entity.name] = partial(look, entity, day, resources)
    if resources.platform == "local":
        found["disk"] = partial(checks.disk, settings().home.resolve())
    return found


def _made_or_there(entity: "Entity", day: date, resources: "Resources") -> str:
    """A sample source is made by the run, unless it is there: somebody may have put it there."""
    from tasks.reading.land import looked_into

    try:
        return looked_into(entity, day, resources)
    except SourceMissingError:
        return "the run makes sample data (CORETELECOMS_SOURCE_URL is not set)"


def _places(resources: "Resources", day: date) -> dict[str, str]:
    """Where the platform's checks look."""
    from blocks import database_checks
    from blocks.database import address
    from tasks.entities.contracts import AGENTS, STATIC, complaints_on
    from tasks.entities.model import Table

    web_forms = address(resources.web_forms_dsn)
    places = dict.fromkeys(database_checks.warehouse(""), address(resources.warehouse_dsn))
    places |= {"lake": resources.lake.url, "erasures": resources.lake.url, "web forms": web_forms}
    for entity in (*STATIC, *complaints_on(day)):
        of_database = isinstance(entity.source, Table)
        places[entity.name] = web_forms if of_database else resources.source.url
    return places | ({AGENTS.name: resources.agents_url} if resources.agents_url else {})


if __name__ == "__main__":
    raise SystemExit(interrupt.of_command(main))
