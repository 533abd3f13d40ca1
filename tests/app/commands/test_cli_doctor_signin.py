"""What `bellhop doctor` says of signing in with GitHub."""

from __future__ import annotations

from typing import Any

import pytest

from app.commands.doctor_signin import look_at_signin
from app.settings import Settings

WHOLE: dict[str, Any] = {"github_client_id": "Iv1", "github_client_secret": "a-client-secret", "public_url": "https://bellhop.test"}


@pytest.mark.parametrize(("changes", "verdict", "says"), [
    ({}, "ok", "https://bellhop.test/signin/callback"),
    ({"public_url": "http://127.0.0.1:8300"}, "ok", "/signin/callback"),
    ({"public_url": "http://localhost.evil.test"}, "missing", "without TLS"),
    ({"github_client_secret": ""}, "missing", "BELLHOP_GITHUB_CLIENT_SECRET"),
    ({"public_url": ""}, "missing", "BELLHOP_PUBLIC_URL"),
    ({"github_client_id": "", "github_client_secret": ""}, "off", "is not set"),
    ({"github_client_id": "", "github_client_secret": "", "broker_url": "redis://127.0.0.1"}, "off", "web has it"),
], ids=["all there", "this machine", "no TLS", "no secret", "no address", "off", "another process"])
def test_what_is_half_done_is_named_and_no_secret_is(changes: dict[str, Any], verdict: str, says: str) -> None:
    finding = look_at_signin(Settings(**(WHOLE | changes)))
    assert (finding.verdict, says in finding.what) == (verdict, True)
    assert "a-client-secret" not in repr(finding)
