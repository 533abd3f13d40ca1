"""The control socket's own side: the host's workers open and close doors here. Its 0600 mode is the authorisation."""

from __future__ import annotations

import json

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from app.errors import BellhopError
from app.execute.gateway.doors import Doors
from app.execute.gateway.repository.token import ReadToken


def control_application(doors: Doors) -> ASGIApp:
    """Return the application behind `gateway.sock`."""

    async def open_door(request: Request) -> Response:
        return JSONResponse({"directory": str(await doors.open(request.path_params["sandbox_id"]))})

    async def close_door(request: Request) -> Response:
        await doors.close(request.path_params["sandbox_id"])
        return Response(status_code=204)

    async def give_token(request: Request) -> Response:
        said = json.loads(await request.body())
        token = ReadToken(said["id"], said["token"], float(said["expires_at"])) if said["token"] else None
        await doors.give(request.path_params["sandbox_id"], token, said["why"])
        return Response(status_code=204)

    async def health(_request: Request) -> Response:
        return JSONResponse({"doors": len(doors)})

    return Starlette(
        routes=[
            Route("/doors/{sandbox_id}", open_door, methods=["POST"]),
            Route("/doors/{sandbox_id}", close_door, methods=["DELETE"]),
            Route("/doors/{sandbox_id}/token", give_token, methods=["PUT"]),
            Route("/health", health, methods=["GET"]),
        ],
        exception_handlers={BellhopError: _refused, SQLAlchemyError: _no_ledger, OSError: _no_disk},
    )


def _refused(_request: Request, error: Exception) -> Response:
    reason = error.reason if isinstance(error, BellhopError) else "error"
    return JSONResponse({"reason": reason, "message": str(error)}, 409)


def _no_ledger(_request: Request, error: Exception) -> Response:
    message = f"the gateway cannot read the ledger ({type(error).__name__}): check BELLHOP_DATABASE_URL"
    return JSONResponse({"reason": "ledger_unavailable", "message": message}, 503)


def _no_disk(_request: Request, error: Exception) -> Response:
    return JSONResponse({"reason": "door", "message": f"the gateway could not make the door: {error}"}, 503)
