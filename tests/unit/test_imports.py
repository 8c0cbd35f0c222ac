"""Nothing happens on import: no setting is read, nothing of the process or on disk changes."""

import json
import os
import subprocess
import sys
from pathlib import Path

from blocks.settings import Settings
from tests.unit.test_layers import LAYERS, MODULES, ROOT

# libraries leave traces of their own: polars a variable, several a function for the end.
PROGRAM = """
import atexit, gc, importlib, json, os, sys
import polars, prefect, prefect_aws, prefect_sqlalchemy, psycopg

register, registered, changes = atexit.register, [], {}

def recording(function, *args, **kwargs):
    caller = sys._getframe(1).f_globals["__name__"]
    if caller.partition(".")[0] in LAYERS:
        registered.append(caller)
    return register(function, *args, **kwargs)

def process():
    return [dict(os.environ), gc.get_threshold(), gc.get_freeze_count(), list(registered)]

LAYERS = json.loads(sys.argv[1])
atexit.register = recording
for name in json.loads(sys.argv[2]):
    before = process()
    importlib.import_module(name)
    if process() != before:
        changes[name] = [(a, b) for a, b in zip(before, process()) if a != b]
print(json.dumps(changes))
"""


def test_every_module_is_imported_without_a_trace(tmp_path: Path) -> None:
    ours = {f"CORETELECOMS_{name.upper()}": "nonsense" for name in Settings.model_fields}
    for folder in (working := tmp_path / "working", home := tmp_path / "home"):
        folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(LAYERS), json.dumps(sorted(MODULES))],
        env=os.environ
        | ours
        | {"HOME": str(home), "PREFECT_HOME": str(tmp_path / "prefect"), "PYTHONPATH": str(ROOT)},
        cwd=working,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {}
    assert [*working.iterdir(), *home.iterdir()] == []
