"""The Web API's one road: arguments from form, query or JSON, the token, the rate limit, the method, the answer.

https://docs.slack.dev/apis/web-api
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.emulators.slack.call import Call, TokenKind
from app.emulators.slack.methods import apps, chat, conversations, files, reactions, users, views
from app.emulators.slack.problems import Refusal
from app.emulators.slack.state import Json
from app.emulators.slack.world import World

Method = Callable[[Call], Json]

METHODS: dict[str, Method] = {
    **apps.METHODS, **chat.METHODS, **conversations.METHODS, **files.METHODS, **reactions.METHODS, **users.METHODS, **views.METHODS,
}
# Which take the App's own token, and which take either.
_APP_TOKEN: dict[str, tuple[TokenKind, ...]] = {"apps.connections.open": ("app",), "auth.test": ("bot", "app")}


def routes(world: World) -> list[Route]:
    """Return the one route `/api/<method>`."""

    async def answer(request: Request) -> Response:
        name = request.path_params["method"]
        try:
            args = await arguments(request)
            body = await run_in_threadpool(called, world, name, token_of(request, args), args)
        except Refusal as refusal:
            return JSONResponse(refusal.body, refusal.status, refusal.headers)
        content_type = request.headers.get("content-type", "")
        if content_type.startswith("application/json") and "charset" not in content_type:
            body = {**body, "warning": "missing_charset", "response_metadata": {**body.get("response_metadata", {}), "warnings": ["missing_charset"]}}
        # What the bot's token may do: https://docs.slack.dev/authentication/tokens
        return JSONResponse(body, headers={"x-oauth-scopes": ",".join(world.app.scopes)})

    return [Route("/api/{method}", answer, methods=["GET", "POST"])]


def called(world: World, name: str, token: str | None, args: Json) -> Json:
    """Carry one call out. Raises Refusal."""
    with world.lock:
        method = METHODS.get(name)
        if method is None:
            raise Refusal("unknown_method", req_method=name)
        kind = kind_of(world, token)
        if kind not in _APP_TOKEN.get(name, ("bot",)):
            raise Refusal("not_allowed_token_type")
        channel = args.get("channel") or args.get("channel_id")
        world.limits.check(name, channel if isinstance(channel, str) else None, world.now())
        return {"ok": True, **method(Call(world, kind, args))}


def kind_of(world: World, token: str | None) -> TokenKind:
    """Return what a token is. Raises Refusal for none and for one that is not known."""
    if token is None:
        raise Refusal("not_authed")
    app = world.app
    if token not in (app.bot_token, app.app_token):
        raise Refusal("invalid_auth")
    if app.uninstalled:
        raise Refusal("account_inactive")
    return "bot" if token == app.bot_token else "app"


def token_of(request: Request, args: Json) -> str | None:
    """Return the token of a request: in its header, or among a form's arguments."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    found = token if scheme.lower() == "bearer" else args.pop("token", None)
    return found if isinstance(found, str) and found else None


async def arguments(request: Request) -> Json:
    """Return a request's arguments. Raises Refusal for a body that is not what its type says."""
    args: dict[str, Any] = dict(request.query_params)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if content_type == "application/json":
        try:
            members = json.loads(await request.body() or b"{}")
        except ValueError as error:
            raise Refusal("invalid_json") from error
        if not isinstance(members, dict):
            raise Refusal("json_not_object")
        # A token counts in the header only, beside JSON: https://docs.slack.dev/apis/web-api/#post_bodies
        return args | {name: value for name, value in members.items() if name != "token"}
    if content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        async with request.form() as form:
            return args | {name: value for name, value in form.items() if isinstance(value, str)}
    if content_type and await request.body():
        raise Refusal("invalid_post_type")
    return args
