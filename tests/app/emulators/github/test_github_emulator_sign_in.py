"""Signing in to the App, as strict as GitHub is."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from app.emulators.github import GitHubEmulator
from tests.app.emulators.github.browser import Browser
from tests.app.emulators.github.github_kit import INSTALLATION, SettableClock

BACK = "http://127.0.0.1:9/signin/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture
def alice(github: GitHubEmulator) -> Iterator[Browser]:
    github.set_callback_urls(BACK)
    with Browser(github, "alice") as browser:
        yield browser


def address(github: GitHubEmulator, **changes: str) -> str:
    asked = {
        "client_id": github.app.client_id, "redirect_uri": BACK, "state": "s1", "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | changes
    return f"{github.web_url}/login/oauth/authorize?{urlencode(asked)}"


def members(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def code(browser: Browser) -> str:
    return members(browser.open(address(browser.github), until=BACK).way[-1])["code"]


def exchanged(github: GitHubEmulator, **changes: str) -> dict[str, Any]:
    given = {
        "client_id": github.app.client_id, "client_secret": github.app.client_secret, "redirect_uri": BACK, "code_verifier": VERIFIER,
    } | changes
    answer = httpx.post(f"{github.web_url}/login/oauth/access_token", data=given, headers={"Accept": "application/json"}, trust_env=False)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def asked(github: GitHubEmulator, path: str, token: str) -> httpx.Response:
    return httpx.get(f"{github.api_url}{path}", headers={"Authorization": f"Bearer {token}"}, trust_env=False)


def test_a_person_consents_once_and_the_app_learns_who_they_are(alice: Browser) -> None:
    way = alice.open(address(alice.github), until=BACK).way
    assert members(way[-1])["state"] == "s1"
    token = exchanged(alice.github, code=members(way[-1])["code"])
    assert token["access_token"].startswith("ghu_")
    assert token["token_type"] == "bearer"
    assert asked(alice.github, "/user", token["access_token"]).json()["id"] == 101
    # The second time nobody is asked.
    assert alice.http.get(address(alice.github)).headers["location"].startswith(BACK)


def test_nobody_signed_in_is_asked_to_and_who_says_no_is_taken_back(github: GitHubEmulator) -> None:
    github.set_callback_urls(BACK)
    with Browser(github) as nobody:
        assert "Sign in to GitHub" in nobody.open(address(github)).answer.text
    with Browser(github, "bob") as bob:
        said = members(bob.open(address(github), until=BACK, consent=False).way[-1])
        assert (said["error"], said["state"]) == ("access_denied", "s1")
        assert "code" not in said


def test_a_code_works_once_for_whoever_asked_for_it_and_not_for_long(alice: Browser, clock: SettableClock) -> None:
    github, first = alice.github, code(alice)
    assert exchanged(github, code=first, client_secret="wrong")["error"] == "incorrect_client_credentials"
    assert "access_token" in exchanged(github, code=first)
    assert exchanged(github, code=first)["error"] == "bad_verification_code"
    assert exchanged(github, code=code(alice), code_verifier="x" * 43)["error"] == "bad_verification_code"
    assert exchanged(github, code=code(alice), redirect_uri="http://127.0.0.1:9/other")["error"] == "redirect_uri_mismatch"
    late = code(alice)
    clock.advance(601)
    assert exchanged(github, code=late)["error"] == "bad_verification_code"


def test_a_browser_goes_back_to_registered_addresses_only(alice: Browser) -> None:
    end = alice.open(address(alice.github, redirect_uri="https://evil.test/"), until=BACK).way[-1]
    assert members(end)["error"] == "redirect_uri_mismatch"
    assert alice.open(address(alice.github, client_id="Iv-other")).answer.status_code == 404
    assert alice.open(address(alice.github, code_challenge_method="plain")).answer.status_code == 404


def test_the_token_shows_what_both_the_app_and_the_person_have_and_nothing_else(alice: Browser) -> None:
    github = alice.github
    token = exchanged(github, code=code(alice))["access_token"]
    assert [each["id"] for each in asked(github, "/user/installations", token).json()["installations"]] == [INSTALLATION]
    found = asked(github, f"/user/installations/{INSTALLATION}/repositories", token).json()
    assert [(each["id"], each["permissions"]["pull"]) for each in found["repositories"]] == [(1001, True)]
    assert asked(github, "/repos/octo/hello", token).status_code == 403
    assert asked(github, "/user/installations", "ghp_alice").status_code == 403
    assert asked(github, "/user", "ghu_made_up").status_code == 401


def test_a_token_is_taken_back_with_the_apps_own_secret(alice: Browser) -> None:
    github = alice.github
    token = exchanged(github, code=code(alice))["access_token"]
    url = f"{github.api_url}/applications/{github.app.client_id}/token"

    def revoke(name: str, secret: str) -> int:
        return httpx.request("DELETE", url, auth=(name, secret), json={"access_token": token}, trust_env=False).status_code

    assert revoke(github.app.client_id, "wrong") == revoke("other", github.app.client_secret) == 401
    assert asked(github, "/user", token).status_code == 200
    assert revoke(github.app.client_id, github.app.client_secret) == 204
    assert asked(github, "/user", token).status_code == 401
    assert github.user_tokens() == []
    assert revoke(github.app.client_id, github.app.client_secret) == 422
