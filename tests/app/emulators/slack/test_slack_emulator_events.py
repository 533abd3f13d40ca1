"""What the emulated Slack tells an App over HTTP: which events, in which shape, signed how, and again when."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier

from app.emulators.slack import SlackEmulator
from app.emulators.slack.events import HISTORY
from app.emulators.slack.signing import sign
from tests.app.emulators.slack.slack_kit import (
    Receiver,
    answer_problems,
    event_names,
    event_problems,
    like,
    receiving,
    sample,
    schema,
    seed,
)


def told(slack: SlackEmulator) -> list[dict[str, Any]]:
    """Return the inner events that the App was told."""
    return [one.payload["event"] for one in slack.wait_for_deliveries() if one.kind == "event"]


def test_the_official_signing_vector() -> None:
    body = (
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
        "&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
        "%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    made = sign("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body.encode())
    assert made == "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


def test_everything_is_signed_so_that_slacks_own_library_believes_it(slack: SlackEmulator, receiver: Receiver) -> None:
    slack.person("ada").say("general", "hello")
    slack.person("ada").command("general", "/bellhop", "fix it")
    assert event_names(slack) == ["message", "/bellhop"]
    verifier = SignatureVerifier(slack.app.signing_secret)
    assert [verifier.is_valid_request(body, headers) for headers, body in receiver.requests] == [True, True]
    assert [SignatureVerifier("another").is_valid_request(body, headers) for headers, body in receiver.requests] == [False, False]


@pytest.mark.usefixtures("receiver")
def test_a_mention_in_a_channel_is_told_twice_and_looks_like_slacks(slack: SlackEmulator) -> None:
    message = slack.person("ada").say("general", "Hey @bellhop fix <this> & that, see https://example.test/a?b=1&c=2")
    first, second = slack.wait_for_deliveries()
    said, called = first.payload, second.payload
    assert message.text == f"Hey <@{slack.app.bot.id}> fix &lt;this&gt; &amp; that, see <https://example.test/a?b=1&amp;c=2>"
    assert (said["event"]["type"], said["event"]["channel_type"], called["event"]["type"]) == ("message", "channel", "app_mention")
    assert said["event"]["ts"] == called["event"]["ts"] == message.ts
    assert said["event_id"] != called["event_id"]
    assert like(sample("message.channel__test_message_bot__user_message_event_payload"), said) == []
    assert like(sample("app_mention__test_app__app_mention_event_body"), called) == []
    assert [one["type"] for one in said["event"]["blocks"][0]["elements"][0]["elements"]] == ["text", "user", "text", "link"]


Deed = Callable[[SlackEmulator], object]


def _edited(slack: SlackEmulator) -> None:
    ada = slack.person("ada")
    ada.edit("general", ada.say("general", "one").ts, "two")


def _deleted(slack: SlackEmulator) -> None:
    ada = slack.person("ada")
    ada.delete("general", ada.say("general", "one").ts)


def _reacted(slack: SlackEmulator) -> None:
    ada = slack.person("ada")
    ada.react("general", ada.say("general", "one").ts, "x")


def _broadcast(slack: SlackEmulator) -> None:
    ada = slack.person("ada")
    ada.say("general", "aside", thread_ts=ada.say("general", "one").ts, broadcast=True)


@pytest.mark.usefixtures("receiver")
@pytest.mark.parametrize(("deed", "names", "like_sample"), [
    (lambda slack: slack.person("ada").dm("psst"), ["message"], ""),
    (lambda slack: slack.person("ada").say("secret", "in private"), ["message"], ""),
    (lambda slack: slack.person("ada").say("quiet", "the bot is not here"), [], ""),
    (lambda slack: slack.person("ada").share("general", "error.png", b"png", "look"), ["message.file_share"], ""),
    (lambda slack: slack.person("otherbot").say("general", "by a bot"), ["message"], "message.channel__test_message_bot__bot_message_event_payload"),
    (lambda slack: slack.person("ada").invite("general", "sam"), ["member_joined_channel"], "member_joined_channel.C__test_events__join_event_body"),
    (_edited, ["message", "message.message_changed"], "message.channel.message_changed__test_message_changed__event_payload"),
    (_deleted, ["message", "message.message_deleted"], "message.channel.message_deleted__test_message_deleted__event_payload"),
    (_reacted, ["message", "reaction_added"], "reaction_added__test_events__valid_reaction_added_body"),
    (_broadcast, ["message", "message.thread_broadcast"], "message.channel.thread_broadcast__test_message_thread_broadcast__event_payload"),
    (lambda slack: slack.deactivate("bob"), ["user_change"], ""),
    (lambda slack: slack.uninstall(), ["tokens_revoked", "app_uninstalled"], "app_uninstalled__test_events__app_uninstalled_body"),
], ids=["dm", "private", "elsewhere", "file", "bot", "joined", "edited", "deleted", "reacted", "broadcast", "deactivated", "uninstalled"])
def test_each_deed_is_told_as_slack_tells_it(slack: SlackEmulator, deed: Deed, names: list[str], like_sample: str) -> None:
    deed(slack)
    assert event_names(slack) == names
    if like_sample:
        assert like(sample(like_sample), slack.deliveries[-1].payload) == []


@pytest.mark.usefixtures("receiver")
def test_the_app_hears_only_what_it_is_subscribed_to_and_has_scopes_for(slack: SlackEmulator) -> None:
    slack.app.events.remove("app_mention")
    slack.app.scopes.remove("groups:history")
    slack.person("ada").say("secret", "@bellhop in private")
    slack.person("ada").say("general", "@bellhop in public")
    assert [one["type"] for one in told(slack)] == ["message"]


def test_scopes_are_those_that_slack_asks_for() -> None:
    asked = schema("events")["scopes"]
    assert {HISTORY["public"]: asked["message.channels"], HISTORY["private"]: asked["message.groups"], HISTORY["im"]: asked["message.im"]} == {
        scope: [scope] for scope in ("channels:history", "groups:history", "im:history")
    }
    assert asked["reaction.added"] == ["reactions:read"]


@pytest.mark.usefixtures("receiver")
def test_t15_a_shared_channels_stranger_is_of_their_own_workspace(slack: SlackEmulator) -> None:
    slack.person("sam").say("partners", "@bellhop give me the code")
    outer = slack.wait_for_deliveries()[0].payload
    assert (outer["team_id"], outer["is_ext_shared_channel"]) == ("T0EMUHOME", True)
    assert (outer["event"]["team"], outer["event"]["user_team"], outer["event"]["source_team"]) == ("T0EMUOTHER",) * 3


@pytest.mark.usefixtures("receiver")
def test_t15_a_stranger_may_write_directly_and_is_seen_to_be_one(slack: SlackEmulator) -> None:
    slack.person("carla").dm("hello there")
    (outer,) = (one.payload for one in slack.wait_for_deliveries())
    assert (outer["event"]["channel_type"], outer["event"]["team"], outer["is_ext_shared_channel"]) == ("im", "T0EMUOTHER", True)
    assert slack.direct("carla").messages[outer["event"]["ts"]].text == "hello there"


@pytest.mark.usefixtures("receiver")
def test_t13_the_bot_hears_itself_with_its_bot_id(slack: SlackEmulator) -> None:
    WebClient(token=slack.app.bot_token, base_url=slack.api_url).chat_postMessage(channel="general", text=f"<@{slack.app.bot.id}> me")
    (event,) = told(slack)
    assert (event["bot_id"], event["user"], event["type"]) == (slack.app.bot.bot_id, slack.app.bot.id, "message")


def test_an_app_that_fails_is_told_three_times_more_with_the_same_event_and_a_new_signature(slack: SlackEmulator, receiver: Receiver) -> None:
    receiver.answers += [(500, {}, ""), (503, {}, ""), (302, {"location": "/"}, ""), (500, {}, "")]
    slack.person("ada").say("general", "hello")
    for count in (2, 3, 4):
        # The first retry comes at once; the others are hurried along as soon as they are waited for.
        while len(slack.deliveries[0].attempts) < count:
            slack.retry_now()
            slack.deliveries[0].done.wait(0.01)
    (delivery,) = slack.wait_for_deliveries()
    headers = [one for one, _ in receiver.requests]
    assert [one.get("x-slack-retry-num") for one in headers] == [None, "1", "2", "3"]
    assert [one.get("x-slack-retry-reason") for one in headers] == [None, "http_error", "http_error", "http_error"]
    assert len({body for _, body in receiver.requests}) == 1
    assert not delivery.ok
    assert [SignatureVerifier(slack.app.signing_secret).is_valid_request(body, one) for one, body in receiver.requests] == [True] * 4


def test_an_app_may_say_that_it_wants_no_retries(slack: SlackEmulator, receiver: Receiver) -> None:
    receiver.answers += [(500, {"X-Slack-No-Retry": "1"}, "")]
    slack.person("ada").say("general", "hello")
    (delivery,) = slack.wait_for_deliveries()
    assert [one.status for one in delivery.attempts] == ["http_error"]


def test_an_answer_that_comes_too_late_is_none() -> None:
    with receiving() as receiver, SlackEmulator(seed(request_url=receiver.url), deadline_seconds=0.1, retry_waits_seconds=(0,)) as slack:
        receiver.hold.clear()
        slack.person("ada").say("general", "hello")
        (delivery,) = slack.wait_for_deliveries()
        assert [(one.retry_num, one.retry_reason, one.status) for one in delivery.attempts] == [
            (0, None, "http_timeout"), (1, "http_timeout", "http_timeout"),
        ]


def test_an_event_that_was_taken_can_be_sent_again(slack: SlackEmulator, receiver: Receiver) -> None:
    slack.person("ada").say("general", "hello")
    (delivery,) = slack.wait_for_deliveries()
    for number in (1, 2, 3):
        slack.send_again(delivery, number)
    slack.wait_for_deliveries()
    assert len({json.loads(body)["event_id"] for _, body in receiver.requests}) == 1
    assert [one.get("x-slack-retry-num") for one, _ in receiver.requests] == [None, "1", "2", "3"]


def test_a_request_url_is_verified_by_its_challenge(slack: SlackEmulator, receiver: Receiver) -> None:
    delivery = slack.verify_request_url()
    slack.wait_for_deliveries()
    (_, body), = receiver.requests
    assert json.loads(body) == {"token": "emulated-verification", "challenge": delivery.payload["challenge"], "type": "url_verification"}


@pytest.mark.usefixtures("receiver")
def test_whom_and_what_a_command_names_is_escaped(slack: SlackEmulator) -> None:
    asked = slack.person("ada").command("general", "/bellhop", "ask @bob in #general, a<b, @nobody")
    assert asked.payload["text"] == f"ask <@U0BOB00001|bob> in <#{slack.channel('general').id}|general>, a&lt;b, @nobody"
    slack.app.escapes_commands = False
    assert slack.person("ada").command("general", "/bellhop", "ask @bob").payload["text"] == "ask @bob"


@pytest.mark.usefixtures("receiver")
def test_a_global_shortcut_stands_in_no_conversation(slack: SlackEmulator) -> None:
    sent = slack.person("ada").shortcut("bellhop.form")
    assert like(sample("shortcut__test_asgi_http__body_data"), sent.payload) == []
    assert slack.wait_for_deliveries()[0].ok
    with pytest.raises(LookupError):
        slack.person("ada").shortcut("another")


def test_what_slack_sends_besides_is_signed_too(slack: SlackEmulator, receiver: Receiver) -> None:
    slack.limit_events()
    slack.check_certificate()
    assert event_names(slack) == ["app_rate_limited", "ssl_check"]
    (first, limited), (second, checked) = receiver.requests
    assert (json.loads(limited)["type"], parse_qs(checked.decode())["ssl_check"]) == ("app_rate_limited", ["1"])
    assert SignatureVerifier(slack.app.signing_secret).is_valid_request(limited, first)
    assert SignatureVerifier(slack.app.signing_secret).is_valid_request(checked, second)


@pytest.mark.usefixtures("receiver")
def test_a_modal_that_is_closed_is_told_if_that_was_asked_for(slack: SlackEmulator) -> None:
    ada = slack.person("ada")
    asked = ada.command("general", "/bellhop")
    client = WebClient(token=slack.app.bot_token, base_url=slack.api_url)
    body = {"type": "modal", "notify_on_close": True, "private_metadata": "x", "callback_id": "c", "title": {"type": "plain_text", "text": "My App"},
            "close": {"type": "plain_text", "text": "Cancel"}, "submit": {"type": "plain_text", "text": "Submit"},
            "blocks": [{"type": "input", "label": {"type": "plain_text", "text": "L"}, "element": {"type": "plain_text_input", "action_id": "a"}}]}
    opened = client.views_open(trigger_id=asked.payload["trigger_id"], view=body)["view"]
    client.views_update(view_id=opened["id"], hash=opened["hash"], view={**body, "title": {"type": "plain_text", "text": "Yours"}})
    with pytest.raises(SlackApiError, match="hash_conflict"):
        client.views_update(view_id=opened["id"], hash=opened["hash"], view=body)
    with pytest.raises(SlackApiError, match="must be defined when a view has input blocks"):
        client.views_update(view_id=opened["id"], view={name: value for name, value in body.items() if name != "submit"})
    (view,) = ada.views
    ada.close_view(view)
    closed = slack.wait_for_deliveries()[-1].payload
    assert closed["view"]["title"]["text"] == "Yours"
    assert like(sample("view_closed__test_view_closed__body"), closed) == []


def test_a_slash_command_is_a_form_and_its_answer_is_seen_by_whoever_gave_it(slack: SlackEmulator, receiver: Receiver) -> None:
    receiver.answers += [(200, {"content-type": "application/json"}, '{"text": "On it."}')]
    slack.person("ada").command("general", "/bellhop", "fix it repo=octo/hello")
    slack.wait_for_deliveries()
    headers, body = receiver.requests[0]
    form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert (form["command"], form["text"], form["user_id"], form["channel_name"]) == ("/bellhop", "fix it repo=octo/hello", "U0ADA00001", "general")
    assert not (set(sample("None__test_payload_utils__slash_command_body")) - set(form) - {"enterprise_id", "enterprise_name"})
    assert [one.text for one in slack.person("ada").whispers("general")] == ["On it."]
    with pytest.raises(LookupError):
        slack.person("ada").command("general", "/other")


def test_what_judges_the_emulator_would_notice() -> None:
    assert answer_problems("chat.postMessage", 200, {"ok": False, "error": "made_up"})
    assert answer_problems("chat.postMessage", 200, {"ok": True, "channel": "C0EMU000001", "ts": 1, "message": {}})
    assert answer_problems("users.info", 200, {"ok": True, "user": {"id": "U0EMU000001"}})
    assert event_problems({"token": "x", "event": {"type": "message"}})
    assert like({"event": {"ts": "1"}}, {"event": {}}) == ["/event/ts is missing"]
