"""The emulated Linear as an ASGI application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from app.emulators.github.faults import FaultyApp
from app.emulators.linear import control, oauth
from app.emulators.linear.execute import Answer, execute
from app.emulators.linear.world import World


def asgi_app(world: World, token_lifetime_seconds: float) -> ASGIApp:
    """Return the application: `/graphql`, OAuth below `/oauth`, and the switches below `/_emulator`."""

    def locked(authorization: str | None, body: bytes) -> Answer:
        with world.lock:
            return execute(world, authorization, body)

    async def graphql(request: Request) -> Response:
        answer = await run_in_threadpool(locked, request.headers.get("authorization"), await request.body())
        return JSONResponse(answer.body, answer.status, answer.headers)

    app = Starlette(routes=[
        Route("/graphql", graphql, methods=["POST"]),
        *oauth.routes(world, token_lifetime_seconds),
        *control.routes(world),
    ])
    return FaultyApp(app, world.faults)
