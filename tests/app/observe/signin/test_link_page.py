"""Linking an account of Slack or Linear to whoever has signed in with GitHub."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import select, update

from app.core.account import Account
from app.ledger import links
from app.ledger.database import Database
from app.ledger.links import Link
from app.ledger.tables import audit, link_tokens
from tests.app.emulators.github.browser import Browser
from tests.app.observe.page_reader import Page
from tests.app.observe.signin.signin_scene import Scene

MALLORY = Account(source="slack", workspace="T1", id="U666", name="alice <b>@channel</b>")


def token(database: Database, account: Account = MALLORY) -> str:
    with database.begin() as tx:
        return links.link_token(tx, account, "slack:T1/D1/1.1")


def all_links(database: Database) -> list[Link]:
    with database.read() as tx:
        return links.everybody(tx)


def form(html: str, action: str = "/link") -> dict[str, str]:
    """What a browser posts from the page's form, without the box ticked."""
    return {
        each.attributes["name"]: each.attributes["value"] for each in Page(html[html.index(f'action="{action}"'):]).named("input")
        if each.attributes["type"] == "hidden"
    }


def opened(scene: Scene, browser: Browser, one: str) -> httpx.Response:
    """The page of a link token, after signing in by the way that it offers."""
    page = browser.http.get(f"{scene.url}/link?token={one}")
    [way] = [each.attributes["href"] for each in Page(page.text).named("a") if each.attributes["href"].startswith("/signin")]
    return browser.open(scene.url + way).answer


def post(scene: Scene, browser: Browser, given: dict[str, str], path: str = "/link", site: str = "same-origin") -> httpx.Response:
    return browser.http.post(scene.url + path, data=given, headers={"Sec-Fetch-Site": site})


def test_whoever_holds_the_token_signs_in_confirms_and_is_linked_once(scene: Scene, database: Database) -> None:
    one = token(database)
    with scene.browser("alice") as alice:
        page = opened(scene, alice, one)
        assert page.status_code == 200
        assert all_links(database) == []
        given = form(page.text) | {"mine": "yes"}
        done = post(scene, alice, given)
        assert (done.status_code, done.headers["location"]) == (303, "/link")
        [made] = all_links(database)
        assert (made.account.key, made.github_id, made.login, made.proof, made.asked_in) == (MALLORY.key, 101, "alice", "github-sign-in", "slack:T1/D1/1.1")
        again = post(scene, alice, given)
        assert (again.status_code, "used already" in again.text) == (410, True)
        assert alice.http.get(f"{scene.url}/link?token={one}").status_code == 410
    with database.read() as tx:
        assert links.untold(tx, "slack") == [made]
        assert [row.action for row in tx.execute(select(audit).where(audit.c.credential_id == "github-101"))] == ["link account"]


def test_t17_the_page_names_the_account_by_its_id_and_asks_for_more_than_a_click(scene: Scene, database: Database) -> None:
    """Somebody who opens a link of somebody else's would lend them their GitHub account: the page says whose it is, and nothing is linked unasked."""
    one = token(database)
    with scene.browser("alice") as alice:
        stranger = alice.http.get(f"{scene.url}/link?token={one}")
        page = opened(scene, alice, one)
        for seen in (stranger, page):
            words = Page(seen.text).named("main")[0].words
            assert "U666" in words
            assert "T1" in words
            assert "alice <b>@channel</b>" in words
            assert "<b>" not in seen.text
            assert "somebody else has sent you this link" in words
        assert "would act on GitHub as" in page.text
        unticked = post(scene, alice, form(page.text))
        assert "Nothing was linked" in unticked.text
        assert all_links(database) == []


@pytest.mark.parametrize("tampered", ["", "csrf", "token", "session", "site"])
def test_t71_a_link_is_confirmed_from_our_own_page_for_this_session_and_this_token_only(tampered: str, scene: Scene, database: Database) -> None:
    one, other = token(database), token(database, Account(source="linear", workspace="o", id="u"))
    with scene.browser("alice") as alice, scene.browser("mallory") as mallory:
        mallorys = form(opened(scene, mallory, one).text)
        given = form(opened(scene, alice, one).text) | {"mine": "yes"}
        if tampered == "csrf":
            given["csrf"] = "x" * 43
        if tampered == "token":
            given["token"] = other
        if tampered == "session":
            given["csrf"] = mallorys["csrf"]
        answer = post(scene, alice, given, site="cross-site" if tampered == "site" else "same-origin")
        assert answer.status_code == (403 if tampered else 303)
        assert len(all_links(database)) == (0 if tampered else 1)


def test_nobody_confirms_who_has_not_signed_in(scene: Scene, database: Database) -> None:
    one = token(database)
    assert httpx.post(f"{scene.url}/link", data={"token": one, "mine": "yes", "csrf": ""}, trust_env=False).status_code == 403
    assert httpx.get(f"{scene.url}/link", trust_env=False).headers["location"] == f"/signin?next={quote('/link', safe='')}"
    assert all_links(database) == []


@pytest.mark.parametrize("which", ["made up", "tampered", "too old", "replaced"])
def test_a_token_that_does_not_hold_says_so_plainly(which: str, scene: Scene, database: Database) -> None:
    one = token(database)
    if which == "too old":
        with database.begin() as tx:
            tx.execute(update(link_tokens).values(expires_at_ms=1))
    if which == "replaced":
        token(database)
    asked = {"made up": "x" * 43, "tampered": one[:-1] + ("A" if one[-1] != "A" else "B")}.get(which, one)
    with scene.browser("alice") as alice:
        alice.open(f"{scene.url}/signin")
        answer = alice.http.get(f"{scene.url}/link?token={asked}")
        assert (answer.status_code, "Ask Bellhop for a new one" in answer.text) == (410, True)


def test_a_link_that_expires_while_the_page_is_open_links_nothing(scene: Scene, database: Database) -> None:
    one = token(database)
    with scene.browser("alice") as alice:
        given = form(opened(scene, alice, one).text) | {"mine": "yes"}
        with database.begin() as tx:
            tx.execute(update(link_tokens).values(expires_at_ms=1))
        assert post(scene, alice, given).status_code == 410
        assert all_links(database) == []


def test_what_is_linked_is_shown_and_taken_away_by_whom_it_leads_to_and_nobody_else(scene: Scene, database: Database) -> None:
    with database.begin() as tx:
        links.link(tx, MALLORY, 101, "alice", "github-sign-in")
    with scene.browser("alice") as alice, scene.browser("bob") as bob:
        page = alice.open(f"{scene.url}/link").answer
        assert "U666" in page.text
        assert "U666" not in bob.open(f"{scene.url}/link").answer.text
        given = form(page.text, "/unlink")
        assert post(scene, bob, given, "/unlink").status_code == 403
        assert post(scene, alice, given | {"csrf": "x"}, "/unlink").status_code == 403
        assert post(scene, alice, given, "/unlink", site="cross-site").status_code == 403
        assert len(all_links(database)) == 1
        assert post(scene, alice, given, "/unlink").status_code == 303
        assert all_links(database) == []


def test_an_account_that_is_linked_elsewhere_is_said_so_before_it_is_replaced(scene: Scene, database: Database) -> None:
    with database.begin() as tx:
        links.link(tx, MALLORY, 102, "bob", "operator")
    with scene.browser("alice") as alice:
        page = opened(scene, alice, token(database))
        assert "acts now as" in page.text
        assert "id 102" in page.text
        post(scene, alice, form(page.text) | {"mine": "yes"})
    assert [each.github_id for each in all_links(database)] == [101]
