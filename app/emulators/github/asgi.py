"""The emulated GitHub as an ASGI application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from app.emulators.github import dispatch
from app.emulators.github.faults import FaultyApp
from app.emulators.github.problems import not_found
from app.emulators.github.routes import (
    actions,
    app_tokens,
    checks,
    control,
    control_ci,
    git_data,
    graphql,
    issues,
    pages,
    pulls,
    reactions,
    repos,
    reviews,
    sign_in,
    smart_http,
    user,
)
from app.emulators.github.world import World

# Checks come before git data: a commit's `{ref}` may hold slashes, so the longer paths must be tried first.
ENDPOINTS = [
    *app_tokens.ENDPOINTS,
    *actions.ENDPOINTS,
    *checks.ENDPOINTS,
    *repos.ENDPOINTS,
    *git_data.ENDPOINTS,
    *issues.ENDPOINTS,
    *pulls.ENDPOINTS,
    *reviews.ENDPOINTS,
    *reactions.ENDPOINTS,
    *graphql.ENDPOINTS,
    *user.ENDPOINTS,
]


def asgi_app(world: World) -> ASGIApp:
    """Return the application: REST below `/api/v3`, git and pages below `/{owner}/{name}`, switches below `/_emulator`."""

    def nothing(_request: Request) -> Response:
        return JSONResponse(not_found().body, 404)

    def blob(request: Request) -> Response:
        # As with signed addresses elsewhere: the address is the key, and a second one is not taken.
        found = world.blobs.get(request.path_params["key"])
        if found is None or "authorization" in request.headers:
            return Response(b"<Error><Code>InvalidAuthenticationInfo</Code></Error>", 400 if found is not None else 404, media_type="application/xml")
        return Response(found, media_type="text/plain")

    app = Starlette(routes=[
        *control.routes(world),
        *control_ci.routes(world),
        *sign_in.routes(world),
        *dispatch.routes(world, ENDPOINTS),
        Route("/api/{rest:path}", nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        Route("/_blobs/{key}", blob, methods=["GET"]),
        *smart_http.routes(world),
        *pages.routes(world),
    ])
    return FaultyApp(app, world.faults)
