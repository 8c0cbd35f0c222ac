"""Whole runs in processes of their own, which a test may kill, without paying for each start.

A cold `python -m flows.daily` imports for seconds and starts a Prefect server of its own. So one
process, the forker, imports everything once and starts no thread; for every run it forks, and the
child does what the command line does: `flows.cli`, with its arguments and its environment, on the
session's Prefect server. All that a run opens, connections, threads and temporary files, is opened
in the child; SIGKILL ends all of it at once, as it does a process that was started cold.

Where a child has to die is set before it begins: the product has no hook for it. The child
wraps a function of the pipeline, named by module and attribute, so that the process sends itself
SIGKILL before or after that function's n-th call; or it starts a clock that does.
"""

import atexit
import contextlib
import gc
import importlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from flows.terminal import commands
from tests.integration.dbt_spared import spare_dbt

ROOT = Path(__file__).parents[2]
LOADED_FIRST = (
    "flows.terminal.commands",
    "flows.daily",
    "flows.backfill",
    "flows.terminal.show",
    "flows.terminal.afterwards",
    "tasks.reading.land",
    "tasks.cleaning.silver",
    "prefect_dbt",
    "dbt.cli.main",
    "dbt.adapters.postgres",
    "dbt.task.build",
    "tasks.dbt_runner",
    "blocks.embedded",
    "fastapi",
    *("anyio._backends._asyncio", "prefect.utilities.visualization", "rich._emoji_codes"),
    # which Prefect looks through for blocks:
    *("prefect_aws", "prefect_dask", "prefect_sqlalchemy"),
)


@dataclass(frozen=True)
class Kill:
    """Where a process dies: before or after the `nth` call of a function.

    Only calls count whose arguments name `of`: an entity, a file of the lake, a table.
    With another signal it may stand still there instead, until it gets SIGCONT.
    """

    when: str  # "before" or "after"
    function: str  # module:attribute, such as tasks.load:load_day
    nth: int = 1
    of: str = ""
    signal: int = signal.SIGKILL

    def __str__(self) -> str:
        of = f" of {self.of}" if self.of else ""
        nth = f" {self.nth}" if self.nth > 1 else ""
        return f"{self.when} {self.function.rpartition(':')[2]}{of}{nth}"


@dataclass
class Child:
    """A run in a process of its own."""

    pid: int
    output: Path
    forker: "Forker"

    def wait(self) -> int:
        """How it ended, or stands still: its exit code, or minus the signal that did it."""
        return int(self.forker.ask({"wait": self.pid}))

    def go_on(self) -> None:
        """Let it go on that stands still."""
        os.kill(self.pid, signal.SIGCONT)

    @property
    def said(self) -> str:
        """What it wrote to its standard output and error."""
        return self.output.read_text()


