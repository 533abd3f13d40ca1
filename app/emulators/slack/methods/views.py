"""`views.*`: https://docs.slack.dev/reference/methods"""

from __future__ import annotations

from app.emulators.slack import blocks
from app.emulators.slack.call import Call
from app.emulators.slack.problems import Refusal, invalid_arguments
from app.emulators.slack.shapes.view import view
from app.emulators.slack.state import Json, View


def open_view(call: Call) -> Json:
    """Open a modal to whoever's doing the trigger stands for."""
    trigger = call.world.state.triggers.get(call.required("trigger_id"))
    if trigger is None:
        raise invalid_arguments("invalid `trigger_id`")
    body = blocks.checked_view(call.world.state, call.json("view"))
    if trigger.used:
        raise Refusal("exchanged_trigger_id")
    if call.world.now() > trigger.until:
        raise Refusal("expired_trigger_id")
    external = body.get("external_id")
    if external and any(one.body.get("external_id") == external for one in call.world.state.views.values()):
        raise Refusal("duplicate_external_id")
    trigger.used = True
    found = View(call.world.state.new_id("V"), trigger.user, body, call.world.state.new_id("h"))
    call.world.state.views[found.id] = found
    return {"view": view(call.world, found)}


def update(call: Call) -> Json:
    """Put another modal in an open one's place."""
    wanted, external = call.text("view_id"), call.text("external_id")
    found = next((
        one for one in call.world.state.views.values()
        if not one.closed and (one.id == wanted or (external and one.body.get("external_id") == external))
    ), None)
    if found is None:
        raise Refusal("not_found")
    if call.text("hash") not in (None, found.hash):
        raise Refusal("hash_conflict")
    replace(call, found)
    return {"view": view(call.world, found)}


def replace(call: Call, found: View) -> None:
    """Give a view its new body; what stands in its inputs is gone."""
    found.body = blocks.checked_view(call.world.state, call.json("view"))
    found.hash, found.values, found.errors = call.world.state.new_id("h"), {}, {}


METHODS = {"views.open": open_view, "views.update": update}
