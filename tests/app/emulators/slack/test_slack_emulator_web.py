"""The Web API of the emulated Slack, called by the real slack_sdk."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from app.emulators.slack import Fault, SlackEmulator
from tests.app.emulators.slack.slack_kit import is_ts


@pytest.fixture
def client(slack: SlackEmulator) -> WebClient:
    return WebClient(token=slack.app.bot_token, base_url=slack.api_url)


def refused(call: Any, **arguments: Any) -> dict[str, Any]:
    """Return Slack's refusal of a call."""
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    answer: dict[str, Any] = caught.value.response.data
    return answer


def test_the_bot_is_who_it_is(slack: SlackEmulator, client: WebClient) -> None:
    who = client.auth_test()
    assert (who["user_id"], who["bot_id"], who["team_id"]) == (slack.app.bot.id, slack.app.bot.bot_id, "T0EMUHOME")
    assert client.bots_info(bot=who["bot_id"])["bot"]["app_id"] == slack.app.id
    assert client.team_info()["team"]["domain"] == "corner-shop"


@pytest.mark.parametrize(("token", "error"), [("xoxb-unknown", "invalid_auth"), ("", "not_authed"), ("xapp-1-A0EMUAPP-emulated", "not_allowed_token_type")])
def test_t1_a_token_that_is_not_the_bots_is_refused(slack: SlackEmulator, token: str, error: str) -> None:
    client = WebClient(token=token, base_url=slack.api_url)
    assert refused(client.chat_postMessage, channel="general", text="hello")["error"] == error
    assert slack.messages("general") == []


def test_an_uninstalled_apps_token_no_longer_works(slack: SlackEmulator, client: WebClient) -> None:
    slack.uninstall()
    assert refused(client.auth_test)["error"] == "account_inactive"


def test_a_message_is_posted_changed_and_removed(slack: SlackEmulator, client: WebClient) -> None:
    sent = client.chat_postMessage(channel=slack.channel("general").id, text="working", unfurl_links=False, mrkdwn=True)
    assert is_ts(sent["ts"])
    client.chat_update(channel=sent["channel"], ts=sent["ts"], text="done")
    (message,) = slack.messages("general")
    assert (message.text, message.texts, message.sent["unfurl_links"]) == ("done", ["working", "done"], False)
    assert client.chat_getPermalink(channel=sent["channel"], message_ts=sent["ts"])["permalink"].endswith(sent["ts"].replace(".", ""))
    client.chat_delete(channel=sent["channel"], ts=sent["ts"])
    assert slack.messages("general") == []
    assert refused(client.chat_update, channel=sent["channel"], ts=sent["ts"], text="again")["error"] == "message_not_found"


def test_a_thread_is_written_and_read(slack: SlackEmulator, client: WebClient) -> None:
    root = slack.person("ada").say("general", "who can help?")
    client.chat_postMessage(channel=root.channel.id, thread_ts=root.ts, text="I can", metadata={"event_type": "run", "event_payload": {"id": "r1"}})
    slack.person("bob").say("general", "me too", thread_ts=root.ts)
    thread = client.conversations_replies(channel=root.channel.id, ts=root.ts, include_all_metadata=True)["messages"]
    assert [one["text"] for one in thread] == ["who can help?", "I can", "me too"]
    assert (thread[0]["reply_count"], thread[1]["metadata"]["event_payload"], thread[2]["parent_user_id"]) == (2, {"id": "r1"}, "U0ADA00001")
    assert [one["text"] for one in client.conversations_history(channel=root.channel.id)["messages"]] == ["who can help?"]
    pages = [page["messages"] for page in client.conversations_replies(channel=root.channel.id, ts=root.ts, limit=2)]
    assert [len(one) for one in pages] == [2, 1]
    assert refused(client.chat_postMessage, channel=root.channel.id, thread_ts="1600000000.000100", text="?")["error"] == "thread_not_found"
    assert refused(client.conversations_replies, channel=root.channel.id, ts="1600000000.000100")["error"] == "thread_not_found"


def test_what_the_bot_may_not_do(slack: SlackEmulator, client: WebClient) -> None:
    quiet, general = slack.channel("quiet").id, slack.channel("general").id
    other = slack.person("ada").say("general", "mine")
    assert refused(client.chat_postMessage, channel=quiet, text="x")["error"] == "not_in_channel"
    assert refused(client.conversations_history, channel=quiet)["error"] == "not_in_channel"
    assert refused(client.chat_postMessage, channel="C0NOWHERE0", text="x")["error"] == "channel_not_found"
    assert refused(client.api_call, api_method="chat.postMessage", json={"channel": general})["error"] == "no_text"
    assert refused(client.chat_update, channel=general, ts=other.ts, text="x")["error"] == "cant_update_message"
    assert refused(client.chat_delete, channel=general, ts=other.ts)["error"] == "cant_delete_message"
    assert refused(client.chat_update, channel=general, ts=client.chat_postMessage(channel=general, text="a")["ts"], text="x" * 40_001)["error"] == "msg_too_long"
    slack.archive("general")
    assert refused(client.chat_postMessage, channel=general, text="x")["error"] == "is_archived"
    slack.app.scopes.remove("chat:write")
    answer = refused(client.chat_postMessage, channel=quiet, text="x")
    assert (answer["error"], answer["needed"]) == ("missing_scope", "chat:write")
    assert "chat:write" not in answer["provided"].split(",")


