"""A way to a server that a test closes and opens again: to clients it goes and comes back."""

import socket
import threading
from contextlib import suppress


class Door:
    """A TCP proxy on a port of its own."""

    def __init__(self, port: int) -> None:
        self._behind = port
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self.port = 0
        self.open()

    def open(self) -> None:
        """Take connections from here on."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen()
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Cut all connections and refuse new ones."""
        with self._lock:
            for each in (self._listener, *self._ends):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._ends.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # closed
            while True:
                outside, _ = listener.accept()
                inside = socket.create_connection(("127.0.0.1", self._behind))
                with self._lock:
                    self._ends += (outside, inside)
                    if listener.fileno() < 0:  # closed in between
                        outside.close()
                        return
                for one, other in ((outside, inside), (inside, outside)):
                    threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(1 << 16):
            other.sendall(data)
    for each in (one, other):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
