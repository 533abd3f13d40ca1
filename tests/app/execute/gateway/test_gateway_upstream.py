"""How the gateway reaches a model API from inside a company: through its proxy, trusting its own authority."""

from __future__ import annotations

import asyncio
import datetime
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
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


async def test_an_authority_that_the_system_trusts_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = Server()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    # OpenSSL's own variable: where the system's certificates are.
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with running(server):
        assert await ask(Settings(anthropic_api_url=f"https://localhost:{server.server_port}")) == 200


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


class Speaker:
    """Speaks HTTP as it likes and keeps its connections: answers each request with `first`, and says `then` once `go_on` is set."""

    def __init__(self, first: bytes, then: bytes) -> None:
        self._first, self._then = first, then
        self.asked = 0
        self.go_on, self.has_said = asyncio.Event(), asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                self.asked += 1
                writer.write(self._first)
                await self.go_on.wait()
                writer.write(self._then)
                await writer.drain()
                self.has_said.set()


@asynccontextmanager
async def speaking(first: bytes, then: bytes = b"") -> AsyncIterator[tuple[Upstream, Speaker]]:
    speaker = Speaker(first, then)
    server = await asyncio.start_server(speaker.serve, "127.0.0.1", 0)
    upstream = Upstream(Settings(anthropic_api_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    try:
        yield upstream, speaker
    finally:
        await upstream.close()
        server.close()
        for writer in speaker.writers:
            writer.close()


async def told(upstream: Upstream) -> tuple[int, bytes]:
    async with asyncio.timeout(10), upstream.answer(MODELS, [(b"accept", b"*/*")], b"") as answer:
        return answer.status, b"".join([data async for data in answer.body()])


async def test_r24_what_nobody_asked_for_is_no_answer_to_the_next_request() -> None:
    """Connections are shared by all sandboxes: one that is out of step would give each of them what another one was told."""
    late = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nothers"
    async with speaking(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyou", late) as (upstream, speaker):
        assert await told(upstream) == (200, b"you")
        speaker.go_on.set()
        await speaker.has_said.wait()
        assert await told(upstream) == (200, b"you")
        assert speaker.asked == len(speaker.writers) == 2


async def test_connections_are_used_again() -> None:
    async with speaking(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyou") as (upstream, speaker):
        speaker.go_on.set()
        for _ in range(3):
            assert await told(upstream) == (200, b"you")
        assert len(speaker.writers) == 1


async def test_r24_an_answer_that_goes_wrong_on_its_way_ends_at_once() -> None:
    """It would have kept its place, its connection and its share of the budget for ever."""
    chunk = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nyou\r\n"
    async with (
        asyncio.timeout(10), speaking(chunk, b"no chunk\r\n\r\n") as (upstream, speaker), upstream.answer(MODELS, [], b"") as answer,
    ):
        body = answer.body()
        assert await anext(body) == b"you"
        speaker.go_on.set()
        with pytest.raises(UpstreamFailed):
            await anext(body)


async def test_r24_a_long_head_is_read() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-security-policy: " + b"a" * 20_000 + b"\r\ncontent-length: 3\r\n\r\nyou"
    async with speaking(head) as (upstream, _):
        assert await told(upstream) == (200, b"you")


@pytest.mark.parametrize("head", ["content-encoding: identity\r\ncontent-encoding: gzip", "transfer-encoding: gzip, chunked"])
async def test_t46_what_is_packed_in_any_way_is_not_plain(head: str) -> None:
    said = f"HTTP/1.1 200 OK\r\n{head}\r\nconnection: close\r\n\r\n".encode()
    async with speaking(said) as (upstream, _), upstream.answer(MODELS, [], b"") as answer:
        assert not answer.is_plain


async def test_an_address_that_cannot_be_asked_is_a_failure_like_others() -> None:
    upstream = Upstream(Settings(anthropic_api_url=f"http://{'a' * 70}.invalid"))
    try:
        with pytest.raises(UpstreamFailed):
            await told(upstream)
    finally:
        await upstream.close()
