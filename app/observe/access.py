"""Who may see all of the pages: the holder of a session, opened by a one-time link that the operator prints; and what anybody else is told."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from app.ledger import page_keys
from app.ledger.database import Database

COOKIE = "bellhop_session"
NO_SESSION = (
    "This page needs a session. Run `bellhop link` on the machine that runs Bellhop and open what it prints.\n"
)
NO_SIGNIN = "Nobody signs in with GitHub here: BELLHOP_GITHUB_CLIENT_ID is not set.\n"
OPERATORS_ONLY = "This page tells of all repositories, so it needs a session that `bellhop link` has opened.\n"
SPENT = "This link was used already or is too old. Run `bellhop link` for a new one.\n"
ELSEWHERE = "A session is opened from Bellhop's own page only.\n"
FORM_LIMIT_BYTES = 1024

# Everything an agent wrote is shown as text; should some of it ever get through as markup, nothing runs or loads.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

# Shown to somebody who followed a link from another site, from where a browser does not send a SameSite=Strict
# cookie: from this page, which is ours, it does. Nothing that a visit could change hangs on that cookie.
_ONCE_MORE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Bellhop</title>'
    '<meta http-equiv="refresh" content="0;url=?"><p>One moment. <a href="?">Go on</a>'
)

_SIGN_IN = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Bellhop</title><link rel="stylesheet" href="/assets/bellhop.css">'
    '<main><h1>Bellhop</h1><p><a href="{way_in}">Sign in with GitHub</a></p><p class="quiet">{says}</p></main>'
)


async def may_see(request: Request, database: Database) -> bool:
    """Return whether the request carries a session."""
    key = request.cookies.get(COOKIE, "")
    if not key:
        return False

    def look() -> bool:
        with database.read() as tx:
            return page_keys.is_session(tx, key)

    return await run_in_threadpool(look)


def refused(request: Request, says: str = NO_SESSION, way_in: str = "") -> Response:
    """Return the answer to a request without a session; `way_in` is a path of ours where a person signs in.

    https://www.w3.org/TR/fetch-metadata/
    """
    seen = request.headers
    if seen.get("sec-fetch-site") in ("cross-site", "same-site") and seen.get("sec-fetch-mode") == "navigate":
        return HTMLResponse(_ONCE_MORE, status_code=401, headers=SECURITY_HEADERS)
    if way_in and "text/html" in seen.get("accept", ""):
        return HTMLResponse(_SIGN_IN.format(says=escape(says), way_in=escape(way_in)), status_code=401, headers=SECURITY_HEADERS)
    return PlainTextResponse(says, status_code=401, headers=SECURITY_HEADERS)


async def enter(request: Request, database: Database, *, secure: bool) -> Response:
    """Spend the key in the posted form, set the session cookie, and go to the runs.

    Only a POST spends it: chats, mail scanners and browsers fetch links before anybody has followed them.
    """
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return PlainTextResponse(ELSEWHERE, status_code=403, headers=SECURITY_HEADERS)
    key = await _posted_key(request)

    def spend() -> str | None:
        with database.begin() as tx:
            return page_keys.open_session(tx, key)

    session = await run_in_threadpool(spend) if key else None
    if session is None:
        return PlainTextResponse(SPENT, status_code=401, headers=SECURITY_HEADERS)
    answer = RedirectResponse("/", status_code=303, headers=SECURITY_HEADERS)
    answer.set_cookie(
        COOKIE, session, max_age=page_keys.SESSION_SECONDS, httponly=True, samesite="strict",
        secure=secure or request.url.scheme == "https",
    )
    return answer


async def _posted_key(request: Request) -> str:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT_BYTES:
            return ""
    return parse_qs(body.decode("ascii", "replace")).get("key", [""])[0]
