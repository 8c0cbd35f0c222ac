"""`python -m flows.tidy`: what is older than its layer is kept, said and removed."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from blocks import server
from blocks.errors import CoreTelecomsError
from flows.terminal import interrupt
from flows.terminal.commands import PLATFORM_HELP, SIGNALS

if TYPE_CHECKING:
    from tasks.retention import Old


def main(arguments: Sequence[str] | None = None) -> int:
    """Say what is old, and remove it if asked to; the exit code."""
    options = argparse.ArgumentParser(
        prog="python -m flows.tidy",
        description="Say what is older than its layer is kept (CORETELECOMS_KEEP_BRONZE, "
        "…_SILVER, …_REJECTED, …_LOGS), and with --yes remove it.",
        epilog=f"Exit codes: 0 done, 1 something failed, 2 wrong options, {SIGNALS}. "
        "Settings: docs/configuration.md",
    )
    options.add_argument("--platform", default="local", metavar="NAME", help=PLATFORM_HELP)
    options.add_argument("--yes", action="store_true", help="remove it; else it is only said")
    options.add_argument("--json", action="store_true", help="one JSON object, for scripts")
    given = options.parse_args(arguments)
    server.configure(server.TEMPORARY)
    try:
        found = tidy(given.platform, remove=given.yes)
    except CoreTelecomsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    wrong = [error for error in found.values() if isinstance(error, CoreTelecomsError)]
    if given.json:
        layers = {
            layer: {"error": str(old)} if isinstance(old, CoreTelecomsError) else asdict(old)
            for layer, old in found.items()
        }
        answer = {"removed": given.yes, "ok": not wrong, "layers": layers}
        sys.stdout.write(json.dumps(answer, default=str, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line(layer, old)}\n" for layer, old in found.items())
        said = (
            "What is counted here was removed."
            if given.yes
            else "Nothing was removed. With --yes it is."
        )
        sys.stdout.write(f"{said}\n")
    return 1 if wrong else 0


def tidy(platform: str, *, remove: bool) -> "dict[str, Old | CoreTelecomsError]":
    """What is old in each layer, removed if asked to; or why that could not be done."""
    from blocks.resolving import resolve
    from blocks.settings import settings
    from tasks import retention

    kept, resources = settings(), resolve(platform)
    layers = {
        "bronze": (retention.bronze, kept.keep_bronze),
        "silver": (retention.silver, kept.keep_silver),
        "rejected": (retention.rejected, kept.keep_rejected),
        "logs": (retention.logs, kept.keep_logs),
        "flow runs": (retention.flow_runs, kept.keep_logs),
    }
    found: dict[str, Old | CoreTelecomsError] = {}
    for layer, (old, days) in layers.items():
        try:
            found[layer] = old(retention.first_kept(days), resources, remove=remove)
        except CoreTelecomsError as error:
            found[layer] = error
    return found


def line(layer: str, old: "Old | CoreTelecomsError") -> str:
    """What is old in a layer, for people."""
    if isinstance(old, CoreTelecomsError):
        return f"{layer:<10} {old}"
    if old.before is None:
        return f"{layer:<10} {old.kept}"
    size = "" if old.bytes is None else f", {in_units(old.bytes)}"
    busy = f"; {old.at_work:,} more are left alone, a run is at work on them" * (old.at_work > 0)
    return f"{layer:<10} {old.number:,} {old.unit} from before {old.before}{size}{busy}"


def in_units(size: float) -> str:
    """Bytes for people.

    >>> in_units(999), in_units(1_234_567)
    ('999 B', '1.2 MB')
    """
    units = ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        del units[0]
    return f"{size:.0f} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


if __name__ == "__main__":
    raise SystemExit(interrupt.of_command(main))
