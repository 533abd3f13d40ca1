"""The emulated Slack as an ASGI application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.types import ASGIApp

from app.emulators.github.faults import FaultyApp
from app.emulators.slack import control, dispatch, response_urls, socket_route, uploads
from app.emulators.slack.world import World


def asgi_app(world: World) -> ASGIApp:
    """Return the application: the Web API below `/api`, Socket Mode at `/link`, files, response URLs, switches below `/_emulator`."""
    app = Starlette(routes=[
        *control.routes(world), *dispatch.routes(world), *response_urls.routes(world), *uploads.routes(world), *socket_route.routes(world),
    ])
    return FaultyApp(app, world.faults)
