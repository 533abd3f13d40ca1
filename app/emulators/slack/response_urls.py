"""`response_url`: five answers within half an hour, with no token.

https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
"""

from __future__ import annotations

import json
import secrets
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from app.emulators.slack import blocks, posting
from app.emulators.slack.problems import Refusal
from app.emulators.slack.state import Channel, Json, Member, Message, ResponseUrl
from app.emulators.slack.world import World

LIFETIME = timedelta(minutes=30)
MOST_USES = 5


def make(world: World, kind: str, user: Member, channel: Channel, message: Message | None) -> str:
    """Return a new address; `kind` is `commands` or `actions`."""
    key = f"{kind}/{world.team.id}/{secrets.token_hex(12)}"
    world.state.response_urls[key] = ResponseUrl(user, channel, world.now() + LIFETIME, message, MOST_USES)
    return f"{world.web_url}/hooks/{key}"


def routes(world: World) -> list[Route]:
    """Return the one address."""

    async def take(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
            if not isinstance(body, dict):
                raise Refusal("invalid_payload")
            with world.lock:
                used(world, request.path_params["key"], body)
        except ValueError:
            return PlainTextResponse("invalid_payload", 400)
        except Refusal as refusal:
            return JSONResponse(refusal.body, 404 if refusal.body["error"] in ("used_url", "expired_url") else 400)
        return PlainTextResponse("ok")

    return [Route("/hooks/{key:path}", take, methods=["POST"])]


def used(world: World, key: str, body: Json) -> None:
    """Answer by an address. Raises Refusal for one that is used up, too old or unknown."""
    found = world.state.response_urls.get(key)
    if found is None or found.left <= 0:
        raise Refusal("used_url")
    if world.now() > found.until:
        raise Refusal("expired_url")
    found.left -= 1
    answered(world, found.user, found.channel, body, found.message)


def answered(world: World, user: Member, channel: Channel, body: Json, message: Message | None) -> Message | None:
    """Carry out what an App answers to a command or an interaction; return the new message, if there is one. Raises Refusal."""
    shown = blocks.checked(world.state, body.get("blocks"))
    text = str(body.get("text") or "")
    if body.get("delete_original") and message is not None:
        posting.delete(world, message)
        return None
    if body.get("replace_original") and message is not None:
        posting.edit(world, message, world.app.bot, text=text, blocks=shown)
        return message
    if not text and shown is None:
        raise Refusal("no_text")
    if body.get("response_type") == "in_channel":
        return posting.post(world, channel, world.app.bot, text, blocks=shown, thread_ts=body.get("thread_ts"))
    return posting.whisper(world, channel, world.app.bot, user, text, blocks=shown, thread_ts=body.get("thread_ts"))
