"""A real Bolt App against the emulated Slack, over HTTP and by Socket Mode: it is not changed for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import httpx
import pytest
from fastapi import FastAPI, Request, Response
from slack_bolt.adapter.fastapi.async_handler import AsyncSlackRequestHandler
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from app.emulators.server import listen, serving
from app.emulators.slack import SlackEmulator
from tests.app.emulators.slack.slack_kit import like, sample

MODAL = {
    "type": "modal", "callback_id": "new-run", "private_metadata": "c1", "notify_on_close": True,
    "title": {"type": "plain_text", "text": "New run"}, "submit": {"type": "plain_text", "text": "Start"},
    "blocks": [
        {"type": "input", "block_id": "task", "label": {"type": "plain_text", "text": "Task"},
         "element": {"type": "plain_text_input", "action_id": "words", "multiline": True}},
        {"type": "input", "block_id": "repo", "label": {"type": "plain_text", "text": "Repository"}, "element": {
            "type": "static_select", "action_id": "which",
            "options": [{"text": {"type": "plain_text", "text": one}, "value": one} for one in ("octo/hello", "octo/till")],
        }},
    ],
}
ACTIONS: list[dict[str, Any]] = [{"type": "actions", "block_id": "do", "elements": [
    {"type": "button", "text": {"type": "plain_text", "text": "Stop"}, "action_id": "stop", "value": "run-1", "style": "danger"},
    {**MODAL["blocks"][1]["element"], "action_id": "repo"},  # type: ignore[index]
]}]


@dataclass
class Desk:
    """What the App has seen."""

    seen: list[tuple[str, Any]] = field(default_factory=list)


def bolt(slack: SlackEmulator, desk: Desk) -> AsyncApp:
    """An App as its documentation has it: it answers where it is called, has a command, a button, a menu and a modal."""
    app = AsyncApp(
        client=AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url), signing_secret=slack.app.signing_secret,
        process_before_response=True,
    )

    @app.event("app_mention")
    async def mentioned(event: dict[str, Any], say: Any) -> None:
        desk.seen.append(("mention", event["text"]))
        await say(text="Started", blocks=ACTIONS, thread_ts=event.get("thread_ts", event["ts"]))

    @app.event("message")
    async def said(event: dict[str, Any]) -> None:
        desk.seen.append(("message", event.get("text")))

    @app.command("/bellhop")
    async def command(ack: Any, body: dict[str, Any], client: Any, respond: Any) -> None:
        desk.seen.append(("command", body["text"]))
        await ack("On it")
        if body["text"] == "form":
            await client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        else:
            await respond("It is done", response_type="in_channel")

    @app.action("stop")
    async def stop(ack: Any, action: dict[str, Any], body: dict[str, Any], respond: Any) -> None:
        await ack()
        desk.seen.append(("stop", action["value"]))
        desk.seen.append(("body", body))
        await respond("Stopped", replace_original=True)

    @app.action("repo")
    async def chose(ack: Any, action: dict[str, Any]) -> None:
        await ack()
        desk.seen.append(("repo", action["selected_option"]["value"]))

    @app.view("new-run")
    async def submitted(ack: Any, view: dict[str, Any], body: dict[str, Any]) -> None:
        values = view["state"]["values"]
        if values["task"]["words"]["value"] == "no":
            await ack(response_action="errors", errors={"task": "Say what is to be done"})
            return
        await ack()
        desk.seen.append(("view", (values["task"]["words"]["value"], values["repo"]["which"]["selected_option"]["value"])))
        desk.seen.append(("body", body))

    return app


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def over_http(slack: SlackEmulator, desk: Desk) -> Iterator[None]:
    web = FastAPI()
    handler = AsyncSlackRequestHandler(bolt(slack, desk))

    @web.post("/slack/events")
    async def endpoint(request: Request) -> Response:
        return await handler.handle(request)

    listener = listen("127.0.0.1", 0)
    slack.set_urls(f"http://127.0.0.1:{listener.getsockname()[1]}/slack/events")
    with serving(web, listener, "Bolt"):
        yield


@asynccontextmanager
async def by_socket(slack: SlackEmulator, desk: Desk) -> AsyncIterator[AsyncSocketModeHandler]:
    slack.app.socket_mode = True
    handler = AsyncSocketModeHandler(bolt(slack, desk), slack.app.app_token, ping_interval=1)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    try:
        await asyncio.to_thread(slack.sockets.wait)
        yield handler
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


def a_day_at_work(slack: SlackEmulator, desk: Desk) -> None:
    """Ada does what one can do with an App, and what comes of each is there."""
    ada = slack.person("ada")
    asked = ada.say("general", "@bellhop fix the till")
    slack.wait_for_deliveries()
    answer = slack.messages("general", asked.ts)[-1]
    assert (answer.text, answer.user) == ("Started", slack.app.bot)

    ada.choose("general", answer.ts, "repo", "octo/till")
    ada.press("general", answer.ts, "stop")
    ada.command("general", "/bellhop", "status")
    slack.wait_for_deliveries()
    assert answer.texts == ["Started", "Stopped"]
    assert [one.text for one in ada.whispers("general")] == ["On it"]
    assert slack.messages("general")[-1].text == "It is done"

    ada.command("general", "/bellhop", "form")
    slack.wait_for_deliveries()
    (view,) = ada.views
    with pytest.raises(LookupError):
        ada.submit(view, words="only half of it")
    ada.submit(view, words="no", which="octo/till")
    slack.wait_for_deliveries()
    assert (view.errors, view.closed) == ({"task": "Say what is to be done"}, False)
    ada.submit(view, words="mend it", which="octo/hello")
    assert [one.status for one in slack.wait_for_deliveries() if not one.ok] == []
    assert ada.views == []
    words = [("mention", asked.text), ("repo", "octo/till"), ("stop", "run-1"), ("command", "status"), ("command", "form"), ("view", ("mend it", "octo/hello"))]
    assert [one for one in desk.seen if one[0] not in ("message", "body")] == words


@pytest.mark.usefixtures("over_http")
def test_bolt_over_http_works_a_whole_day(slack: SlackEmulator, desk: Desk) -> None:
    slack.verify_request_url()
    (verified,) = slack.wait_for_deliveries()
    assert verified.answer == {"challenge": verified.payload["challenge"]}
    a_day_at_work(slack, desk)
    pressed, submitted = (body for name, body in desk.seen if name == "body")
    assert like(sample("block_actions__test_block_actions__body"), pressed) == []
    assert like(sample("view_submission__test_view_submission__body"), submitted) == []


@pytest.mark.usefixtures("over_http")
def test_bolt_refuses_what_is_signed_with_another_secret(slack: SlackEmulator, desk: Desk) -> None:
    slack.world.deliveries.retry_waits_seconds = ()
    slack.app.signing_secret = "another"
    slack.person("ada").say("general", "@bellhop let me in")
    assert {one.attempts[0].status_code for one in slack.wait_for_deliveries()} == {401}
    assert desk.seen == []


@pytest.mark.anyio
async def test_bolt_by_socket_mode_works_the_same_day(slack: SlackEmulator, desk: Desk) -> None:
    async with by_socket(slack, desk):
        await asyncio.to_thread(a_day_at_work, slack, desk)
    assert [one.attempts[0].headers for one in slack.deliveries if one.attempts[0].headers] == []


@pytest.mark.anyio
async def test_a_socket_that_is_told_to_refresh_is_replaced_and_nothing_is_lost(slack: SlackEmulator, desk: Desk) -> None:
    async with by_socket(slack, desk):
        slack.person("ada").say("secret", "one")
        await asyncio.to_thread(slack.wait_for_deliveries)
        slack.sockets.disconnect("refresh_requested")
        await asyncio.to_thread(slack.sockets.wait)
        slack.person("ada").say("secret", "two")
        await asyncio.to_thread(slack.wait_for_deliveries)
    assert [words for _, words in desk.seen] == ["one", "two"]


@pytest.mark.anyio
async def test_an_envelope_that_nobody_acknowledged_comes_again(slack: SlackEmulator) -> None:
    slack.app.socket_mode = True
    opened = await AsyncWebClient(token=slack.app.app_token, base_url=slack.api_url).apps_connections_open(app_token=slack.app.app_token)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(opened["url"]) as first:
            assert (await first.receive_json())["type"] == "hello"
            slack.person("ada").say("general", "hello")
            lost = await first.receive_json()
            again = await AsyncWebClient(token=slack.app.app_token, base_url=slack.api_url).apps_connections_open(app_token=slack.app.app_token)
            second = await session.ws_connect(again["url"])
            assert (await second.receive_json())["num_connections"] == 2
        # The first is closed without a word: the retry goes down the second.
        found = await second.receive_json()
        await second.send_json({"envelope_id": found["envelope_id"]})
        await asyncio.to_thread(slack.wait_for_deliveries)
        assert found["payload"] == lost["payload"]
        assert (lost["retry_attempt"], found["retry_attempt"], found["retry_reason"]) == (0, 1, "http_timeout")
        assert found["envelope_id"] != lost["envelope_id"]
        await second.close()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(opened["url"])


def test_t1_a_socket_opens_with_the_apps_own_token_only(slack: SlackEmulator) -> None:
    url = f"{slack.api_url}apps.connections.open"
    for token, error in (("xapp-unknown", "invalid_auth"), (slack.app.bot_token, "not_allowed_token_type"), (slack.app.app_token, "forbidden")):
        answer = httpx.post(url, headers={"Authorization": f"Bearer {token}"}, trust_env=False).json()
        assert (answer["ok"], answer["error"]) == (False, error)
