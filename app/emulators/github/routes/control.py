"""The emulator's own switches over HTTP, for stand-alone use: faults and the log of deliveries.

They are no part of GitHub, lie below `/_emulator`, and ask for no credentials: serve the emulator on loopback only.
"""

from __future__ import annotations

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.emulators.github.faults import Fault
from app.emulators.github.world import World, iso


def routes(world: World) -> list[Route]:
    """Return `/_emulator/faults` (GET, POST, DELETE), `/_emulator/deliveries` and `.../{guid}/redeliver`."""

    async def add_fault(request: Request) -> Response:
        try:
            fault = Fault.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"message": str(error)}, 422)
        world.faults.add(fault)
        return JSONResponse(fault.model_dump(mode="json"), 201)

    def list_faults(_request: Request) -> Response:
        left = [{**fault.model_dump(mode="json"), "left": times} for fault, times in world.faults.remaining]
        return JSONResponse(left)

    def clear_faults(_request: Request) -> Response:
        world.faults.clear()
        return Response(status_code=204)

    def list_deliveries(_request: Request) -> Response:
        return JSONResponse([
            {"guid": one.guid, "event": one.event, "action": one.action, "status": one.status,
             "status_code": one.status_code, "redelivery": one.redelivery, "delivered_at": iso(one.delivered_at),
             "duration_seconds": round(one.duration_seconds, 3)}
            for one in list(world.deliveries.log)
        ])

    def redeliver(request: Request) -> Response:
        url = world.app.webhook_url
        try:
            again = world.deliveries.redeliver(request.path_params["guid"], world.now(), url)
        except KeyError:
            return JSONResponse({"message": "There is no delivery of that GUID"}, 404)
        return JSONResponse({"guid": again.guid}, 202)

    return [
        Route("/_emulator/faults", add_fault, methods=["POST"]),
        Route("/_emulator/faults", list_faults, methods=["GET"]),
        Route("/_emulator/faults", clear_faults, methods=["DELETE"]),
        Route("/_emulator/deliveries", list_deliveries, methods=["GET"]),
        Route("/_emulator/deliveries/{guid}/redeliver", redeliver, methods=["POST"]),
    ]
