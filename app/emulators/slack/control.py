"""The emulator's own switches over HTTP, for stand-alone use: people at work, faults, and what was delivered.

They are no part of Slack, lie below `/_emulator`, and ask for no credentials: serve the emulator on loopback only.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.emulators.github.faults import Fault
from app.emulators.slack.deliveries import Delivery
from app.emulators.slack.person import Person
from app.emulators.slack.problems import Refusal
from app.emulators.slack.shapes import conversation
from app.emulators.slack.shapes.view import view
from app.emulators.slack.state import Json, Message
from app.emulators.slack.world import World

DEEDS = ("say", "dm", "edit", "delete", "react", "unreact", "share", "join", "invite", "leave", "command", "shortcut", "press", "choose", "submit")


def routes(world: World) -> list[Route]:
    """Return what lies below `/_emulator`: `people/{name}/{deed}`, `channels/{name}`, `views`, `whispers`, `deliveries`, `faults`."""

    def do(name: str, deed: str, given: dict[str, Any]) -> Json:
        with world.lock:
            person = Person(world, world.named_member(name))
        if deed == "submit":
            found = next((one for one in person.views if one.id == given.get("view")), None)
            if found is None:
                raise LookupError("give the `view` that is open, and `values`")
            done: object = person.submit(found, **given.get("values", {}))
        else:
            done = getattr(person, deed)(**given)
        if isinstance(done, Message):
            return {"channel": done.channel.id, "ts": done.ts, "text": done.text}
        return {"delivery": done.id} if isinstance(done, Delivery) else {}

    async def act(request: Request) -> Response:
        name, deed = request.path_params["name"], request.path_params["deed"]
        if deed not in DEEDS:
            return JSONResponse({"message": f"People can {', '.join(DEEDS)}"}, 404)
        try:
            given = json.loads(await request.body() or b"{}")
            return JSONResponse(await run_in_threadpool(do, name, deed, dict(given)), 201)
        except (LookupError, TypeError, ValueError, Refusal) as error:
            return JSONResponse({"message": str(error)}, 422)

    def channel(request: Request) -> Response:
        with world.lock:
            found = world.state.channel(request.path_params["name"])
            if found is None:
                return JSONResponse({"message": "There is no such channel"}, 404)
            return JSONResponse([conversation.message(world, one) for one in found.messages.values()])

    def views(_request: Request) -> Response:
        with world.lock:
            return JSONResponse([{**view(world, one), "user": one.user.name} for one in world.state.views.values() if not one.closed])

    def whispers(_request: Request) -> Response:
        with world.lock:
            return JSONResponse([
                {**conversation.message(world, one), "channel": one.channel.id, "to": one.ephemeral_to.name}
                for one in world.state.ephemeral if one.ephemeral_to
            ])

    def deliveries(_request: Request) -> Response:
        return JSONResponse([
            {"id": one.id, "kind": one.kind, "name": one.name, "status": one.status, "attempts": len(one.attempts),
             "event_id": one.payload.get("event_id"), "answer": one.answer, "refused": one.refused}
            for one in list(world.deliveries.log)
        ])

    def retry_now(_request: Request) -> Response:
        world.deliveries.hurry()
        return Response(status_code=204)

    async def add_fault(request: Request) -> Response:
        try:
            fault = Fault.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"message": str(error)}, 422)
        world.faults.add(fault)
        return JSONResponse(fault.model_dump(mode="json"), 201)

    def clear_faults(_request: Request) -> Response:
        world.faults.clear()
        return Response(status_code=204)

    return [
        Route("/_emulator/people/{name}/{deed}", act, methods=["POST"]),
        Route("/_emulator/channels/{name}", channel, methods=["GET"]),
        Route("/_emulator/views", views, methods=["GET"]),
        Route("/_emulator/whispers", whispers, methods=["GET"]),
        Route("/_emulator/deliveries", deliveries, methods=["GET"]),
        Route("/_emulator/deliveries/retry", retry_now, methods=["POST"]),
        Route("/_emulator/faults", add_fault, methods=["POST"]),
        Route("/_emulator/faults", clear_faults, methods=["DELETE"]),
    ]
