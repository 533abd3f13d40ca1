"""The emulator's own switches over HTTP, for stand-alone use: faults, and the log of deliveries.

They are no part of Linear, lie below `/_emulator`, and ask for no credentials: serve the emulator on loopback only.
"""

from __future__ import annotations

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.emulators.github.faults import Fault
from app.emulators.linear.deliveries import Delivery
from app.emulators.linear.world import World, iso, iso_or_none


def routes(world: World) -> list[Route]:
    """Return `/_emulator/faults` (GET, POST, DELETE), `/_emulator/deliveries` and `.../{id}/redeliver`."""

    async def add_fault(request: Request) -> Response:
        try:
            fault = Fault.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"message": str(error)}, 422)
        world.faults.add(fault)
        return JSONResponse(fault.model_dump(mode="json"), 201)

    def list_faults(_request: Request) -> Response:
        return JSONResponse([{**fault.model_dump(mode="json"), "left": times} for fault, times in world.faults.remaining])

    def clear_faults(_request: Request) -> Response:
        world.faults.clear()
        return Response(status_code=204)

    def list_deliveries(_request: Request) -> Response:
        return JSONResponse([_shown(one) for one in list(world.deliveries.log)])

    def redeliver(request: Request) -> Response:
        try:
            again = world.deliveries.redeliver(request.path_params["id"], world.now())
        except KeyError:
            return JSONResponse({"message": "There is no delivery of that id"}, 404)
        return JSONResponse({"id": again.id}, 202)

    return [
        Route("/_emulator/faults", add_fault, methods=["POST"]),
        Route("/_emulator/faults", list_faults, methods=["GET"]),
        Route("/_emulator/faults", clear_faults, methods=["DELETE"]),
        Route("/_emulator/deliveries", list_deliveries, methods=["GET"]),
        Route("/_emulator/deliveries/{id}/redeliver", redeliver, methods=["POST"]),
    ]


def _shown(one: Delivery) -> dict[str, object]:
    return {
        "id": one.id, "event": one.event, "action": one.action, "delivered": one.delivered, "next_at": iso_or_none(one.next_at),
        "attempts": [{"at": iso(each.at), "status": each.status, "status_code": each.status_code} for each in list(one.attempts)],
    }
