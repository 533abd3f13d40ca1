"""Signing in to the App: the pages of a person's browser, and what the App asks with its client secret.

https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app and
https://docs.github.com/rest/apps/oauth-applications
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from app.emulators.github.problems import bad_credentials, not_found
from app.emulators.github.sign_in import ERRORS
from app.emulators.github.state import App, User
from app.emulators.github.world import World

# What GitHub's own session cookie is called.
BROWSER = "user_session"
_ASKED = ("client_id", "redirect_uri", "state", "scope", "code_challenge", "code_challenge_method")


def routes(world: World) -> list[Route]:
    """Return the routes; they come before the pages of repositories, which would take `/login/oauth` for one."""

    async def login(request: Request) -> Response:
        given = dict(parse_qsl((await request.body()).decode())) if request.method == "POST" else dict(request.query_params)
        back = given.get("return_to", "/")
        with world.lock:
            user = world.state.user(given.get("login", "")) if request.method == "POST" else None
            if user is None or user.kind != "User":
                return _page("Sign in to GitHub", "".join(_sign_in_as(each, back) for each in world.state.users.values() if each.kind == "User"))
            browser = secrets.token_urlsafe(24)
            world.authorizations.browsers[browser] = user
        answer = RedirectResponse(back if back.startswith("/") and not back.startswith("//") else "/", 302)
        answer.set_cookie(BROWSER, browser, httponly=True, samesite="lax")
        return answer

    async def authorize(request: Request) -> Response:
        posted = dict(parse_qsl((await request.body()).decode())) if request.method == "POST" else None
        asked = posted if posted is not None else dict(request.query_params)
        with world.lock:
            return _authorize(world, request, asked, None if posted is None else posted.get("authorize") == "1")

    async def access_token(request: Request) -> Response:
        body = await request.body()
        given = {**request.query_params, **dict(parse_qsl(body.decode()))}
        if request.headers.get("content-type", "").startswith("application/json"):
            given |= json.loads(body or b"{}")
        with world.lock:
            answer = world.authorizations.exchange(world.app, given, world.now())
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse(answer)
        return Response(urlencode(answer), media_type="application/x-www-form-urlencoded")

    async def revoke(request: Request) -> Response:
        body = await request.body()
        with world.lock:
            app = world.app
            if request.path_params["client_id"] != app.client_id:
                return JSONResponse(not_found().body, 404)
            if not _is_app(app, request.headers.get("authorization", "")):
                return JSONResponse(bad_credentials().body, 401)
            token = json.loads(body or b"{}").get("access_token")
            found = world.authorizations.tokens.pop(token, None) if isinstance(token, str) else None
        return Response(status_code=204) if found else JSONResponse({"message": "Validation Failed", "documentation_url": "https://docs.github.com/rest", "status": "422"}, 422)

    return [
        Route("/login", login, methods=["GET", "POST"]),
        Route("/login/oauth/authorize", authorize, methods=["GET", "POST"]),
        Route("/login/oauth/access_token", access_token, methods=["POST"]),
        Route("/api/v3/applications/{client_id}/token", revoke, methods=["DELETE"]),
    ]


def _authorize(world: World, request: Request, asked: Mapping[str, str], consent: bool | None) -> Response:
    app, known = world.app, world.authorizations
    is_s256 = not asked.get("code_challenge") or asked.get("code_challenge_method") == "S256"
    if asked.get("client_id") != app.client_id or not app.callback_urls or not is_s256:
        return _page("Not found", "<p>There is nothing here, or the code challenge is not S256.</p>", 404)
    redirect_uri = asked.get("redirect_uri") or app.callback_urls[0]
    state = {"state": asked["state"]} if asked.get("state") else {}
    if redirect_uri not in app.callback_urls:
        says = "The redirect_uri MUST match the registered callback URL for this application."
        return _back(app.callback_urls[0], {"error": "redirect_uri_mismatch", "error_description": says, "error_uri": f"{ERRORS}#redirect-uri-mismatch", **state})
    user = known.browsers.get(request.cookies.get(BROWSER, ""))
    if user is None:
        here = f"/login/oauth/authorize?{urlencode({name: asked[name] for name in _ASKED if name in asked})}"
        return RedirectResponse(f"/login?{urlencode({'return_to': here})}", 302)
    if user.id not in known.authorised and consent is None:
        return _consent(app, user, asked)
    if consent is False:
        return _back(redirect_uri, {"error": "access_denied", "error_description": "The user has denied your application access.", **state})
    known.authorised.add(user.id)
    return _back(redirect_uri, {"code": known.code_for(user, redirect_uri, asked.get("code_challenge", ""), world.now()), **state})


def _consent(app: App, user: User, asked: Mapping[str, str]) -> Response:
    hidden = "".join(f'<input type="hidden" name="{name}" value="{escape(asked[name])}">' for name in _ASKED if name in asked)
    buttons = '<button name="authorize" value="1">Authorize</button> <button name="authorize" value="0">Cancel</button>'
    return _page(f"{app.name} would like to know who you are: {user.login}", f'<form method="post" action="/login/oauth/authorize">{hidden}{buttons}</form>')


def _sign_in_as(user: User, back: str) -> str:
    return (
        f'<form method="post" action="/login"><input type="hidden" name="return_to" value="{escape(back)}">'
        f'<button name="login" value="{escape(user.login)}">Sign in as {escape(user.login)}</button></form>'
    )


def _back(redirect_uri: str, members: Mapping[str, str]) -> Response:
    separator = "&" if urlsplit(redirect_uri).query else "?"
    return RedirectResponse(f"{redirect_uri}{separator}{urlencode(members)}", 302)


def _is_app(app: App, authorization: str) -> bool:
    scheme, _, given = authorization.partition(" ")
    try:
        said = base64.b64decode(given, validate=True)
    except binascii.Error:
        return False
    return scheme.lower() == "basic" and hmac.compare_digest(said, f"{app.client_id}:{app.client_secret}".encode())


def _page(title: str, body: str, status: int = 200) -> Response:
    return HTMLResponse(f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><h1>{escape(title)}</h1>{body}</html>', status)
