"""dbt by hand, on the warehouse of the platform `local`: `python -m tasks.dbt_command build`.

Sets what `dbt/profiles.yml` reads, and keeps dbt's files where the daily build keeps its own.
"""

import os
import sys

from blocks.resolving import resolve
from blocks.settings import settings
from tasks.warehouse import PROJECT, environment_of_dbt


def main(arguments: list[str]) -> int:
    """Run dbt with these arguments; its exit code."""
    folder = settings().home.resolve() / "dbt"
    with environment_of_dbt(resolve()):
        os.environ |= {
            "DBT_PROJECT_DIR": str(PROJECT),
            "DBT_PROFILES_DIR": str(PROJECT),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        }
        from dbt.cli.main import dbtRunner

        from tasks.dbt_errors import quote_no_values

        quote_no_values()
        done = dbtRunner().invoke(arguments)
    if done.success and arguments[:2] == ["docs", "generate"]:
        sys.stdout.write(f"Open {folder / 'target' / 'static_index.html'}\n")
    return 0 if done.success else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
