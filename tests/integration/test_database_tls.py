"""TLS that server and settings don't agree on is a matter of settings; a dying server is not."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from blocks.database import connect
from blocks.errors import ConfigurationError, DatabaseUnavailableError
from tests.integration.test_s3_tls import own_authority  # noqa: F401


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """What comes before PostgreSQL's own protocol: the answer to "do you speak TLS?"; its port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        connection.recv(8)
                        answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def refused(port: int, options: str) -> Exception:
    with pytest.raises(Exception, match="PostgreSQL") as caught:  # noqa: SIM117
        with connect(f"postgresql://somebody@127.0.0.1:{port}/there?{options}"):
            pass
    return caught.value


def test_a_server_without_tls() -> None:
    with server(lambda connection: connection.sendall(b"N")) as port:
        error = refused(port, "sslmode=require")
    assert type(error) is ConfigurationError
    assert "sslmode" in error.todo


@pytest.mark.parametrize(
    "options",
    ["sslmode=verify-full", "sslmode=verify-full&sslrootcert={pem}&host=localhost"],
    ids=["an authority that nobody trusts", "another host's name"],
)
def test_a_certificate_that_does_not_hold(
    own_authority: ssl.SSLContext,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: str,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"S")
        own_authority.wrap_socket(connection, server_side=True)

    with server(answer) as port:
        error = refused(port, options.format(pem=tmp_path / "server.pem"))
    assert type(error) is ConfigurationError
    assert "No TLS connection" in error.what
    assert "sslrootcert" in error.todo


def test_a_server_that_hangs_up() -> None:
    """As a proxy does that has no server behind it: that passes."""
    with server(lambda connection: None) as port:
        assert type(refused(port, "sslmode=require")) is DatabaseUnavailableError