def test_a_text_over_forty_thousand_characters_is_cut(slack: SlackEmulator, client: WebClient) -> None:
    sent = client.chat_postMessage(channel=slack.channel("general").id, text="x" * 40_500)
    assert (len(slack.messages("general")[0].text), sent["warning"]) == (40_000, "message_truncated")


BUTTON = {"type": "button", "text": {"type": "plain_text", "text": "Stop"}, "action_id": "stop", "value": "run-1"}
SAID = {"type": "section", "text": {"type": "mrkdwn", "text": "*Working*"}}


@pytest.mark.parametrize(("blocks", "wrong"), [
    ([SAID] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    ([{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    ([{"type": "section", "text": {"type": "mrkdwn", "text": ""}}], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    ([{"type": "section"}], "missing required field: text [json-pointer:/blocks/0]"),
    ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]"),
    ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "must be less than 151 characters [json-pointer:/blocks/0/text/text]"),
    ([{"type": "actions", "elements": [{**BUTTON, "action_id": f"a{n}"} for n in range(26)]}], "no more than 25 items allowed [json-pointer:/blocks/0/elements]"),
    ([{"type": "actions", "elements": [BUTTON, BUTTON]}], '`action_id` "stop" already exists [json-pointer:/blocks/0/elements/1/action_id]'),
    ([{"type": "actions", "elements": [{**BUTTON, "value": "x" * 2001}]}], "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]"),
    ([{"type": "actions", "elements": [{**BUTTON, "color": "red"}]}], "no additional properties allowed: color [json-pointer:/blocks/0/elements/0]"),
    ([{"type": "actions", "elements": [{
        "type": "static_select", "action_id": "repo",
        "options": [{"text": {"type": "plain_text", "text": str(n)}, "value": str(n)} for n in range(101)],
    }]}], "no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]"),
    ([{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}], "no more than 10 items allowed [json-pointer:/blocks/0/elements]"),
    ([{**SAID, "block_id": "one"}, {**SAID, "block_id": "one"}], '`block_id` "one" already exists [json-pointer:/blocks/1/block_id]'),
], ids=lambda value: None if isinstance(value, list) else value[:40])
def test_blocks_that_break_block_kits_rules_are_refused(slack: SlackEmulator, client: WebClient, blocks: list[Any], wrong: str) -> None:
    answer = refused(client.chat_postMessage, channel=slack.channel("general").id, blocks=blocks, text="x")
    assert answer["error"] == "invalid_blocks"
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {wrong}"]


def test_people_are_looked_up_as_slack_tells_of_them(slack: SlackEmulator, client: WebClient) -> None:
    assert client.users_lookupByEmail(email="ADA@corner-shop.test")["user"]["id"] == "U0ADA00001"
    assert refused(client.users_lookupByEmail, email="sam@example.test")["error"] == "users_not_found"
    guest = client.users_info(user=slack.person("gus").id)["user"]
    assert (guest["is_restricted"], guest["is_ultra_restricted"], guest["profile"]["email"]) == (True, True, "gus@example.test")
    known, stranger = (client.users_info(user=slack.person(name).id)["user"] for name in ("sam", "carla"))
    assert (known["team_id"], known["is_stranger"], stranger["is_stranger"]) == ("T0EMUOTHER", False, True)
    slack.deactivate("bob")
    assert client.users_info(user="U0BOB00001")["user"]["deleted"] is True
    assert refused(client.users_info, user="U0NOBODY00")["error"] == "user_not_found"
    slack.app.scopes.remove("users:read.email")
    assert "email" not in client.users_info(user="U0ADA00001")["user"]["profile"]


def test_channels_are_listed_as_far_as_the_bot_may_know(slack: SlackEmulator, client: WebClient) -> None:
    listed = [one["name"] for page in client.conversations_list(types="public_channel,private_channel", limit=2) for one in page["channels"]]
    assert listed == ["general", "quiet", "secret", "partners"]
    shared = client.conversations_info(channel=slack.channel("partners").id)["channel"]
    assert (shared["is_ext_shared"], shared["shared_team_ids"]) == (True, ["T0EMUHOME", "T0EMUOTHER"])
    assert client.conversations_members(channel=slack.channel("secret").id)["members"] == ["U0ADA00001", slack.app.bot.id]
    opened = client.conversations_open(users="U0BOB00001")["channel"]["id"]
    client.chat_postMessage(channel="U0BOB00001", text="hello")
    assert [one.text for one in slack.messages(opened)] == ["hello"]


def test_reactions_are_put_on_and_taken_off(slack: SlackEmulator, client: WebClient) -> None:
    said = slack.person("ada").say("general", "look")
    where: Any = {"channel": said.channel.id, "timestamp": said.ts}
    client.reactions_add(name="eyes", **where)
    assert refused(client.reactions_add, name="eyes", **where)["error"] == "already_reacted"
    assert client.reactions_get(**where)["message"]["reactions"] == [{"name": "eyes", "users": [slack.app.bot.id], "count": 1}]
    client.reactions_remove(name="eyes", **where)
    assert refused(client.reactions_remove, name="eyes", **where)["error"] == "no_reaction"
    assert refused(client.reactions_add, name="no such", **where)["error"] == "invalid_name"


def test_a_file_goes_up_in_three_steps_and_comes_down_with_a_token_only(slack: SlackEmulator, client: WebClient) -> None:
    root = slack.person("ada").say("general", "the log, please")
    client.files_upload_v2(channel=root.channel.id, thread_ts=root.ts, content="line\n" * 3, filename="build.log", title="The log", snippet_type="text")
    (message,) = [one for one in slack.messages("general", root.ts) if one.files]
    file = client.files_info(file=message.files[0].id)["file"]
    assert (file["mode"], file["title"], file["size"], message.subtype) == ("snippet", "The log", 15, "file_share")
    with_token = httpx.get(file["url_private"], headers={"Authorization": f"Bearer {slack.app.bot_token}"}, trust_env=False)
    without = httpx.get(file["url_private"], follow_redirects=True, trust_env=False)
    assert (with_token.content, without.headers["content-type"]) == (b"line\n" * 3, "text/html; charset=utf-8")


def test_only_its_reader_sees_an_ephemeral_message(slack: SlackEmulator, client: WebClient) -> None:
    general = slack.channel("general").id
    client.chat_postEphemeral(channel=general, user="U0ADA00001", text="only you")
    assert [one.text for one in slack.person("ada").whispers()] == ["only you"]
    assert (slack.person("bob").whispers(), slack.messages("general")) == ([], [])
    assert refused(client.chat_postEphemeral, channel=general, user=slack.person("sam").id, text="x")["error"] == "user_not_in_channel"


def test_whom_a_message_calls_is_known(slack: SlackEmulator, client: WebClient) -> None:
    client.chat_postMessage(channel="general", text="<!channel> and <@U0ADA00001>, not &lt;!here&gt;", blocks=[{
        "type": "context", "elements": [{"type": "mrkdwn", "text": "<!subteam^S123|ops>"}, {"type": "plain_text", "text": "<!everyone>"}],
    }])
    assert slack.pings(slack.messages("general")[0]) == ["!channel", "@U0ADA00001", "!subteam^S123"]


def test_r39_a_method_can_be_rate_limited_in_one_channel(slack: SlackEmulator, client: WebClient) -> None:
    general, secret = slack.channel("general").id, slack.channel("secret").id
    slack.throttle("chat.postMessage", 30, channel=general)
    client.chat_postMessage(channel=secret, text="not this one")
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=general, text="too fast")
    assert (caught.value.response.status_code, caught.value.response.headers["retry-after"]) == (429, "30")
    slack.throttle("chat.postMessage", 0)
    client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=1))
    client.chat_postMessage(channel=general, text="again")
    assert [one.text for one in slack.messages("general")] == ["again"]


def test_an_answer_can_be_lost_after_slack_has_acted(slack: SlackEmulator, client: WebClient) -> None:
    slack.fault(Fault(path="/api/chat.postMessage", when="after", status=500))
    with pytest.raises(SlackApiError):
        client.chat_postMessage(channel="general", text="said, and not answered")
    assert [one.text for one in slack.messages("general")] == ["said, and not answered"]


@pytest.mark.anyio
async def test_the_asynchronous_client_says_the_same(slack: SlackEmulator) -> None:
    client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
    sent = await client.chat_postMessage(channel="general", text="hello", blocks=[SAID, {"type": "actions", "elements": [BUTTON]}], unfurl_links=False)
    found = await client.conversations_history(channel=sent["channel"], limit=1, inclusive=True)
    assert found["messages"][0]["blocks"][1]["elements"][0]["action_id"] == "stop"
    assert (await client.users_info(user="U0ADA00001"))["user"]["name"] == "ada"
    with pytest.raises(SlackApiError):
        await client.conversations_info(channel="C0NOWHERE0")
    await client.files_upload_v2(channel=sent["channel"], content="line", filename="build.log")
    assert slack.messages("general")[-1].files[0].content == b"line"
