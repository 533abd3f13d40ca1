"""What Slack and Linear send, as their own samples say it, each of another happening and signed as they sign it."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

PAYLOADS = Path(__file__).resolve().parent.parent / "tests" / "payloads"
_MENTION = json.loads((PAYLOADS / "slack" / "bolt-python" / "app_mention__test_app__app_mention_event_body.json").read_text())
_DELEGATED = json.loads((PAYLOADS / "linear" / "samples" / "AgentSessionEvent.created.json").read_text())
_NUMBERS = itertools.count(1)


class Door(NamedTuple):
    """One service's door: where it is, how long the service waits, and what makes its next whole HTTP/1.1 request to a port."""

    name: str
    patience_ms: float
    request: Callable[[int], bytes]


def slack(secret: bytes, team_id: str, bot_user_id: str) -> Door:
    """Return Slack's door: mentions of the bot, each a message of its own. https://docs.slack.dev/authentication/verifying-requests-from-slack"""

    def request(port: int) -> bytes:
        number = next(_NUMBERS)
        stamp = f"{1_700_000_000 + number}.000100"
        said = _MENTION["event"] | {
            "text": f"<@{bot_user_id}> mend the rounding in the till", "user": "U0BENCH", "ts": stamp, "event_ts": stamp, "team": team_id,
            "channel": f"C0BENCH{number % 50}",
        }
        body = _json(_MENTION | {"team_id": team_id, "enterprise_id": None, "event": said, "event_id": f"Ev{number:010}"})
        sent_at = str(int(time.time()))
        signature = hmac.new(secret, f"v0:{sent_at}:".encode() + body, hashlib.sha256).hexdigest()
        return _http(port, "slack", {"X-Slack-Request-Timestamp": sent_at, "X-Slack-Signature": f"v0={signature}"}, body)

    return Door("slack", 3000.0, request)


def linear(secret: bytes, issue_id: str) -> Door:
    """Return Linear's door: delegations of one issue, each a session of its own. https://linear.app/developers/webhooks"""

    def request(port: int) -> bytes:
        session = _DELEGATED["agentSession"]
        session = session | {"id": str(uuid.uuid4()), "issueId": issue_id, "issue": session["issue"] | {"id": issue_id}}
        body = _json(_DELEGATED | {"agentSession": session, "webhookTimestamp": int(time.time() * 1000)})
        signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
        return _http(port, "linear", {"Linear-Delivery": str(uuid.uuid4()), "Linear-Event": "AgentSessionEvent", "Linear-Signature": signature}, body)

    return Door("linear", 5000.0, request)


def _json(members: dict[str, Any]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()


def _http(port: int, name: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"POST /hooks/{name} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *(f"{key}: {value}" for key, value in headers.items())]).encode() + b"\r\n\r\n" + body
