"""S3 endpoints with a private authority: refused with advice, or trusted by a setting."""

import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from blocks.errors import ConfigurationError
from blocks.stores.s3 import Access, S3Store
from tests.integration.s3_server import door, emptied

REFUSAL = b"<Error><Code>AccessDenied</Code></Error>"  # enough to know that S3 was reached


class _Refusing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(403)
        self.send_header("Content-Length", str(len(REFUSAL)))
        self.end_headers()
        self.wfile.write(REFUSAL)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def own_authority(tmp_path: Path) -> ssl.SSLContext:
    """A server's TLS with a certificate that nobody has reason to trust; it is in server.pem."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@pytest.fixture
def endpoint(own_authority: ssl.SSLContext) -> Iterator[str]:
    """An HTTPS endpoint that refuses all it is asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    server.socket = own_authority.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def scan(store: S3Store) -> None:
    with store.translating("a.parquet"):
        uri = store.uri("a.parquet")
        pl.scan_parquet(uri, storage_options=store.storage_options, glob=False).collect()


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("verb", [S3Store.check, scan], ids=["boto3", "polars"])
@pytest.mark.parametrize(
    ("verify", "says"),
    [(None, "certificate could not be verified"), (False, "S3 refused access")],
    ids=["strict", "trusting"],
)
def test_a_certificate_of_ones_own(
    endpoint: str,
    verb: Callable[[S3Store], None],
    verify: bool | None,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    def connect() -> tuple[boto3.Session, dict[str, Any]]:
        session = boto3.Session("key", "secret", region_name="us-east-1")
        return session, {"endpoint_url": endpoint, "verify": verify}

    with pytest.raises(ConfigurationError, match=says):
        verb(S3Store("lake", access=Access(connect)))


@pytest.mark.parametrize("checksums", [None, "when_supported"])
def test_a_server_that_takes_no_checksum_behind_the_data(
    s3_server: Any,
    own_authority: ssl.SSLContext,
    checksums: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over HTTPS boto3 sends one by itself; we don't. Who asks for it learns which setting."""
    for trust in ("AWS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(trust, str(tmp_path / "server.pem"))
    if checksums:
        monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", checksums)
    with door(s3_server.moto, own_authority) as server, emptied(server) as s3:
        s3.trailers = False
        lake = S3Store("lake")
        if checksums:
            with pytest.raises(ConfigurationError, match=r"411.*CHECKSUM_CALCULATION=when_req"):
                lake.write("a", b"A")
            return
        lake.write("a", b"A")
        assert lake.read("a") == b"A"
        with lake.writing("a.parquet") as uri:
            frame = pl.DataFrame({"b": ["B"]})
            frame.write_parquet(uri, storage_options=lake.storage_options)
        scan(lake)
        assert lake.local_copy("a.parquet", tmp_path).stat().st_size
        assert sorted(lake.keys("")) == ["a", "a.parquet"]
        lake.delete("a")
        assert list(s3.objects()) == ["a.parquet"]
