"""Redaction (T63): exact values in the forms they travel in, and the known shapes of secrets."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.words.redact import MASK, redact

NEW_STYLE = "ghs_" + "12345_eyJhbGciOi" + "Aa0-_." * 83 + "xx"
SECRET = "c4n4ry/Value+9=7"


@pytest.mark.parametrize("secret", [
    NEW_STYLE, "ghs_" + "a" * 36, "ghp_" + "a" * 36, "gho_" + "b" * 36, "github_pat_" + "A1_" * 27,
    "sk-ant-api03-" + "x" * 90, "sk-" + "y" * 48, "sk-proj-" + "z_-" * 20,
    base64.b64encode(f"x-access-token:{NEW_STYLE}".encode()).decode(),
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nMIIE",
])
def test_t63_known_shapes_go_whole(secret: str) -> None:
    assert redact(f"before {secret} after").startswith(f"before {MASK}")
    assert redact(f"before {secret}\n") in (f"before {MASK}\n", f"before {MASK}")


def test_the_new_installation_token_has_520_characters_and_leaves_no_tail() -> None:
    assert len(NEW_STYLE) == 520
    assert redact(f"token={NEW_STYLE}, next") == f"token={MASK}, next"


@pytest.mark.parametrize("form", [
    SECRET, SECRET[::-1], SECRET.encode().hex(), SECRET.encode().hex().upper(), quote(SECRET, safe=""),
])
def test_t63_exact_values_go_in_every_form(form: str) -> None:
    assert redact(f"<{form}>", [SECRET]) == f"<{MASK}>"


@given(st.binary(max_size=7), st.binary(max_size=7), st.booleans())
def test_t63_base64_of_a_longer_text_does_not_carry_the_value(before: bytes, after: bytes, url: bool) -> None:
    encode = base64.urlsafe_b64encode if url else base64.b64encode
    told = redact(encode(before + SECRET.encode() + after).decode(), [SECRET])
    assert MASK in told
    assert len(told.replace(MASK, "")) <= len(encode(before + after)) + 8


def test_ordinary_text_stays() -> None:
    text = "sk-8 ghs_short the task-runner-of-the-project-is-long x-access-token: see docs"
    assert redact(text, ["short", ""]) == text


@given(st.text(), st.lists(st.text(max_size=30), max_size=3))
def test_no_exact_value_survives(text: str, secrets: list[str]) -> None:
    told = redact(text + "".join(secrets), secrets)
    assert all(secret not in told.replace(MASK, "") or len(secret) < 8 for secret in secrets)