class Forker:
    """The forking process, seen from the test."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._numbers = folder, itertools.count()
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.integration.forker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, **environment, "TMPDIR": str(folder)},
            text=True,
        )
        assert self._answer() == "ready"

    def start(
        self,
        command: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        kill: Kill | None = None,
        kill_after: float | None = None,
        replace: Mapping[str, str] | None = None,
    ) -> Child:
        """Begin `python -m flows.<command>`.

        `replace`: functions of the pipeline, by module:attribute, with others in their place.
        """
        output = self._folder / f"{next(self._numbers)}.out"
        plan = {
            "command": command,
            "arguments": list(arguments),
            "environment": dict(environment),
            "kill": asdict(kill) if kill else None,
            "kill_after": kill_after,
            "replace": dict(replace or {}),
            "output": str(output),
        }
        return Child(int(self.ask(plan)), output, self)

    def ask(self, question: object) -> str:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout
        answer = self._process.stdout.readline().strip()
        assert answer, "the forker is gone"
        return answer

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


@contextlib.contextmanager
def forking(folder: Path) -> Iterator[Forker]:
    """A forker on the Prefect server of this test session."""
    from prefect.settings import PREFECT_API_URL

    forker = Forker(folder, {"PREFECT_API_URL": str(PREFECT_API_URL.value())})
    try:
        yield forker
    finally:
        forker.close()


def serve() -> int:
    """Fork a child for each plan read from standard input; answer with its pid, and how it ends."""
    exit_code = 0

    def leave() -> None:
        # taking apart all that was imported, page by page copied for it, is half of a child's time.
        sys.stdout.flush()
        os._exit(exit_code)

    atexit.register(leave)  # first, so that it comes last
    for module in LOADED_FIRST:
        importlib.import_module(module)
    spare_dbt()
    _complete(BaseModel)
    _name_tasks()
    assert threading.active_count() == 1
    gc.freeze()  # no collection in a child visits, and so copies, what was imported here
    print("ready", flush=True)  # noqa: T201
    for line in sys.stdin:
        plan = json.loads(line)
        if "wait" in plan:
            status = os.waitpid(plan["wait"], os.WUNTRACED)[1]
            stopped = os.WIFSTOPPED(status)
            answer = -os.WSTOPSIG(status) if stopped else os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if not answer:
                exit_code = 1
                exit_code = _run(plan)
                break
        print(answer, flush=True)  # noqa: T201
    return exit_code


def _complete(model: type[BaseModel]) -> None:
    """Build the validators of its subclasses, which Prefect's models leave to their first use."""
    for subclass in model.__subclasses__():
        if not subclass.__pydantic_complete__:
            subclass.model_rebuild()
        _complete(subclass)


def _name_tasks() -> None:
    """Make each stage's task for each entity, which a run does at their first use."""
    from flows.shared.run import named
    from tasks.entities.contracts import ENTITIES
    from tasks.ingest import ingest
    from tasks.load import load
    from tasks.transform import transform

    for task, entity in itertools.product((ingest, transform, load), ENTITIES):
        named(task, entity)


def _run(plan: dict[str, Any]) -> int:
    """The child: a command line of the pipeline, which dies where the plan says."""
    output = os.open(plan["output"], os.O_WRONLY | os.O_CREAT)
    for stream, file in enumerate((os.open(os.devnull, os.O_RDONLY), output, output)):
        os.dup2(file, stream)
    os.environ.update(plan["environment"])

    from blocks.resolving import forget
    from blocks.settings import settings

    settings.cache_clear()
    forget()
    for name, by in plan["replace"].items():
        _Place(name).put(_Place(by).value)
    if plan["kill"]:
        _wrap(Kill(**plan["kill"]))
    if plan["kill_after"] is not None:
        clock = threading.Timer(plan["kill_after"], os.kill, (os.getpid(), signal.SIGKILL))
        clock.daemon = True
        clock.start()
    command = getattr(commands, f"{plan['command']}_command")
    return int(command(plan["arguments"]))


class _Place:
    """Where a function is found: `tasks.load:load_day`, `psycopg:Copy.write`."""

    def __init__(self, name: str) -> None:
        module, _, path = name.partition(":")
        *above, self.attribute = path.split(".")
        self.owner: Any = importlib.import_module(module)
        for part in above:
            self.owner = getattr(self.owner, part)

    @property
    def value(self) -> Any:
        return getattr(self.owner, self.attribute)

    def put(self, value: Any) -> None:
        setattr(self.owner, self.attribute, value)


def _wrap(kill: Kill) -> None:
    place, calls = _Place(kill.function), itertools.count(1)
    original = place.value

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        here = any(kill.of in repr(arg)[:200] for arg in args) and next(calls) == kill.nth
        if here and kill.when == "before":
            os.kill(os.getpid(), kill.signal)
        result = original(*args, **kwargs)
        if here and kill.when == "after":
            os.kill(os.getpid(), kill.signal)
        return result

    place.put(wrapper)


def nothing(*_: object, **__: object) -> Any:
    """In place of a dbt build, for runs that end before it: dbt is slow to start."""
    from tasks.warehouse import Built

    return Built(0, (), 0.0)


if __name__ == "__main__":
    raise SystemExit(serve())
