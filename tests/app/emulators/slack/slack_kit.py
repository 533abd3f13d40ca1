"""What the emulator's tests share: a seed, a server whose every answer is kept, a receiver, and the vendor's word on all of it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.emulators.server import listen, serving
from app.emulators.slack import Seed, SeedApp, SeedChannel, SeedMember, SeedTeam, SlackEmulator, create_app
from app.emulators.slack.seed import DEFAULT_EVENTS, DEFAULT_SCOPES

PAYLOADS = Path(__file__).resolve().parents[3] / "payloads" / "slack"
EVENTS = (*DEFAULT_EVENTS, "tokens_revoked", "app_uninstalled", "user_change", "reaction_removed", "member_joined_channel", "member_left_channel")

SCOPES = (*DEFAULT_SCOPES, "channels:read", "groups:read", "im:read", "reactions:write", "team:read")

# Methods that came after the descriptions of 2021: nothing there judges them.
NEWER_METHODS = {"apps.connections.open", "files.getUploadURLExternal", "files.completeUploadExternal"}

# Words that Slack has today and its list of 2021 lacks (docs.slack.dev/reference/methods), for all methods and for some.
NEWER = {"ratelimited", "missing_scope", "not_allowed_token_type", "invalid_arguments", "channel_not_found"}
NEWER_OF = {
    "chat.postMessage": {"invalid_blocks", "invalid_blocks_format", "invalid_metadata_format", "thread_not_found", "invalid_thread_ts"},
    "chat.update": {"invalid_blocks", "invalid_blocks_format", "invalid_metadata_format"},
    "chat.postEphemeral": {"not_in_channel", "invalid_blocks"},
    "conversations.history": {"not_in_channel"}, "conversations.replies": {"not_in_channel"}, "conversations.list": {"invalid_types", "invalid_limit", "invalid_cursor"},
    "reactions.add": {"not_in_channel"}, "reactions.get": {"not_in_channel"}, "reactions.remove": {"not_in_channel"},
    # The list of 2021 has no words for views, and neither method existed.
    "views.open": {"expired_trigger_id", "exchanged_trigger_id", "duplicate_external_id"}, "views.update": {"not_found", "hash_conflict"},
}


class SettableClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def seed(**app: Any) -> Seed:
    """A workspace with three channels, one of them shared; ada works here, gus is a guest, sam is of another workspace."""
    return Seed(
        app=SeedApp(events=EVENTS, scopes=SCOPES, **app),
        other_teams=(SeedTeam(id="T0EMUOTHER", name="Suppliers", domain="suppliers"),),
        members=(
            SeedMember(name="ada", id="U0ADA00001", email="ada@corner-shop.test"), SeedMember(name="bob", id="U0BOB00001"),
            SeedMember(name="gus", is_ultra_restricted=True), SeedMember(name="sam", team="T0EMUOTHER"),
            SeedMember(name="carla", team="T0EMUOTHER"), SeedMember(name="otherbot", is_bot=True),
        ),
        channels=(
            SeedChannel(name="general", members=("bellhop", "ada", "bob", "gus", "otherbot")),
            SeedChannel(name="quiet", members=("ada", "bob")),
            SeedChannel(name="secret", private=True, members=("ada", "bellhop")),
            SeedChannel(name="partners", members=("bellhop", "ada", "sam"), shared_with=("T0EMUOTHER",)),
        ),
    )


@dataclass
class Recorded:
    """Every answer of the Web API that went out: method, status, body."""

    app: ASGIApp
    answers: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self.app(scope, receive, send)
            return
        status, body = 0, b""

        async def kept(message: Message) -> None:
            nonlocal status, body
            status = message.get("status", status)
            body += message.get("body", b"")
            await send(message)

        await self.app(scope, receive, kept)
        if body.startswith(b"{"):
            self.answers.append((scope["path"].removeprefix("/api/"), status, json.loads(body)))


@contextmanager
def served(emulator: SlackEmulator) -> Iterator[Recorded]:
    """Serve as `bellhop emulate slack` does, and keep each answer."""
    recorded = Recorded(create_app(emulator))
    listener = listen("127.0.0.1", 0)
    emulator.world.web_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with serving(recorded, listener, "Slack", websockets=True):
        yield recorded


def judged(recorded: Recorded, emulator: SlackEmulator) -> list[str]:
    """Return what the vendor's schemas have against all that the emulator has answered and told."""
    wrong = []
    for method, status, body in recorded.answers:
        wrong += [f"{method} -> {one}" for one in answer_problems(method, status, body)]
    for delivery in emulator.deliveries:
        if delivery.kind == "event" and delivery.name != "app_rate_limited":
            wrong += [f"{delivery.name} -> {one}" for one in event_problems(delivery.payload)]
    return wrong


