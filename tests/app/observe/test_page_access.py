"""Who may see the pages, and what anybody else gets."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import update

from app.ledger.database import Database
from app.ledger.tables import page_keys as page_key_rows
from tests.app.observe.scene_runs import link, started, visitor, web

GUARDED = ("/", "/metrics", "/events", "/api/events", "/runs/{run}", "/runs/{run}/live", "/api/runs", "/api/runs/{run}", "/api/runs/{run}/credentials", "/runs/nosuchrun222", "/api/runs/nosuchrun222")


@pytest.mark.parametrize("path", GUARDED)
def test_t71_without_a_session_nothing_is_shown_and_the_way_to_one_is(path: str, stranger: httpx.Client, database: Database) -> None:
    run_id, _ = started(database)
    answer = stranger.get(path.format(run=run_id))
    assert answer.status_code == 401
    assert "bellhop link" in answer.text
    assert "cent" not in answer.text


@pytest.mark.parametrize("cookie", ["", "x", "a" * 5000, "' OR 1=1 --", "\x80\xff"])
def test_a_made_up_session_is_none(cookie: str, stranger: httpx.Client) -> None:
    answer = stranger.get("/", headers=[(b"Cookie", f"bellhop_session={cookie}".encode("latin-1"))])
    assert answer.status_code == 401


def test_a_link_opens_one_session_once(stranger: httpx.Client, database: Database) -> None:
    key = link(database)
    assert stranger.get("/").status_code == 401
    opened = stranger.post("/enter", data={"key": key})
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    cookie = opened.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie
    assert key not in cookie
    assert "Secure" not in cookie
    assert stranger.get("/").status_code == 200
    stranger.cookies.clear()
    again = stranger.post("/enter", data={"key": key})
    assert again.status_code == 401
    assert "bellhop link" in again.text
    assert "set-cookie" not in again.headers


def test_a_link_is_not_a_session_and_a_session_is_not_a_link(stranger: httpx.Client, database: Database) -> None:
    key = link(database)
    assert stranger.get("/", headers={"Cookie": f"bellhop_session={key}"}).status_code == 401
    session = stranger.post("/enter", data={"key": key}).cookies["bellhop_session"]
    stranger.cookies.clear()
    assert stranger.post("/enter", data={"key": session}).status_code == 401


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_at_a_link_does_not_spend_it(method: str, stranger: httpx.Client, database: Database) -> None:
    """Chats, mail scanners and browsers fetch links before anybody follows them."""
    key = link(database)
    for _ in range(3):
        seen = stranger.request(method, f"/enter?key={key}")
        assert seen.status_code == 200
        assert "set-cookie" not in seen.headers
        assert seen.headers["referrer-policy"] == "no-referrer"
        assert seen.headers["cache-control"] == "no-store"
    assert stranger.post("/enter", data={"key": key}).status_code == 303


def test_an_expired_link_and_an_expired_session_open_nothing(stranger: httpx.Client, database: Database) -> None:
    key = link(database)
    with database.begin() as tx:
        tx.execute(update(page_key_rows).values(expires_at_ms=1))
    assert stranger.post("/enter", data={"key": key}).status_code == 401
    assert stranger.post("/enter", data={"key": link(database)}).status_code == 303
    assert stranger.get("/").status_code == 200
    with database.begin() as tx:
        tx.execute(update(page_key_rows).values(expires_at_ms=1))
    assert stranger.get("/").status_code == 401


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_t71_another_site_cannot_post_a_link(site: str, stranger: httpx.Client, database: Database) -> None:
    key = link(database)
    refused = stranger.post("/enter", data={"key": key}, headers={"Sec-Fetch-Site": site})
    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers
    assert stranger.post("/enter", data={"key": key}, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


@pytest.mark.parametrize("body", [b"", b"key=", b"nothing", b"key=" + b"x" * 100_000, b"\xff\xfe", b"key=%FF%00"])
def test_a_malformed_form_opens_nothing(body: bytes, stranger: httpx.Client) -> None:
    answer = stranger.post("/enter", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 401


def test_behind_tls_the_cookie_is_for_tls_only(database: Database) -> None:
    with web(database, public_url="https://bellhop.test") as url, httpx.Client(base_url=url, trust_env=False) as client:
        assert "Secure" in client.post("/enter", data={"key": link(database)}).headers["set-cookie"]


def test_who_follows_a_link_from_another_site_is_sent_round_once(stranger: httpx.Client, database: Database) -> None:
    """A browser sends no SameSite=Strict cookie then; from a page of ours it does."""
    run_id, _ = started(database)
    clicked = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    first = stranger.get(f"/runs/{run_id}", headers=clicked)
    assert first.status_code == 401
    assert 'content="0;url=?"' in first.text
    second = stranger.get(f"/runs/{run_id}?", headers=clicked | {"Sec-Fetch-Site": "same-origin"})
    assert "bellhop link" in second.text
    embedded = stranger.get(f"/runs/{run_id}", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"})
    assert "bellhop link" in embedded.text


def test_health_is_open_and_says_nothing_else(stranger: httpx.Client) -> None:
    answer = stranger.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert "server" not in answer.headers


def test_assets_are_open_and_nothing_beside_them(stranger: httpx.Client) -> None:
    assert stranger.get("/assets/bellhop.css").headers["content-type"].startswith("text/css")
    assert stranger.get("/assets/live.js").headers["content-type"].startswith("text/javascript")
    assert stranger.get("/assets/bellhop.svg").status_code == 200
    for name in ("run.html.j2", "..%2f..%2fpyproject.toml", "%2e%2e/base.html.j2", "nothing", ""):
        assert stranger.get(f"/assets/{name}").status_code == 404


def test_every_answer_carries_the_strict_headers(stranger: httpx.Client, visitor: httpx.Client, database: Database) -> None:
    run_id, _ = started(database)
    answers = [stranger.get(path) for path in ("/", "/nowhere", "/enter", "/health", "/assets/live.js", "/runs/x/")]
    answers += [visitor.get(path) for path in ("/", "/events", "/api/events", f"/runs/{run_id}", "/runs/nosuchrun222", "/api/runs", f"/api/runs/{run_id}")]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_host_header_is_nowhere_repeated(stranger: httpx.Client, visitor: httpx.Client) -> None:
    for path in ("/", "/runs/", "/nowhere/", "/enter", "/assets/"):
        for client in (stranger, visitor):
            answer = client.get(path, headers={"Host": "evil.test"})
            assert "evil.test" not in answer.text
            assert "location" not in answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_t71_no_page_changes_anything(method: str, visitor: httpx.Client, database: Database) -> None:
    run_id, _ = started(database)
    for path in ("/", f"/runs/{run_id}", f"/runs/{run_id}/live", "/api/runs", f"/api/runs/{run_id}"):
        assert visitor.request(method, path).status_code == 405


def test_a_database_that_is_gone_is_said_so(visitor: httpx.Client, database: Database) -> None:
    with database.begin() as tx:
        page_key_rows.drop(tx)
    answer = visitor.get("/")
    assert answer.status_code == 503
    assert "sqlite" not in answer.text.lower()


def test_many_visitors_have_sessions_of_their_own(url: str, database: Database) -> None:
    with visitor(url, database) as one, visitor(url, database) as other:
        assert one.cookies["bellhop_session"] != other.cookies["bellhop_session"]
        assert one.get("/").status_code == other.get("/").status_code == 200
