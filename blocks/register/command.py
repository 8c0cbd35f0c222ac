"""`python -m blocks.register`: make or update a platform block, having checked all its parts."""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blocks import server
from blocks.errors import CoreTelecomsError

DESCRIPTION = """\
Make or update the platform block that flows take as their parameter `platform`, and the blocks
it is made of, on the Prefect server or Cloud that PREFECT_API_URL names.

Where the sources, the lake and the databases are comes from CORETELECOMS_* and AWS_* variables, in
the environment or in a .env file (.env.example explains each). Every part is really reached first:
buckets are listed, an object is written to the lake and deleted again, databases are asked. Only
when all parts work is anything saved.
"""
EPILOG = """\
examples:
  python -m blocks.register                        make or update the platform `production`
  python -m blocks.register --name staging --env-file staging.env
  python -m blocks.register --check-only           see whether the settings work, save nothing
  python -m blocks.register --readers              make the roles that read the warehouse
  python -m blocks.register --registered           see whether the block as registered works

The exit code is 0 only when every part works.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Register and check a platform; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except CoreTelecomsError as error:
        _say(str(error))
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m blocks.register",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--name", type=_block_name, default="production", help="the block's name (production)"
    )
    parser.add_argument(
        "--env-file", type=_file, metavar="FILE", help="read variables from it too (.env)"
    )
    parser.add_argument(
        "--readers",
        action="store_true",
        help="make the two roles that CORETELECOMS_READERS names, or print the SQL; nothing else",
    )
    parser.add_argument("--check-only", action="store_true", help="check the parts, save nothing")
    parser.add_argument(
        "--registered", action="store_true", help="check the registered block, not the settings"
    )
    parser.add_argument(
        "--force", action="store_true", help="save although a part can't be reached from here"
    )
    parser.add_argument(
        "--post-to-slack", action="store_true", help="try the alerts with a real message"
    )
    return parser


def _block_name(text: str) -> str:
    if text == "local":
        raise argparse.ArgumentTypeError("`local` is the embedded default and needs no block")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text):
        raise argparse.ArgumentTypeError("use small letters, digits and dashes")
    return text


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return Path(text)


def _run(options: argparse.Namespace) -> int:
    server.configure(server.TEMPORARY)
    from blocks import settings
    from blocks.platform import Platform
    from blocks.register import parts
    from blocks.register.checks import checked, post

    server.keep_to_one_connection()
    wrong: Mapping[str, CoreTelecomsError] = {}
    if options.registered:
        platform = Platform.named(options.name)
        values = {field: getattr(platform, field) for field in Platform.model_fields}
    else:
        env_file = options.env_file or Path(".env")
        variables = settings.aws_variables(env_file)
        values, wrong = parts.from_settings(settings.read(env_file), variables)
    if options.readers:
        return _readers(values, wrong)
    found = checked(values, wrong, options.name)
    if options.post_to_slack and values.get("alerts"):
        found["alerts"] = post(values["alerts"], options.name)
    for part, said in found.items():
        _say_of(part, said)
    works = not any(isinstance(said, CoreTelecomsError) for said in found.values())
    if options.check_only or options.registered:
        return 0 if works else 1
    if wrong or not (works or options.force):
        _say("Nothing was saved.")
        return 1
    _say_of("platform", _saved(values, options.name))
    return 0 if works else 1


def _readers(values: Mapping[str, Any], wrong: Mapping[str, CoreTelecomsError]) -> int:
    from blocks.connectors import dsn
    from blocks.register.readers import make

    if "warehouse" in wrong:
        raise wrong["warehouse"]
    statements, made = make(dsn(values["warehouse"]), values["readers"])
    _say("Done:" if made else "Your role may not make roles. Have an administrator run:")
    for statement in statements or ["-- nothing: both are there"]:
        _say(f"  {statement}")
    return 0 if made else 1


def _saved(values: Mapping[str, object], name: str) -> str | CoreTelecomsError:
    from blocks.prefect_api import asking_prefect
    from blocks.register.parts import save

    with asking_prefect():
        save(dict(values), name)
    where = server.api() or ("a database of its own under PREFECT_HOME (no PREFECT_API_URL is set)")
    return f"saved as {name!r} in {where}; use it with --platform {name}"


def _say_of(part: str, said: str | CoreTelecomsError) -> None:
    from blocks.checks import line

    _say(line(part, said))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