def answer_problems(method: str, status: int, body: dict[str, Any]) -> list[str]:
    """Return what is wrong with one answer of the Web API."""
    known = schema("web")["methods"].get(method)
    if body["ok"] and known:
        return problems(answer_validator(method), body)
    if body["ok"]:
        return [] if method in NEWER_METHODS else [f"nobody describes {method}"]
    assert (status == 429) == (body["error"] == "ratelimited"), body
    if known is None:
        return [] if method in NEWER_METHODS else [f"nobody describes {method}"]
    words = set(known["default"].get("properties", {}).get("error", {}).get("enum", [])) if "default" in known else set()
    return [] if body["error"] in words | NEWER | NEWER_OF.get(method, set()) else [f"no error of this method: {body['error']}"]


def event_problems(payload: dict[str, Any]) -> list[str]:
    """Return what is wrong with one event, by both of the vendor's descriptions of what stands around it."""
    wrong = []
    for described in (schema("wrapper"), schema("events")["wrapper"]):
        # `authed_users` was retired for `authorizations`; it is the one thing that is no longer asked for.
        required = [one for one in described["required"] if one != "authed_users"]
        wrong += problems(Draft7Validator({**described, "required": required}), payload)
    return wrong


@cache
def schema(name: str) -> dict[str, Any]:
    """Return one of the cut schemas."""
    loaded: dict[str, Any] = json.loads((PAYLOADS / "schema" / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


@cache
def answer_validator(method: str) -> Draft7Validator:
    """Return the validator of a method's good answer."""
    web = schema("web")
    return Draft7Validator({**loosened(web["methods"][method]["200"]), "definitions": loosened(web["definitions"])})


def loosened(node: Any) -> Any:
    """Say in JSON Schema what these descriptions mean: a list under `items` of an object are alternatives.

    Members that came after 2021 are let through; what was there then is held to its type.
    """
    if isinstance(node, list):
        return [loosened(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {key: loosened(value) for key, value in node.items() if key not in ("additionalProperties", "uniqueItems", "format")}
    if isinstance(node.get("items"), list):
        found = {"anyOf": found["items"]}
    return found


def problems(validator: Draft7Validator, body: object) -> list[str]:
    """Return what is wrong with a body, one line each."""
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in validator.iter_errors(body)]


def like(sample: Any, given: Any, at: str = "") -> list[str]:
    """Return which members of one of the vendor's samples a payload lacks, or has of another type.

    Enterprise Grid's members, what Slack sends no more, and the sample's own inputs (`values`) are not missed.
    """
    gone = {"values", "enterprise", "enterprise_id", "enterprise_name", "authed_users", "icons", "is_cleared"}
    if isinstance(sample, dict) and isinstance(given, dict):
        missing = [f"{at}/{key} is missing" for key in sample if key not in given and key not in gone]
        return missing + [one for key in sample if key in given and key not in gone for one in like(sample[key], given[key], f"{at}/{key}")]
    if isinstance(sample, list) and isinstance(given, list):
        return like(sample[0], given[0], f"{at}/0") if sample and given else []
    return [] if sample is None or given is None or type(sample) is type(given) else [f"{at}: {type(given).__name__}, not {type(sample).__name__}"]


def sample(name: str) -> dict[str, Any]:
    """Return one of the vendor's samples."""
    loaded: dict[str, Any] = json.loads((PAYLOADS / "bolt-python" / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


@dataclass
class Receiver:
    """An App's request URL: keeps what came, and answers as it is told; the last answer stays."""

    url: str
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Serve a receiver on a free port; `hold.clear()` has it keep back its answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            found.hold.wait(10)
            status, headers, text = found.answers.pop(0) if len(found.answers) > 1 else (found.answers or [(200, {}, "")])[0]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_args: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Receiver(f"http://127.0.0.1:{server.server_address[1]}/slack/events")
    found.hold.set()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.hold.set()
        server.shutdown()
        thread.join(5)
        server.server_close()


def event_names(emulator: SlackEmulator) -> list[str]:
    """Return what the App was told, once all of it has been, each with its subtype."""
    return [
        ".".join(filter(None, [one.name, one.payload.get("event", {}).get("subtype")])) for one in emulator.wait_for_deliveries()
    ]


def is_ts(text: str) -> bool:
    """Whether a text is a message's timestamp."""
    return re.fullmatch(r"\d{10}\.\d{6}", text) is not None
