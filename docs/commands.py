"""Writes docs/commands.md from the commands' own parsers: `make commands`."""

import argparse
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "commands.md"
START = """\
# Commands

Every command and its options. `make commands` writes this page from the commands themselves.
`--help` says the same. What a run shows, its exit codes and `--json`:
[what you see of a run](seeing-a-run.md).
"""


class _FoundError(Exception):
    """Carries the parser of a command that was about to read its arguments."""


def modules() -> Iterator[str]:
    """The modules that are commands with options: flows, and what registers at Prefect."""
    for file in sorted((ROOT / "flows").glob("*.py")):
        # replay only says which command does it.
        if '__name__ == "__main__"' in file.read_text("utf-8") and file.stem != "replay":
            yield f"flows.{file.stem}"
    yield from ("blocks.automations", "blocks.register")


def parser(module: str) -> argparse.ArgumentParser:
    """A command's parser."""

    def found(self: argparse.ArgumentParser, *_: object) -> None:
        raise _FoundError(self)

    with patch.object(argparse.ArgumentParser, "parse_args", found):
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except _FoundError as error:
            return error.args[0]  # type: ignore[no-any-return]
    raise LookupError(f"{module} read no arguments")


def page() -> str:
    """The page."""
    text = START
    for module in modules():
        command = parser(module)
        text += f"\n## {module}\n\n{' '.join((command.description or '').split())}\n\n"
        text += "| option | what it does |\n|--------|--------------|\n"
        for action in command._actions:
            if action.dest != "help":
                names = ", ".join(action.option_strings)
                value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
                said = (action.help or "").replace("|", "\\|")
                text += f"| `{names}{value}` | {said} |\n"
    return text


def main() -> None:
    """Write it."""
    sys.path.insert(0, str(ROOT))
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
