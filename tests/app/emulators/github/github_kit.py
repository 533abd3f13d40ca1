"""What the emulator's tests share: the seed, a checking HTTP client, a webhook receiver and git itself."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import jwt
from jsonschema import Draft202012Validator

from app.emulators.github import GitHubEmulator, Seed, SeedApp, SeedInstallation, SeedRepository, SeedUser

SCHEMAS = Path(__file__).resolve().parents[3] / "payloads" / "github" / "schema"
REPO = "/repos/octo/hello"
ALL = {"contents": "write", "issues": "write", "pull_requests": "write", "checks": "write", "statuses": "write", "actions": "write"}
INSTALLATION = 55


class SettableClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def seed(key: Path, **changes: Any) -> Seed:
    """Two private repositories, one of them outside the installation, and a public one; alice writes, bob reads."""
    made = Seed(
        app=SeedApp(private_key_file=key, permissions=ALL | {"metadata": "read"}),
        users=(
            SeedUser(login="alice", id=101, email="alice@example.test"), SeedUser(login="bob", id=102),
            SeedUser(login="mallory", id=666),
        ),
        repositories=(
            SeedRepository(
                full_name="octo/hello", id=1001, files={"README.md": "hello\n", "src/app.py": "print('hi')\n"},
                collaborators={"alice": "write", "bob": "read"},
            ),
            SeedRepository(full_name="octo/secret", id=1002, files={"README.md": "secret\n"}),
            SeedRepository(full_name="octo/open", id=1003, private=False, files={"README.md": "open\n"}),
        ),
        installations=(
            SeedInstallation(account="octo", id=INSTALLATION, repositories=("octo/hello", "octo/open")),
        ),
    )
    return made.model_copy(update=changes)


@cache
def description(name: str) -> dict[str, Any]:
    """Return one of the cut schemas."""
    loaded: dict[str, Any] = nullable_as_types(json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8")))
    return loaded


def nullable_as_types(node: Any) -> Any:
    """Say OpenAPI 3.0's `nullable` in JSON Schema: GitHub also sets it beside `enum` and `anyOf`, and means null."""
    if isinstance(node, list):
        return [nullable_as_types(one) for one in node]
    if not isinstance(node, dict):
        return node
    rest = {key: nullable_as_types(value) for key, value in node.items() if key != "nullable"}
    return {"anyOf": [{"type": "null"}, rest]} if node.get("nullable") is True else rest


@cache
def response_validator(method: str, path: str, status: int) -> Draft202012Validator | None:
    """Return the validator of an answer's body; None where GitHub describes no body."""
    rest = description("rest")
    response = rest["paths"][path][method.lower()]["responses"][str(status)]
    if "$ref" in response:
        response = rest["components"]["responses"][response["$ref"].rsplit("/", 1)[-1]]
    if "content" not in response:
        return None
    schema = next(iter(response["content"].values()))["schema"]
    return Draft202012Validator({**schema, "components": rest["components"]})


@cache
def webhook_validator(name: str) -> Draft202012Validator:
    """Return the validator of a webhook's payload, such as `issues-opened`."""
    hooks = description("webhooks")
    schema = hooks["webhooks"][name]["content"]["application/json"]["schema"]
    return Draft202012Validator({**schema, "components": hooks["components"]})


def problems(validator: Draft202012Validator, body: object) -> list[str]:
    """Return what is wrong with a body, one line each."""
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in validator.iter_errors(body)]


class Rest:
    """A client of the REST API that holds an answer against GitHub's description where it is told which."""

    def __init__(self, emulator: GitHubEmulator, token: str | None = None, *, scheme: str = "Bearer") -> None:
        headers = {"authorization": f"{scheme} {token}"} if token else {}
        # No connection outlives its answer, so a test need not close its clients.
        limits = httpx.Limits(max_keepalive_connections=0)
        self.client = httpx.Client(base_url=emulator.api_url, headers=headers, timeout=20, trust_env=False, limits=limits)

    def call(
        self, method: str, path: str, status: int, *, like: str | None = None, body: object = None, **query: str
    ) -> httpx.Response:
        """Send a request, expect a status, and check the body against the endpoint `like` of the description."""
        answer = self.client.request(method, path, json=body, params=query or None)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        if like is not None:
            validator = response_validator(method, like, status)
            if validator is not None:
                found = problems(validator, answer.json())
                assert not found, f"{method} {path}:\n" + "\n".join(found)
        return answer


def app_jwt(emulator: GitHubEmulator, **claims: Any) -> str:
    """Sign an App's assertion; `claims` replace the usual ones (None removes one)."""
    now = int(emulator.world.now().timestamp())
    merged = {"iss": str(emulator.app.id), "iat": now - 60, "exp": now + 540} | claims
    assert emulator.private_key_pem is not None
    return jwt.encode({k: v for k, v in merged.items() if v is not None}, emulator.private_key_pem, algorithm="RS256")


def app_rest(emulator: GitHubEmulator) -> Rest:
    return Rest(emulator, app_jwt(emulator))


def minted(emulator: GitHubEmulator, permissions: dict[str, str] | None = None, **limits: Any) -> str:
    """Mint a token over REST and return it."""
    body = {"permissions": permissions if permissions is not None else ALL, **limits}
    token: str = app_rest(emulator).call(
        "POST", f"/app/installations/{INSTALLATION}/access_tokens", 201, body=body
    ).json()["token"]
    return token


@dataclass
class Received:
    """One request that a webhook receiver got."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A webhook receiver; `status` is what it answers, `hold` keeps it from answering until set."""

    url: str = ""
    status: int = 204
    got: list[Received] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a webhook receiver on a free port."""
    receiver = Receiver()
    receiver.hold.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.got.append(Received({k.lower(): v for k, v in self.headers.items()}, body))
            receiver.hold.wait(20)
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hooks/github"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.hold.set()
            server.shutdown()
            thread.join(5)


def git(directory: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the real git as a person would, with no prompt and no configuration of this machine."""
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": str(directory), "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.test", "GIT_COMMITTER_NAME": "t",
        "GIT_COMMITTER_EMAIL": "t@example.test", "LC_ALL": "C",
    }
    return subprocess.run(
        ["git", *arguments], cwd=directory, env=environment, check=check, capture_output=True, text=True, timeout=60
    )


def clone_url(emulator: GitHubEmulator, token: str | None = None, name: str = "octo/hello") -> str:
    host = emulator.web_url.split("://", 1)[1]
    return f"http://x-access-token:{token}@{host}/{name}.git" if token else f"http://{host}/{name}.git"


def until(condition: Any, timeout_seconds: float = 20.0) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.005)
