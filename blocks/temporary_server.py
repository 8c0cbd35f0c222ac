"""The Prefect server of a run that is told of none: it starts while the run loads its own modules.

Left to itself, Prefect starts the same one when something first asks for its API. To do so it
imports the whole server into the run's own process first, which takes as long as the start.
"""

import atexit
import http.client
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from blocks.errors import ConfigurationError, TransientError

_SERVE = Path(__file__).with_name("serve.py")
STOP_SECONDS = 5  # as long as Prefect gives its own

_lock = threading.Lock()
_process: "subprocess.Popen[bytes] | None" = None
_port = 0
_ended = False


def start() -> None:
    """Start it, unless another one is named; it stops with this process.

    Raises ConfigurationError.
    """
    global _process, _port
    from prefect.context import refresh_global_settings_context
    from prefect.settings import get_current_settings

    if get_current_settings().api.url:
        return
    if error := switched_off():
        raise error
    with _lock:
        if _ended:
            raise RuntimeError("the run was interrupted")
        # there before the server is: no other process takes its port, and requests wait in it.
        with socket.create_server(("127.0.0.1", 0)) as listening:
            _port = listening.getsockname()[1]
            _process = serve(listening)
    atexit.register(stop)
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{_port}/api"
    refresh_global_settings_context()


def switched_off() -> ConfigurationError | None:
    """Why there is no server, where Prefect's settings allow no temporary one."""
    from prefect.settings import get_current_settings

    if get_current_settings().server.ephemeral.enabled:
        return None
    return ConfigurationError(
        "There is no Prefect server: none is named, and a temporary one is switched off",
        where="PREFECT_SERVER_EPHEMERAL_ENABLED, in the environment or the Prefect profile",
        todo="set PREFECT_API_URL to a server (make server starts one), or "
        "PREFECT_SERVER_EPHEMERAL_ENABLED=true",
    )


def serve(listening: socket.socket) -> "subprocess.Popen[bytes]":
    """A server on this socket, with the settings as they are here."""
    from prefect.settings import get_current_settings

    return subprocess.Popen(
        [sys.executable, "-P", str(_SERVE), str(listening.fileno())],
        pass_fds=[listening.fileno()],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the run, which has to tell it how it ended
        env=os.environ | get_current_settings().to_environment_variables(exclude_unset=True),
    )


def is_ours() -> bool:
    """Whether this process has started one."""
    return _process is not None


def has_ended() -> bool:
    """Whether this process has started one that is there no longer."""
    return _process is not None and _process.poll() is not None


def wait() -> None:
    """Wait until it answers. Raises TransientError."""
    from prefect.settings import get_current_settings

    seconds = get_current_settings().server.ephemeral.startup_timeout_seconds
    connection = http.client.HTTPConnection("127.0.0.1", _port, timeout=seconds)
    try:
        connection.request("GET", "/api/health")
        if connection.getresponse().status != http.HTTPStatus.OK:
            raise did_not_start()
    except (OSError, http.client.HTTPException):
        raise did_not_start() from None
    finally:
        connection.close()


def did_not_start() -> TransientError:
    """Why a run ends before it began."""
    return TransientError(
        "Prefect's temporary server did not start",
        todo="read what it wrote, then run it again; on a slow machine set "
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS to more than 180",
    )


def stop() -> None:
    """Stop it, if there is one; from now on none starts."""
    global _process, _ended
    with _lock:
        _ended, process = True, _process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def kill() -> None:
    """End it at once."""
    if _process:
        _process.kill()
