"""What Slack sends, as Events: whose words they are, in which thread, and what is passed over, and why."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from app.core.deciding.said import said_to
from app.core.event import Event, Ignored, Parsed, Unknown
from app.errors import DeliveryRefused
from app.settings import ROOT
from triggers.slack.form import CALLBACK_ID, view
from triggers.slack.installation import Installation
from triggers.slack.parse import parse
from triggers.slack.parse_press import block_id

SAMPLES = ROOT / "tests" / "payloads" / "slack" / "bolt-python"
OURS = Installation(team_id="T111", bot_user_id="UB111", bot_id="B111", url="https://octo.slack.com/", name="bellhop")


def sample(name: str) -> dict[str, Any]:
    [file] = SAMPLES.glob(name)
    found: dict[str, Any] = json.loads(file.read_text())
    return {"type": "event_callback", "team_id": "T111", "event_id": "Ev9", "event": found} if ".inner_event." in file.name else found


def event(parsed: Parsed) -> Event:
    assert isinstance(parsed, Event), parsed
    return parsed


def message(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "event_callback", "team_id": "T111", "event_id": "Ev7", "event": {
        "type": "message", "channel_type": "channel", "user": "U222", "team": "T111", "text": text, "ts": "1595926230.009600", "channel": "C111",
    } | more}


def pressed(action: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "block_actions", "team": {"id": "T111"}, "user": {"id": "U222", "username": "ada", "team_id": "T111"},
        "container": {"type": "message", "message_ts": "12.5", "channel_id": "C111"}, "message": {"ts": "12.5", "thread_ts": "11.1"},
        "actions": [{"action_ts": "13.1", **action}],
    } | more


@pytest.mark.parametrize("file", sorted(SAMPLES.glob("*.json")), ids=lambda file: file.stem)
def test_every_sample_is_an_event_is_passed_over_for_a_reason_or_is_not_known(file: Any) -> None:
    parsed = parse(sample(file.name), OURS)
    assert isinstance(parsed, Event | Unknown) or (isinstance(parsed, Ignored) and parsed.reason)


@pytest.mark.parametrize(("name", "says"), [
    ("app_mention__test_app__*", "only_quoted"), ("message.channel.message_changed*", "edited"), ("message.channel.message_deleted*", "deleted"),
    ("message.channel.bot_message__*classic*", "bot"), ("message__*bot_im_thread*", "own_words"), ("message.channel__test_message__message_body.json", "not_to_us"),
    ("member_joined_channel*__test_events__*", "membership"), ("reaction_added__test_events__*", "reaction_not_used"), ("view_closed*", "interaction_not_used"),
    ("view_submission__*connect_channel*", "other_workspace"), ("app_mention__*shared_channels*", "other_workspace"),
    ("block_actions__test_block_actions__*", "not_ours"), ("tokens_revoked__test_events__*", "uninstalled"),
    ("message__*assistant__user_message_event_body.inner*", "stranger"),
])
def test_what_is_passed_over_says_why(name: str, says: str) -> None:
    parsed = parse(sample(name), OURS)
    assert isinstance(parsed, Ignored)
    assert parsed.reason == says


def test_a_mention_is_an_event_in_the_thread_of_its_message() -> None:
    body = sample("app_mention__test_app__*")
    found = event(parse(body, OURS.model_copy(update={"bot_user_id": "W111"})))
    assert (found.kind, found.thread, found.actor.id) == ("slack.mention", "slack:T111/C111/1595926230.009600", "T111/W222")
    assert (found.text, found.title, found.places) == ("@bellhop Hi there!", "Hi there!", ("channel:C111",))
    assert found.url == "https://octo.slack.com/archives/C111/p1595926230009600"
    assert (found.delivery_key, found.occurred_at, found.repo.is_said) == ("event/Ev111", "2020-07-28T08:50:30+00:00", False)


def test_a_mention_and_the_message_that_it_is_are_one_happening_of_one_kind() -> None:
    told = [event(parse(message("hey <@UB111> fix it", type=kind), OURS)) for kind in ("app_mention", "message")]
    assert [each.kind for each in told] == ["slack.mention", "slack.mention"]
    assert told[0].intent_key == told[1].intent_key
    assert event(parse(message("hey <@UB111> fix it", ts="1.2"), OURS)).intent_key != told[0].intent_key


@pytest.mark.parametrize(("text", "more", "verb"), [
    ("<@UB111> stop", {}, "stop"), ("<@UB111>: now use tabs", {}, "now"), ("look at this\n<@UB111> stop", {}, "stop"),
    ("stop", {"channel_type": "im"}, "stop"), ("please do <@UB111> stop", {}, "work"),
    ("status", {"thread_ts": "1.1", "parent_user_id": "UB111"}, "status"), ("<@UB111> approve abcdef1", {"thread_ts": "1.1", "parent_user_id": "U3"}, "approve"),
])
def test_words_for_the_bot_are_read_by_the_rules_of_words(text: str, more: dict[str, Any], verb: str) -> None:
    said = said_to(event(parse(message(text, **more), OURS)).text, "bellhop[bot]")
    assert (said.verb, said.is_addressed) == (verb, True)


@pytest.mark.parametrize(("text", "more", "why"), [
    ("&gt; <@UB111> stop", {}, "not_to_us"), ("```\n<@UB111> stop\n```", {}, "not_to_us"), ("<@UB1112> stop", {}, "not_to_us"), ("stop", {}, "not_to_us"),
    ("&gt; <@UB111> stop", {"type": "app_mention"}, "only_quoted"), ("stop", {"thread_ts": "1.1", "parent_user_id": "U3"}, "not_to_us"),
    ("<@UB111> fix", {"bot_id": "B9"}, "bot"), ("<@UB111> fix", {"subtype": "channel_join"}, "membership"),
    ("<@UB111> fix", {"user": "UB111"}, "own_words"), ("<@UB111> fix", {"bot_id": "B111"}, "own_words"),
])
def test_t13_what_nobody_says_to_the_bot_is_passed_over(text: str, more: dict[str, Any], why: str) -> None:
    assert parse(message(text, **more), OURS) == Ignored(source="slack", kind=str(more.get("type", "message")), reason=why)


@pytest.mark.parametrize(("body", "why"), [
    (message("<@UB111> fix", team="T222"), "stranger"), (message("<@UB111> fix", user_team="T222"), "stranger"),
    (message("<@UB111> fix", source_team="T222"), "stranger"), (message("<@UB111> fix") | {"team_id": "T222"}, "other_workspace"),
    (pressed({"action_id": "bellhop.button.approve"}, user={"id": "U2", "team_id": "T222"}), "stranger"),
    (pressed({"action_id": "bellhop.button.approve"}, team={"id": "T222"}), "other_workspace"),
    ({"command": "/bellhop", "text": "fix", "team_id": "T222", "user_id": "U2", "channel_id": "C1", "trigger_id": "1"}, "other_workspace"),
])
def test_t15_another_workspace_and_its_people_start_nothing(body: dict[str, Any], why: str) -> None:
    parsed = parse(body, OURS)
    assert isinstance(parsed, Ignored)
    assert parsed.reason == why


def test_t17_markup_becomes_plain_words_in_which_no_name_counts() -> None:
    text = (
        "<@UB111> ask <@U333|bellhop> in <#C2|dev> about <https://github.com/octo/till/issues/7|the issue>, <http://README.md|README.md>, "
        "<http://github.com/o/r|github.com/o/r> &amp; &lt;b&gt; <!channel> <!subteam^S1|@team> <mailto:a@b.test|a@b.test>"
    )
    assert event(parse(message(text), OURS)).text == (
        "@bellhop ask @U333 in #dev about the issue (https://github.com/octo/till/issues/7), README.md, http://github.com/o/r & <b> @channel @team a@b.test"
    )


def test_a_slash_command_takes_its_options_at_the_end_and_has_a_thread_of_its_own() -> None:
    body = dict(parse_qsl((SAMPLES / "form__test_asgi_http__body.txt").read_text()))
    first = event(parse(body | {"text": "fix the *total*\nplease repo=octo/till model=x/y"}, OURS))
    assert (first.text, first.title) == ("@bellhop repo=octo/till model=x/y fix the *total*\nplease", "fix the *total*")
    assert (first.kind, first.actor.id, first.actor.login, first.handle) == ("slack.command", "T111/W111", "primary-owner", "user:W111")
    again, another = (event(parse(body | {"text": "fix", "trigger_id": each}, OURS)) for each in ("1.1", "2.2"))
    assert again.delivery_key != another.delivery_key
    assert again.thread != another.thread
    assert again.thread.startswith("slack:T111/C111/command-")
    assert parse(body | {"text": " "}, OURS) == Ignored(source="slack", kind="command", reason="no_words")


def test_a_button_says_its_words_and_a_menu_its_value() -> None:
    button = event(parse(pressed({"action_id": "bellhop.button.approve", "value": "abcdef1"}), OURS))
    assert (button.kind, button.text, button.thread, button.button) == ("slack.button", "@bellhop approve abcdef1", "slack:T111/C111/11.1", "approve")
    assert button.handle == "card:C111/12.5"
    menu = event(parse(pressed({"action_id": "bellhop.menu.repository", "selected_option": {"value": "octo/till"}}), OURS))
    assert (menu.kind, menu.text, menu.button) == ("slack.choice", "octo/till", "repository")
    twice = event(parse(pressed({"action_id": "bellhop.button.approve", "value": "abcdef1"}), OURS))
    assert twice.delivery_key == button.delivery_key
    assert menu.delivery_key != button.delivery_key


def test_a_press_belongs_to_the_conversation_that_its_card_is_about() -> None:
    thread = f"slack:T111/C999/command-{'a' * 32}"
    menu = {"action_id": "bellhop.menu.repository", "block_id": block_id(thread, "menu"), "selected_option": {"value": "octo/till"}}
    # As Slack sends it of a message that one person alone sees.
    alone = pressed(menu, container={"type": "message", "message_ts": "12.5", "channel_id": "D111", "is_ephemeral": True}, message=None)
    assert event(parse(alone, OURS)).thread == thread
    for other in ("bellhop|C999/../x|menu", f"bellhop|C999/command-{'a' * 33}|menu", "b1"):
        assert event(parse(pressed(menu | {"block_id": other}), OURS)).thread == "slack:T111/C111/11.1"


def test_an_x_on_what_the_bot_wrote_says_stop_and_on_nothing_else() -> None:
    body = sample("reaction_added__test_events__*")
    body["event"] |= {"reaction": "x", "item_user": "UB111"}
    found = event(parse(body, OURS))
    assert (found.kind, found.text, found.thread) == ("slack.reaction", "@bellhop stop", "slack:T111/C111/1599529504.000400")
    body["event"]["item_user"] = "W111"
    assert parse(body, OURS) == Ignored(source="slack", kind="reaction_added", reason="not_to_us")


def test_the_form_that_we_show_comes_back_as_a_task_for_where_it_was_asked_for() -> None:
    shown = view("C111", "bellhop")
    values = {name: {name: {"type": "plain_text_input", "value": value}} for name, value in
              (("task", "fix it"), ("repo", "octo/till and more"), ("agent", None), ("model", ""))}
    filled = shown | {"id": "V1", "team_id": "T111", "state": {"values": values}}
    body: dict[str, Any] = {
        "type": "view_submission", "team": {"id": "T111"}, "user": {"id": "U222", "username": "ada", "team_id": "T111"}, "view": filled,
    }
    found = event(parse(body, OURS))
    assert (found.kind, found.text, found.places) == ("slack.form", "@bellhop repo=octo/till fix it", ("channel:C111",))
    assert shown["callback_id"] == CALLBACK_ID
    nowhere = event(parse(body | {"view": filled | {"private_metadata": "{"}}, OURS))
    assert nowhere.thread.startswith("slack:T111/U222/form-")


@pytest.mark.parametrize("more", [{"channel": "C1/../x"}, {"user": None}, {"ts": "now"}, {"thread_ts": {"a": 1}}, {"channel": "slack:x"}])
def test_a_message_without_a_name_of_slacks_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(DeliveryRefused):
        parse(message("<@UB111> fix", **more), OURS)
    with pytest.raises(DeliveryRefused):
        parse(message("<@UB111> fix") | {"event_id": "Ev 1"}, OURS)
