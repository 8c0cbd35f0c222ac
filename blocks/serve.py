"""Be the temporary Prefect server: `python -P blocks/serve.py SOCKET`, a socket's file number."""

import fcntl
import gc
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from typing import Any


def main(number: int) -> None:
    """Serve on that socket until the standard input ends: then whoever started it is gone."""
    # it looks for garbage as seldom as a run does (flows/shared/process.py): a sixth of its start.
    gc.set_threshold(50_000, 20, 100)
    threading.Thread(target=_end_with_input, daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            """Servers that make the same database at once fail: they start one after the other."""
            home = None
            with suppress(OSError):
                home = os.open(get_current_settings().home, os.O_RDONLY)
                fcntl.flock(home, fcntl.LOCK_EX)
            await super().startup(sockets)
            if home is not None:
                os.close(home)

    app = create_app(ephemeral=True, final=True)
    config = uvicorn.Config(app, log_level="error", lifespan="on")
    Server(config).run([socket.socket(fileno=number)])


def _end_with_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(int(sys.argv[1]))
