"""Signing in with GitHub, over HTTP, against the emulated one."""

from __future__ import annotations

import base64
import json
import threading
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import jwt
import pytest
from pydantic import SecretStr
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.core.account import Account
from app.emulators.github.faults import Fault
from app.errors import ConfigurationError
from app.ledger import links
from app.ledger.database import Database
from app.ledger.tables import signins as session_rows
from app.main import make_app
from app.observe.signin.cookies import Cookies
from app.observe.signin.own_path import own_path
from app.observe.signin.signer import Signer
from app.settings import Settings
from tests.app.emulators.github.browser import Browser
from tests.app.observe.scene_runs import NoWakeup, visitor, web
from tests.app.observe.signin.signin_scene import SECRET, Scene

HTML = {"Accept": "text/html"}
COOKIE = "bellhop_person"


def callback(scene: Scene, browser: Browser) -> str:
    """The address with which GitHub sends this browser back, not opened yet."""
    back = f"{scene.url}/signin/callback"
    return browser.open(f"{scene.url}/signin", until=back).way[-1]


def signed_in(scene: Scene, browser: Browser) -> httpx.Response:
    return browser.open(f"{scene.url}/signin").answer


def test_t71_who_has_signed_in_sees_the_runs_they_may_read_and_nothing_else(scene: Scene) -> None:
    with scene.browser("bob") as bob:
        page = signed_in(scene, bob)
        assert page.status_code == 200
        assert "Run in octo/hello" in page.text
        # Not the private one, which bob may not read; not the public one, which anybody may.
        assert "octo/secret" not in page.text
        assert "octo/open" not in page.text
        assert [each["thread"] for each in bob.http.get(f"{scene.url}/api/runs").json()] == ["github:octo/hello#1"]
        for name, run_id in scene.runs.items():
            for path in (f"/runs/{run_id}", f"/api/runs/{run_id}", f"/api/runs/{run_id}/credentials"):
                assert bob.http.get(scene.url + path).status_code == (200 if name == "octo/hello" else 404)
            if name != "octo/hello":
                assert bob.http.get(f"{scene.url}/runs/{run_id}/live").status_code == 404
                assert bob.http.get(f"{scene.url}/runs/{run_id}").text == bob.http.get(f"{scene.url}/runs/nosuchrun222").text
        for path in ("/events", "/api/events"):
            assert bob.http.get(scene.url + path).status_code == 403
        assert bob.http.get(f"{scene.url}/metrics").status_code == 401
    with scene.browser("mallory") as mallory:
        assert "No run yet" in signed_in(scene, mallory).text
        assert mallory.http.get(f"{scene.url}/runs/{scene.runs['octo/open']}").status_code == 404


def test_t71_what_github_said_counts_for_a_short_time_and_is_then_asked_anew(scene: Scene) -> None:
    run = f"{scene.url}/runs/{scene.runs['octo/hello']}"
    with scene.browser("bob") as bob:
        signed_in(scene, bob)
        scene.github.set_role("octo/hello", "bob", "none")
        assert bob.http.get(run).status_code == 200
        with scene.database.begin() as tx:
            tx.execute(update(session_rows).values(expires_at_ms=1))
        assert bob.http.get(run, headers={"Accept": "text/event-stream"}).status_code == 401
        # A page is opened by way of GitHub, without a question to the person.
        seen = bob.open(run)
        assert seen.answer.status_code == 404
        assert seen.way[-1] == run
        assert any(each.startswith(f"{scene.github.web_url}/login/oauth/authorize") for each in seen.way)


