"""OAuth: an admin installs the app as itself, tokens last a day, refresh tokens are good once."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from app.emulators.linear import LinearEmulator, serve
from app.emulators.linear.grants import Refused, challenge_of
from tests.app.emulators.github.github_kit import SettableClock
from tests.app.emulators.linear.linear_kit import GraphQL, seed

CLIENT = {"client_id": "emulated-linear-client", "client_secret": "emulated-linear-client-secret"}
BACK = "http://127.0.0.1:1/oauth/linear"
SCOPES = "read,write,app:assignable,app:mentionable"


@pytest.fixture
def linear(clock: SettableClock) -> Any:
    fresh = seed()
    with LinearEmulator(fresh.model_copy(update={"app": fresh.app.model_copy(update={"installed": False})}), now=clock) as emulator, serve(emulator):
        yield emulator


def url(linear: LinearEmulator, **changes: str) -> str:
    asked = {"client_id": CLIENT["client_id"], "redirect_uri": BACK, "response_type": "code", "scope": SCOPES, "actor": "app", "state": "s-1", **changes}
    return f"{linear.url}/oauth/authorize?{urlencode(asked)}"


def token(linear: LinearEmulator, status: int, **form: str) -> dict[str, Any]:
    answer = httpx.post(f"{linear.url}/oauth/token", data={**CLIENT, **form}, trust_env=False)
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


def code(linear: LinearEmulator, person: str = "ada", **changes: str) -> str:
    back = linear.person(person).authorize(url(linear, **changes))
    assert back.startswith(f"{BACK}?")
    given = dict(parse_qsl(urlsplit(back).query))
    assert given["state"] == "s-1"
    return given["code"]


def exchange(linear: LinearEmulator, status: int = 200, **form: str) -> dict[str, Any]:
    return token(linear, status, **{"grant_type": "authorization_code", "redirect_uri": BACK, **form})


def works(linear: LinearEmulator, access_token: str) -> bool:
    answer = GraphQL(linear, f"Bearer {access_token}").client.post("/graphql", json={"query": "{ viewer { app } }"})
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


def test_an_admin_installs_the_app_which_then_acts_as_itself(linear: LinearEmulator, clock: SettableClock) -> None:
    got = exchange(linear, code=code(linear))
    assert got["token_type"] == "Bearer"
    assert got["expires_in"] == 86_399
    assert set(got["scope"].split()) == set(SCOPES.split(","))
    api = GraphQL(linear, f"Bearer {got['access_token']}")
    assert api.data("{ viewer { app displayName isAssignable isMentionable supportsAgentSessions } }")["viewer"] == {
        "app": True, "displayName": "bellhop", "isAssignable": True, "isMentionable": True, "supportsAgentSessions": True,
    }
    clock.advance(86_399)
    assert not works(linear, got["access_token"])


def test_a_refresh_token_is_good_once(linear: LinearEmulator, clock: SettableClock) -> None:
    first = exchange(linear, code=code(linear))
    clock.advance(90_000)
    second = token(linear, 200, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert works(linear, second["access_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert token(linear, 400, grant_type="refresh_token", refresh_token=first["refresh_token"])["error"] == "invalid_grant"
    assert works(linear, second["access_token"])
    third = token(linear, 200, grant_type="refresh_token", refresh_token=second["refresh_token"])
    assert (works(linear, second["access_token"]), works(linear, third["access_token"])) == (False, True)
    assert token(linear, 400, grant_type="refresh_token", refresh_token="lin_refresh_unknown")["error"] == "invalid_grant"


def test_a_code_is_good_once_for_ten_minutes_and_one_redirect(linear: LinearEmulator, clock: SettableClock) -> None:
    used = code(linear)
    exchange(linear, code=used)
    late, elsewhere = code(linear), code(linear)
    assert exchange(linear, 400, code=used)["error"] == "invalid_grant"
    assert exchange(linear, 400, code=elsewhere, redirect_uri="http://127.0.0.1:1/other")["error"] == "invalid_grant"
    clock.advance(600)
    assert exchange(linear, 400, code=late)["error"] == "invalid_grant"
    assert exchange(linear, 400, code="unknown")["error"] == "invalid_grant"
    assert token(linear, 401, grant_type="authorization_code", code=code(linear), redirect_uri=BACK, client_secret="wrong")["error"] == "invalid_client"
    assert token(linear, 400, grant_type="password")["error"] == "unsupported_grant_type"
    json = httpx.post(f"{linear.url}/oauth/token", json={**CLIENT, "grant_type": "client_credentials"}, trust_env=False)
    assert json.status_code == 400


def test_a_code_with_a_challenge_needs_its_verifier(linear: LinearEmulator) -> None:
    asked = {"code_challenge": challenge_of("v" * 43), "code_challenge_method": "S256"}
    assert exchange(linear, 400, code=code(linear, **asked))["error"] == "invalid_grant"
    assert exchange(linear, 400, code=code(linear, **asked), code_verifier="w" * 43)["error"] == "invalid_grant"
    exchange(linear, code=code(linear, **asked), code_verifier="v" * 43)


@pytest.mark.parametrize("changes", [
    {"scope": "read,admin"}, {"scope": "read,sudo"}, {"client_id": "other"}, {"redirect_uri": "http://evil.example/"},
    {"response_type": "token"}, {"actor": "application"}, {"actor": "user"}, {"code_challenge": "x", "code_challenge_method": "plain"},
], ids=str)
def test_an_authorization_that_linear_does_not_take_is_refused(linear: LinearEmulator, changes: dict[str, str]) -> None:
    with pytest.raises(Refused):
        linear.person("ada").authorize(url(linear, **changes))
    assert httpx.get(url(linear, **changes), trust_env=False).status_code == 400


def test_only_an_admin_installs_an_app_as_itself(linear: LinearEmulator) -> None:
    back = linear.person("bob").authorize(url(linear))
    assert dict(parse_qsl(urlsplit(back).query))["error"] == "access_denied"
    as_bob = exchange(linear, code=code(linear, "bob", actor="user", scope="read"))
    assert GraphQL(linear, f"Bearer {as_bob['access_token']}").data("{ viewer { displayName app } }")["viewer"] == {"displayName": "bob", "app": False}


def test_the_page_has_a_button_for_each_person(linear: LinearEmulator) -> None:
    page = httpx.get(url(linear), trust_env=False)
    assert page.status_code == 200
    assert 'value="ada"' in page.text
    back = httpx.post(url(linear), data={"person": "ada"}, trust_env=False)
    assert back.status_code == 302
    given = dict(parse_qsl(urlsplit(back.headers["location"]).query))
    assert works(linear, exchange(linear, code=given["code"])["access_token"])
    assert httpx.post(url(linear), data={"person": "nobody"}, trust_env=False).status_code == 400


def test_client_credentials_last_thirty_days_without_a_refresh_token(linear: LinearEmulator, clock: SettableClock) -> None:
    got = token(linear, 200, grant_type="client_credentials", scope="read write")
    assert "refresh_token" not in got
    clock.advance(29 * 86_400)
    assert works(linear, got["access_token"])
    clock.advance(86_400)
    assert not works(linear, got["access_token"])
    linear.world.client.client_credentials = False
    assert token(linear, 400, grant_type="client_credentials")["error"] == "unauthorized_client"


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_a_revoked_token_takes_the_other_of_its_pair_along(linear: LinearEmulator, which: str) -> None:
    got = exchange(linear, code=code(linear))
    assert httpx.post(f"{linear.url}/oauth/revoke", data={"token": got[which]}, trust_env=False).status_code == 200
    assert not works(linear, got["access_token"])
    assert token(linear, 400, grant_type="refresh_token", refresh_token=got["refresh_token"])["error"] == "invalid_grant"
    assert httpx.post(f"{linear.url}/oauth/revoke", data={"token": got[which]}, trust_env=False).status_code == 400


def test_an_app_that_was_removed_has_no_tokens_until_it_is_installed_again(linear: LinearEmulator) -> None:
    got = exchange(linear, code=code(linear))
    linear.revoke_app()
    assert not works(linear, got["access_token"])
    assert token(linear, 400, grant_type="refresh_token", refresh_token=got["refresh_token"])["error"] == "invalid_grant"
    again = exchange(linear, code=code(linear))
    assert (works(linear, got["access_token"]), works(linear, again["access_token"])) == (False, True)
