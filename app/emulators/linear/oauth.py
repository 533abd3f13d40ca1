"""OAuth over HTTP: `/oauth/authorize` with a page of buttons for the people, `/oauth/token` and `/oauth/revoke`.

https://linear.app/developers/oauth-2-0-authentication
"""

from __future__ import annotations

import base64
import binascii
import hmac
from html import escape
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from app.emulators.linear import grants
from app.emulators.linear.grants import Refused
from app.emulators.linear.state import AccessToken, User
from app.emulators.linear.world import World


class Wish(NamedTuple):
    """What an authorization asks for."""

    redirect_uri: str
    scopes: frozenset[str]
    as_app: bool
    state: str | None
    challenge: str | None


def agree(world: World, person: User, query: dict[str, str]) -> str:
    """Return where Linear sends a person who agreed: the redirect URI with a code, or with the error."""
    wish = wished(world, query)
    try:
        code = grants.authorize(world, person, wish.scopes, wish.redirect_uri, as_app=wish.as_app, challenge=wish.challenge)
        more = {"code": code.value}
    except Refused as refused:
        more = {"error": refused.error, "error_description": str(refused)}
    if wish.state is not None:
        more["state"] = wish.state
    return f"{wish.redirect_uri}{'&' if '?' in wish.redirect_uri else '?'}{urlencode(more)}"


def wished(world: World, query: dict[str, str]) -> Wish:
    """Return what an authorization asks for. Raises Refused."""
    if query.get("client_id") != world.client.id:
        raise Refused("invalid_request", "Invalid client_id")
    if query.get("redirect_uri") not in world.client.redirect_uris:
        raise Refused("invalid_request", "Invalid redirect_uri: it is not one of the application's")
    if query.get("response_type") != "code":
        raise Refused("unsupported_response_type", "response_type must be code")
    actor = query.get("actor", "user")
    if actor not in ("user", "app"):
        raise Refused("invalid_request", "actor must be user or app")
    if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
        raise Refused("invalid_request", "The emulator takes code_challenge_method=S256")
    scopes = grants.scopes_of(query.get("scope", ""), as_app=actor == "app")
    return Wish(query["redirect_uri"], scopes, actor == "app", query.get("state"), query.get("code_challenge"))


def routes(world: World, lifetime_seconds: float) -> list[Route]:
    """Return the three endpoints."""

    def authorize(request: Request) -> Response:
        query = dict(request.query_params)
        with world.lock:
            try:
                wish = wished(world, query)
            except Refused as refused:
                return JSONResponse({"error": refused.error, "error_description": str(refused)}, 400)
            people = [one for one in world.state.users.values() if not one.app and one.active]
            buttons = "".join(f'<button name="person" value="{escape(one.display_name)}">{escape(one.name)} agrees</button> ' for one in people)
        return HTMLResponse(
            f"<!doctype html><title>Authorize {escape(world.client.name)}</title><h1>{escape(world.client.name)} asks for "
            f"{escape(', '.join(sorted(wish.scopes)))} as {'itself' if wish.as_app else 'you'}</h1><form method=post>{buttons}</form>"
        )

    async def agreed(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        with world.lock:
            person = world.state.user_named(form.get("person", ""))
            if person is None or person.app or not person.active:
                return JSONResponse({"error": "access_denied", "error_description": "There is no such person"}, 400)
            try:
                return RedirectResponse(agree(world, person, dict(request.query_params)), 302)
            except Refused as refused:
                return JSONResponse({"error": refused.error, "error_description": str(refused)}, 400)

    async def token(request: Request) -> Response:
        if not _is_form(request):
            return JSONResponse({"error": "invalid_request", "error_description": "The body must be application/x-www-form-urlencoded"}, 400)
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        with world.lock:
            try:
                _check_client(world, request, form)
                return _issued(world, _grant(world, form, lifetime_seconds))
            except Refused as refused:
                status = 401 if refused.error == "invalid_client" else 400
                return JSONResponse({"error": refused.error, "error_description": str(refused)}, status)

    async def revoke(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        value = form.get("token") or form.get("access_token") or form.get("refresh_token") or (bearer if scheme.lower() == "bearer" else "")
        with world.lock:
            if not grants.revoke(world, value):
                return JSONResponse({"error": "invalid_request", "error_description": "The token is unknown, or revoked already"}, 400)
        return JSONResponse({"success": True})

    return [
        Route("/oauth/authorize", authorize, methods=["GET"]),
        Route("/oauth/authorize", agreed, methods=["POST"]),
        Route("/oauth/token", token, methods=["POST"]),
        Route("/oauth/revoke", revoke, methods=["POST"]),
    ]


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip() == "application/x-www-form-urlencoded"


def _check_client(world: World, request: Request, form: dict[str, str]) -> None:
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Refused("invalid_client", "The Authorization header is not Basic") from error
    right = hmac.compare_digest(secret.encode(), world.client.secret.encode())
    if client_id != world.client.id or not right:
        raise Refused("invalid_client", "Client authentication failed")


def _grant(world: World, form: dict[str, str], lifetime_seconds: float) -> AccessToken:
    kind = form.get("grant_type")
    if kind == "authorization_code":
        return grants.exchange_code(world, form.get("code", ""), form.get("redirect_uri", ""), form.get("code_verifier"), lifetime_seconds)
    if kind == "refresh_token":
        return grants.refresh(world, form.get("refresh_token", ""), lifetime_seconds)
    if kind == "client_credentials":
        return grants.client_credentials(world, grants.scopes_of(form.get("scope", ""), as_app=True))
    raise Refused("unsupported_grant_type", "grant_type must be authorization_code, refresh_token or client_credentials")


def _issued(world: World, token: AccessToken) -> Response:
    body: dict[str, object] = {
        "access_token": token.value, "token_type": "Bearer", "expires_in": int((token.expires_at - world.now()).total_seconds()),
        "scope": " ".join(sorted(token.scopes)),
    }
    if token.refresh_token:
        body["refresh_token"] = token.refresh_token
    return JSONResponse(body, headers={"cache-control": "no-store"})