def test_the_persons_token_is_used_once_and_taken_back(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    with scene.browser("alice") as alice:
        signed_in(scene, alice)
        assert scene.github.world.authorizations.issued == 1
        assert scene.github.user_tokens() == []
    with scene.database.read() as tx:
        kept = repr(tx.execute(select(session_rows)).all())
    assert "ghu_" not in kept + capfd.readouterr().err


def test_a_token_that_cannot_be_taken_back_keeps_nobody_out_and_is_on_no_record(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    scene.github.fault(Fault(method="DELETE", path="/applications/", status=500))
    with scene.browser("alice") as alice:
        assert "Run in octo/hello" in signed_in(scene, alice).text
    said = capfd.readouterr()
    assert "signin_token_not_revoked" in said.err + said.out
    assert "ghu_" not in said.err + said.out


def test_the_session_cookie_is_signed_closed_to_scripts_and_says_who(scene: Scene) -> None:
    with scene.browser("alice") as alice:
        set_cookie = alice.http.get(callback(scene, alice), headers=HTML).headers.get_list("set-cookie")
        [mine] = [each for each in set_cookie if each.startswith(f"{COOKIE}=")]
        assert "HttpOnly" in mine
        assert "SameSite=lax" in mine
        assert "Max-Age=28800" in mine
        assert "Secure" not in mine
        said = json.loads(base64.urlsafe_b64decode(mine.split(".")[1] + "=="))
        assert (said["sub"], said["login"], said["aud"]) == ("101", "alice", "session")
        assert any(each.startswith('bellhop_signin=""') for each in set_cookie)


def test_behind_tls_the_cookies_are_for_tls_and_for_this_very_host(scene: Scene) -> None:
    app_settings = Settings(public_url="https://bellhop.test", github_client_id="Iv1", github_client_secret=SECRET)
    with TestClient(make_app(app_settings, scene.database, NoWakeup(), {}), base_url="https://evil.test") as client:
        answer = client.get("/signin", follow_redirects=False)
    assert answer.headers["set-cookie"].startswith("__Host-bellhop_signin=")
    assert "Secure" in answer.headers["set-cookie"]
    # Wherever a Host header points, GitHub sends people back to our own address.
    assert parse_qs(urlsplit(answer.headers["location"]).query)["redirect_uri"] == ["https://bellhop.test/signin/callback"]


def test_t71_a_forged_an_old_and_another_purposes_cookie_are_none(scene: Scene) -> None:
    with scene.browser("alice") as alice:
        signed_in(scene, alice)
        good = alice.http.cookies[COOKIE]
        key = jwt.decode(good, options={"verify_signature": False})["key"]
    head, body, signature = good.split(".")
    claims = {"sub": "101", "login": "alice", "key": key, "aud": "session", "exp": 4_000_000_000}
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    ours = Signer(SECRET)
    for cookie in (
        f"{head}.{body}.{signature[:-4]}AAAA", f"{none}.{body}.", f"{head}.{body}.", jwt.encode(claims, "k" * 32, "HS256"), jwt.encode(claims, SECRET.ljust(32, "\0"), "HS256"),
        ours.sign("signin", 600, sub="101", login="alice", key=key), ours.sign("session", -1, sub="101", login="alice", key=key),
        ours.sign("session", 600, sub="102", login="bob", key=key), ours.sign("session", 600, sub="101", login="alice", key="made-up"), "x" * 5000,
    ):
        assert httpx.get(f"{scene.url}/", headers={"Cookie": f"{COOKIE}={cookie}"}, trust_env=False).status_code == 401
    assert httpx.get(f"{scene.url}/", headers={"Cookie": f"{COOKIE}={good}"}, trust_env=False).status_code == 200


def test_t71_an_answer_counts_once_and_only_in_the_browser_that_asked(scene: Scene) -> None:
    with scene.browser("mallory") as mallory, scene.browser("alice") as alice:
        theirs = callback(scene, mallory)
        # Somebody else's answer, opened by a victim: the victim would be signed in as them.
        for before in ("nothing", "a request of her own"):
            if before != "nothing":
                alice.http.get(f"{scene.url}/signin")
            refused = alice.http.get(theirs)
            assert refused.status_code == 403
            assert "did not ask" in refused.text
            assert f"{COOKIE}=" not in refused.headers.get("set-cookie", "")
        assert len(scene.github.world.authorizations.codes) == 1
        cookies = dict(mallory.http.cookies)
        assert mallory.http.get(theirs).status_code == 303
        again = httpx.get(theirs, headers={"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}, trust_env=False)
        assert again.status_code == 403
        assert "already" in again.text
    for wrong in ("", "?code=x", "?state=&code=x", "?state=made-up&code=x"):
        assert httpx.get(f"{scene.url}/signin/callback{wrong}", trust_env=False).status_code == 403


def test_t71_a_session_that_was_there_before_is_not_the_one_after(scene: Scene) -> None:
    """Fixation: whoever puts their own cookie into a victim's browser learns nothing, and their session ends there."""
    with scene.browser("mallory") as mallory:
        signed_in(scene, mallory)
        planted = mallory.http.cookies[COOKIE]
    with scene.browser("alice") as alice:
        alice.http.cookies.set(COOKIE, planted, domain="127.0.0.1", path="/")
        answer = alice.http.get(callback(scene, alice))
        now = answer.cookies[COOKIE]
        assert now != planted
    assert httpx.get(f"{scene.url}/", headers={"Cookie": f"{COOKIE}={planted}"}, trust_env=False).status_code == 401
    assert "Run in octo/hello" in httpx.get(f"{scene.url}/", headers={"Cookie": f"{COOKIE}={now}"}, trust_env=False).text


def test_who_says_no_at_github_is_not_signed_in(scene: Scene) -> None:
    with scene.browser("bob") as bob:
        refused = bob.open(f"{scene.url}/signin", consent=False).answer
        assert (refused.status_code, COOKIE in bob.http.cookies) == (403, False)
        assert "denied" not in refused.text


@pytest.mark.parametrize(("method", "path", "status", "comes_to"), [
    ("POST", "/login/oauth/access_token", 500, 502), ("GET", "/user", 401, 502), ("GET", "/user/installations", 502, 502),
])
def test_a_github_that_fails_signs_nobody_in(scene: Scene, method: str, path: str, status: int, comes_to: int) -> None:
    scene.github.fault(Fault(method=method, path=path, status=status))
    with scene.browser("alice") as alice:
        assert signed_in(scene, alice).status_code == comes_to
        assert COOKIE not in alice.http.cookies
        assert scene.github.user_tokens() == []


def test_a_code_that_github_does_not_know_signs_nobody_in(scene: Scene) -> None:
    with scene.browser("alice") as alice:
        address = callback(scene, alice)
        scene.github.world.authorizations.codes.clear()
        answer = alice.http.get(address)
        assert answer.status_code == 403
        assert "bad_verification_code" in answer.text


def test_signing_out_ends_the_session_wherever_its_cookie_went(scene: Scene) -> None:
    with scene.browser("alice") as alice:
        signed_in(scene, alice)
        cookie = alice.http.cookies[COOKIE]
        assert alice.http.post(f"{scene.url}/signout", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        assert alice.http.get(f"{scene.url}/").status_code == 200
        assert alice.http.get(f"{scene.url}/signout").status_code == 405
        assert "signed out" in alice.http.post(f"{scene.url}/signout").text
        assert COOKIE not in alice.http.cookies
    assert httpx.get(f"{scene.url}/", headers={"Cookie": f"{COOKIE}={cookie}"}, trust_env=False).status_code == 401


@pytest.mark.parametrize("onward", [
    "https://evil.test/", "//evil.test/", "/\\evil.test", "\\\\evil.test", "/\t/evil.test", "javascript:alert(1)", "runs", "", "/x\r\nSet-Cookie: a=b", "/" + "x" * 600, "/caf\u00e9", "http:evil",
])
def test_t71_nobody_is_sent_on_to_another_site(onward: str) -> None:
    assert own_path(onward) == "/"


def test_who_has_signed_in_goes_on_to_where_they_were(scene: Scene) -> None:
    run = f"/runs/{scene.runs['octo/hello']}?before=3"
    with scene.browser("alice") as alice:
        refused = alice.http.get(scene.url + run, headers=HTML)
        assert refused.status_code == 401
        assert f'href="/signin?next={quote(run, safe="")}"' in refused.text
        assert alice.open(f"{scene.url}/signin?next={quote(run, safe='')}").way[-1] == scene.url + run
        alice.http.cookies.clear()
    with scene.browser("alice") as alice:
        assert alice.open(f"{scene.url}/signin?next=//evil.test").way[-1] == f"{scene.url}/"


def test_pkce_binds_the_code_to_what_neither_browser_nor_ledger_holds(scene: Scene) -> None:
    with scene.browser("alice") as alice:
        left = alice.http.get(f"{scene.url}/signin")
        asked = parse_qs(urlsplit(left.headers["location"]).query)
        assert asked["code_challenge_method"] == ["S256"]
        verifier = Signer(SECRET).tag("pkce", asked["state"][0])
        assert verifier not in repr(dict(alice.http.cookies)) + left.headers["location"]
        assert len(verifier) == 43


def test_t71_a_session_of_one_opens_no_page_of_the_operators_and_an_operators_all(scene: Scene, database: Database) -> None:
    with visitor(scene.url, database) as operator:
        text = operator.get("/").text
        assert all(f"Run in {name}" in text for name in scene.runs)
        assert operator.get("/events").status_code == 200


def test_t17_a_login_that_has_changed_is_known_from_the_next_sign_in_on(scene: Scene, database: Database) -> None:
    account = Account(source="slack", workspace="T1", id="U1")
    with database.begin() as tx:
        links.link(tx, account, 101, "alice", "operator")
    scene.github.rename_user("alice", "alice-at-work")
    with scene.browser("alice-at-work") as alice:
        assert signed_in(scene, alice).status_code == 200
    with database.read() as tx:
        found = links.of(tx, account)
    assert found is not None
    assert (found.github_id, found.login) == (101, "alice-at-work")


def test_without_a_client_nobody_signs_in_and_the_pages_say_so(database: Database) -> None:
    with web(database) as url:
        refused = httpx.get(f"{url}/", headers=HTML, trust_env=False)
        assert "BELLHOP_GITHUB_CLIENT_ID is not set" in refused.text
        for path in ("/signin", "/signin/callback", "/link"):
            answer = httpx.get(url + path, trust_env=False)
            assert answer.status_code == 404
            assert "Nobody signs in" in answer.text


def test_without_a_client_a_link_says_who_can_link_the_account_that_it_was_sent_to(database: Database) -> None:
    with database.begin() as tx:
        token = links.link_token(tx, Account(source="slack", workspace="T1", id="U1", name="<b>ann</b>"), "{}")
    with web(database) as url:
        answer = httpx.get(f"{url}/link", params={"token": token}, trust_env=False)
        assert "bellhop identity link slack T1/U1 YOUR-GITHUB-LOGIN" in answer.text
        assert "identity link" not in httpx.get(f"{url}/link", params={"token": f"{token}x"}, trust_env=False).text


@pytest.mark.parametrize("more", [{"github_client_secret": SecretStr("")}, {"github_client_id": ""}, {"public_url": ""}], ids=["no secret", "no id", "no address"])
def test_half_of_what_signing_in_needs_does_not_start(more: dict[str, object], database: Database) -> None:
    whole = Settings(public_url="https://bellhop.test", github_client_id="Iv1", github_client_secret=SECRET)
    with pytest.raises(ConfigurationError, match="BELLHOP_"):
        make_app(whole.model_copy(update=more), database, NoWakeup(), {})
    assert not [each for each in threading.enumerate() if each.name == "intake"]


def test_every_web_process_with_the_same_secret_knows_a_session_and_no_other() -> None:
    one, other, key_of_its_own = Signer("a" * 32), Signer("a" * 32), Signer("b" * 32)
    token = one.sign("session", 60, sub="1")
    assert other.read("session", token)
    assert key_of_its_own.read("session", token) is None
    assert one.tag("csrf", "ab", "c") != one.tag("csrf", "a", "bc")
    assert Cookies(one, is_secure=True)
