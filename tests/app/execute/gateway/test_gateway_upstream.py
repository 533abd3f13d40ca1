"""How the gateway reaches a model API from inside a company: through its proxy, trusting its own authority."""

from __future__ import annotations

import datetime
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.execute.gateway.admit import Target
from app.execute.gateway.upstream import Upstream, UpstreamFailed
from app.settings import Settings

MODELS = Target("anthropic", "GET", "/v1/models")

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Server(HTTPServer):
    """Answers 200 to every GET and keeps what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.targets: list[str] = []
        self.heads: list[dict[str, str]] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust us hangs up; that is its right."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.targets.append(self.path)
        self.server.heads.append(dict(self.headers.items()))
        self.send_response(200)
        self.send_header("set-cookie", "who=ada")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def ask(settings: Settings) -> int:
    upstream = Upstream(settings)
    try:
        async with upstream.answer(MODELS, [(b"accept", b"*/*")], b"") as answer:
            assert b"".join([data async for data in answer.body()]) == b"ok"
            return answer.status
    finally:
        await upstream.close()


async def test_the_proxy_in_the_settings_is_used_and_the_environments_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with running(Server()) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        assert await ask(Settings(anthropic_api_url=url + "/base/")) == 200
        through = Settings(anthropic_api_url="http://models.invalid", outbound_proxy=url)
        assert await ask(through) == 200
        assert server.targets == ["/base/v1/models", "http://models.invalid/v1/models"]


async def test_nothing_is_sent_but_what_was_given() -> None:
    with running(Server()) as server:
        upstream = Upstream(Settings(anthropic_api_url=f"http://127.0.0.1:{server.server_port}/a%2Fb"))
        try:
            for _ in range(2):
                async with upstream.answer(MODELS, [(b"x-api-key", b"k")], b"") as answer:
                    assert [data async for data in answer.body()] == [b"ok"]
        finally:
            await upstream.close()
        # No cookie the second time, no agent's name of the client's, no word on compression; the path as it is.
        assert server.heads == [{"Host": f"127.0.0.1:{server.server_port}", "x-api-key": "k"}] * 2
        assert server.targets == ["/a%2Fb/v1/models"] * 2


async def test_an_authority_of_ones_own_is_trusted_when_it_is_named(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = Server()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with running(server):
        settings = Settings(anthropic_api_url=f"https://localhost:{server.server_port}")
        with pytest.raises(UpstreamFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await ask(settings)
        assert await ask(settings.model_copy(update={"ca_bundle": certificate})) == 200


def self_signed(directory: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "both.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
