"""An emulated GitHub with one repository, the App's minter and its service, for the tests of both."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from app.core.event import Repo
from app.core.grant import Credential, Grant
from app.core.line.turns import Pace, Unpaced
from app.emulators.github import (
    GitHubEmulator,
    Seed,
    SeedApp,
    SeedInstallation,
    SeedIssue,
    SeedRepository,
    SeedUser,
    serve,
)
from app.execute.grants.github_app import GitHubApp
from triggers.github.reply import GitHubService

APP_ID = "4711"
REPO = Repo(id=1001, full_name="octo/hello", default_branch="main", installation_id=55)
SECRET_REPO = Repo(id=1002, full_name="octo/secret", default_branch="main", installation_id=55)


@pytest.fixture(scope="session")
def app_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def github(tmp_path: Path, app_key: RSAPrivateKey) -> Iterator[GitHubEmulator]:
    public = app_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
    seed = Seed(
        app=SeedApp(id=int(APP_ID), public_key=public),
        users=(SeedUser(login="alice", id=101), SeedUser(login="bob", id=102), SeedUser(login="carol", id=103)),
        repositories=(
            SeedRepository(
                full_name="octo/hello", id=1001, files={"README.md": "hello\n"}, collaborators={"alice": "write", "bob": "triage", "carol": "write"},
                issues=(SeedIssue(title="It breaks", user="bob", body="Always."),),
            ),
            SeedRepository(full_name="octo/secret", id=1002, files={"README.md": "secret\n"}),
        ),
        installations=(SeedInstallation(account="octo", id=55, repositories=("octo/hello",)),),
    )
    with GitHubEmulator(tmp_path / "github", seed) as emulator, serve(emulator):
        yield emulator


@pytest.fixture
def pace() -> Pace:
    """At which the minter and the service ask."""
    return Unpaced()


@pytest.fixture
def minter(github: GitHubEmulator, app_key: RSAPrivateKey, pace: Pace) -> Iterator[GitHubApp]:
    app = GitHubApp(app_id=APP_ID, private_key=app_key, api_url=github.api_url, timeout_seconds=5, pace=pace)
    yield app
    app.close()


@pytest.fixture
def service(github: GitHubEmulator, pace: Pace) -> GitHubService:
    return GitHubService(api_url=github.api_url, web_url=github.web_url, bot_login="bellhop[bot]", timeout_seconds=5, pace=pace)


@pytest.fixture
def credential(minter: GitHubApp) -> Credential:
    """A token that may write issues, pull requests and contents of the one repository."""
    permissions = {"contents": "write", "issues": "write", "pull_requests": "write"}
    return minter.mint(Grant.model_validate({"purpose": "publish", "repo": REPO, "permissions": permissions}))


def any_credential() -> Credential:
    grant = Grant(purpose="reply", repo=REPO, permissions={"issues": "write"})
    return Credential(id="ghs-0", grant=grant, token=SecretStr("ghs_an-invented-token"), expires_at="2026-01-01T00:00:00Z")


class Heard(http.server.ThreadingHTTPServer):
    """A server that answers everything with one JSON document and remembers what was asked."""

    daemon_threads = True

    def __init__(self, answer: object, status: int = 200) -> None:
        self.answer = json.dumps(answer).encode()
        self.status = status
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Heard

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.command, self.path, headers, body))
        self.send_response(self.server.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's own names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


@contextmanager
def hearing(answer: object, status: int = 200, certificate: Path | None = None) -> Iterator[Heard]:
    """Serve on a free port; over TLS when there is a certificate (a PEM file with its key)."""
    server = Heard(answer, status)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def make_certificate(file: Path, key: RSAPrivateKey) -> Path:
    """Write a self-signed certificate for 127.0.0.1, with its key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bellhop test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    file.write_bytes(pem)
    return file
