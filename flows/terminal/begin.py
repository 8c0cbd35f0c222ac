"""How a command begins its flow: Prefect's server starts while this process loads what it needs.

Imports nothing heavy at the top, so that `--help` answers at once.
"""

import argparse
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from pkgutil import resolve_name
from typing import Any

from blocks import server, temporary_server
from flows.shared.process import collect_less


def run(
    flow: str,
    given: argparse.Namespace,
    parameters: Collection[str] = (),
    first: Callable[[], None] = lambda: None,
    *,
    builds: bool = True,
) -> int:
    """Run the flow with these of the options, or with all that aren't the terminal's own.

    `first`: what comes before it, no part of the flow run. `builds`: it ends with dbt.
    """
    names = parameters or vars(given).keys() - {"plain", "json", "quarantined"}

    def begin() -> Any:
        from blocks.settings import settings

        settings()  # what is set wrongly is said before Prefect's server starts
        temporary_server.start()
        first()
        # by name: the flow's own module imports the one with its command, and is heavy.
        of_module = resolve_name(flow)
        if temporary_server.is_ours():
            with suppress(Exception):  # it is tried again by the step that needs it, which says why
                _meanwhile(given.platform, builds)
            temporary_server.wait()
        return of_module(**{name: getattr(given, name) for name in names}, return_state=True)

    server.configure(server.TEMPORARY)
    collect_less()
    try:
        from flows.terminal.show import show

        return show(begin, given, plain=given.plain or not sys.stdout.isatty())
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. What was loaded is whole; run it again to go on.\n")
        return 130


def _meanwhile(platform: str, builds: bool) -> None:
    """What the run will need, as long as it would wait for the server: the database, dbt."""
    from blocks.resolving import resolve
    from tasks.warehouse import parse

    if builds:
        import tasks.dbt_runner  # noqa: F401
    if platform == "local":  # a block is on the server
        resources = resolve(platform)
        if builds:
            parse(resources)
