"""What people do with what the App shows them: the payloads of slash commands, buttons, menus and modals.

https://docs.slack.dev/reference/interaction-payloads and https://docs.slack.dev/interactivity/implementing-slash-commands
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.emulators.slack import blocks, response_urls
from app.emulators.slack.deliveries import Delivery, Target
from app.emulators.slack.shapes import conversation
from app.emulators.slack.shapes.view import view as view_shape
from app.emulators.slack.state import Channel, Json, Member, Message, Trigger, View
from app.emulators.slack.typed import typed
from app.emulators.slack.world import World

TRIGGER_LIFETIME = timedelta(seconds=3)


def command(world: World, member: Member, channel: Channel, name: str, text: str) -> Delivery:
    """Send a slash command; what the App answers at once is shown as any answer of its own."""
    app = world.app
    # https://docs.slack.dev/interactivity/implementing-slash-commands#creating_commands: "Escape channels, users, and links"
    text = typed(world.state, text, named=True) if app.escapes_commands else text
    payload: Json = {
        "token": app.verification_token, "team_id": member.team.id, "team_domain": member.team.domain, "channel_id": channel.id,
        "channel_name": "directmessage" if channel.kind == "im" else channel.name if channel.kind == "public" else "privategroup",
        "user_id": member.id, "user_name": member.name, "command": name, "text": text, "api_app_id": app.id,
        "is_enterprise_install": "false", "response_url": response_urls.make(world, "commands", member, channel, None),
        "trigger_id": trigger(world, member),
    }

    def answered(delivery: Delivery) -> None:
        if delivery.answer and (delivery.answer.get("text") or delivery.answer.get("blocks")):
            with world.lock:
                response_urls.answered(world, member, channel, delivery.answer, None)

    return world.deliveries.send(Target(app.commands_url, app.signing_secret, app.socket_mode), "command", name, payload, answered)


def shortcut(world: World, member: Member, callback_id: str) -> Delivery:
    """Send a global shortcut, which stands in no conversation."""
    return _send(world, _payload(world, "shortcut", member) | {
        "action_ts": world.new_ts(), "callback_id": callback_id, "trigger_id": trigger(world, member),
    })


def used(world: World, member: Member, message: Message, block: Json, element: Json, chosen: Json) -> Delivery:
    """Send `block_actions` for a button or a menu of a message; `chosen` is what stands in the action besides its ids."""
    action_ts = world.new_ts()
    action: Json = {"action_id": element["action_id"], "block_id": block["block_id"], "type": element["type"], **chosen, "action_ts": action_ts}
    if element["type"] == "button":
        action |= {key: element[key] for key in ("text", "value", "style") if key in element}
    channel = message.channel
    payload = _payload(world, "block_actions", member) | {
        "container": {
            "type": "message", "message_ts": message.ts, "channel_id": channel.id, "is_ephemeral": message.ephemeral_to is not None,
            **({"thread_ts": message.thread_ts} if message.thread_ts else {}),
        },
        "trigger_id": trigger(world, member),
        "channel": {"id": channel.id, "name": "directmessage" if channel.kind == "im" else channel.name},
        "state": {"values": {block["block_id"]: {element["action_id"]: {"type": element["type"], **chosen}}} if chosen else {}},
        "response_url": response_urls.make(world, "actions", member, channel, message), "actions": [action],
    }
    if message.ephemeral_to is None:
        payload["message"] = conversation.message(world, message)
    return _send(world, payload)


def submitted(world: World, found: View, values: Json) -> Delivery:
    """Send `view_submission`; the view closes, or does what the App answers."""
    found.values = values
    payload = _payload(world, "view_submission", found.user) | {
        "trigger_id": trigger(world, found.user), "view": view_shape(world, found), "response_urls": [],
    }

    def answered(delivery: Delivery) -> None:
        answer = delivery.answer or {}
        with world.lock:
            if answer.get("response_action") == "errors":
                found.errors = dict(answer.get("errors") or {})
            elif answer.get("response_action") == "update":
                found.body, found.hash, found.values = blocks.checked_view(world.state, answer.get("view")), world.state.new_id("h"), {}
            else:
                found.closed = True

    return _send(world, payload, answered)


def closed(world: World, found: View) -> Delivery | None:
    """Close a view; the App is told (`view_closed`) if it has asked for that."""
    found.closed = True
    if not found.body.get("notify_on_close"):
        return None
    return _send(world, _payload(world, "view_closed", found.user) | {
        "view": view_shape(world, found), "is_cleared": False, "response_urls": [],
    })


def chosen(world: World, element: Json, wanted: str) -> Json:
    """Return what an action or an input says of a choice or of what was typed. Raises LookupError for an option that is not offered."""
    kind = element["type"]
    options = [*element.get("options", []), *(one for group in element.get("option_groups", []) for one in group["options"])]
    if kind in ("multi_static_select", "checkboxes"):
        return {"selected_options": [_option(options, one) for one in wanted.split(",")]}
    if options:
        return {"selected_option": _option(options, wanted)}
    if kind == "external_select":
        return {"selected_option": {"text": {"type": "plain_text", "text": wanted}, "value": wanted}}
    if kind == "users_select":
        return {"selected_user": world.named_member(wanted).id}
    if kind in ("channels_select", "conversations_select"):
        return {f"selected_{kind.removesuffix('s_select')}": world.named_channel(wanted).id}
    return {{"datepicker": "selected_date", "timepicker": "selected_time"}.get(kind, "value"): wanted}


def trigger(world: World, member: Member) -> str:
    """Return a new `trigger_id`, with which the App may open one modal within three seconds."""
    number = f"{world.seconds}.{world.state.new_id('t')}.{member.id.lower()}"
    world.state.triggers[number] = Trigger(member, world.now() + TRIGGER_LIFETIME)
    return number


def _option(options: list[Json], wanted: str) -> Json:
    found = next((one for one in options if wanted in (one["value"], one["text"]["text"])), None)
    if found is None:
        raise LookupError(f"{wanted} is not among what may be chosen: {', '.join(one['text']['text'] for one in options)}")
    return found


def _payload(world: World, kind: str, member: Member) -> dict[str, Any]:
    app = world.app
    return {
        "type": kind, "team": {"id": member.team.id, "domain": member.team.domain},
        "user": {"id": member.id, "username": member.name, "name": member.name, "team_id": member.team.id}, "api_app_id": app.id,
        "token": app.verification_token, "enterprise": None, "is_enterprise_install": False,
    }


def _send(world: World, payload: Json, answered: Any = None) -> Delivery:
    app = world.app
    target = Target(app.interactivity_url, app.signing_secret, app.socket_mode)
    return world.deliveries.send(target, "interactive", str(payload["type"]), payload, answered)
