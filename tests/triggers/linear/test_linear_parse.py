"""Each kind of delivery of Linear's: an event, a reason, or a kind that nobody knows."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from app.core.deciding.said import said_to
from app.core.event import Event, Ignored, Parsed, Repo, Unknown
from app.core.ringing.on import On
from app.core.ringing.rings import takes
from app.errors import DeliveryRefused
from triggers.linear.addressed import Bot, addressed, named
from triggers.linear.parse import parse

SAMPLES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).resolve().parents[2] / "payloads" / "linear" / "samples").glob("*.json"))
}
BOT = Bot(login="bellhop[bot]", name="My Agent")
# In a workspace without agent sessions.
PLAIN = BOT.model_copy(update={"user_id": "app-u"})
CREATED, PROMPTED, ISSUE, COMMENT = (
    SAMPLES[name] for name in ("AgentSessionEvent.created", "AgentSessionEvent.prompted", "Issue.update.assignee_and_delegate", "Comment.create")
)


def changed(sample: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return the sample with other members, `a__b` being the member b of the member a."""
    payload = copy.deepcopy(sample)
    for way, value in members.items():
        *above, last = way.split("__")
        place = payload
        for key in above:
            place = place[key]
        place[last] = value
    return payload


def told(payload: dict[str, Any], bot: Bot = BOT) -> Parsed:
    return parse("d-1", payload, bot)


def event(payload: dict[str, Any], bot: Bot = BOT) -> Event:
    found = told(payload, bot)
    assert isinstance(found, Event)
    assert Event.model_validate_json(found.model_dump_json()) == found
    return found


def reason(payload: dict[str, Any], bot: Bot = BOT) -> str:
    found = told(payload, bot)
    assert isinstance(found, Ignored)
    return found.reason


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("bot", [BOT, PLAIN], ids=["sessions", "no_sessions"])
def test_a_sample_is_an_event_or_has_a_reason(name: str, bot: Bot) -> None:
    found = told(SAMPLES[name], bot)
    assert isinstance(found, Event | Ignored)
    assert found == told(copy.deepcopy(SAMPLES[name]), bot)


def test_a_mention_is_read_in_full() -> None:
    found = event(CREATED)
    assert (found.source, found.kind, found.thread, found.handle) == ("linear", "linear.mentioned", "linear:i-1", "s-1")
    assert (found.actor.id, found.actor.login, found.actor.kind) == ("u-1", "Ann", "person")
    assert (found.title, found.url) == ("Fix checkout", "https://linear.app/acme/issue/ENG-12/fix-checkout")
    assert found.repo == Repo.unsaid()
    assert found.places == ("team:ENG", "workspace:11111111-1111-4111-8111-111111111111")
    assert found.is_comment
    assert found.is_elsewhere
    assert said_to(found.text, "bellhop[bot]").is_addressed
    assert takes(On.model_validate({"linear": {"types": ["mentioned"], "teams": ["ENG"]}}), found, "bellhop[bot]")
    assert not takes(On.model_validate({"linear": {"teams": ["OPS"]}}), found, "bellhop[bot]")


@pytest.mark.parametrize("comment", [None, {"id": "c-1", "body": "This thread is for an agent session with My Agent."}])
def test_a_delegation_has_the_issues_own_words(comment: dict[str, Any] | None) -> None:
    found = event(changed(CREATED, agentSession__comment=comment))
    assert (found.kind, found.text, found.is_comment, found.handle) == ("linear.delegated", "Steps\u2026", False, "s-1")


@pytest.mark.parametrize("session", [
    {"comment": {"id": "c-1", "body": "@bellhop approve 1234567", "userId": "u-2"}, "sourceCommentId": "c-2"},
    {"comment": {"id": "c-1", "body": "@bellhop approve 1234567", "userId": "u-2"}},
    {"comment": {"id": "c-1", "body": "@bellhop approve 1234567", "userId": None}},
    {"comment": {"id": "c-1", "body": "@bellhop approve 1234567", "userId": "u-1"}, "sourceCommentId": "c-2"},
    {"comment": {"id": "c-1", "body": "This thread is for an agent session with My Agent."}, "sourceCommentId": "c-2"},
], ids=["an_answer", "anothers", "nobodys", "an_answer_to_oneself", "an_answer_to_linear"])
def test_t19_the_first_comment_of_a_thread_is_not_the_words_of_whoever_answers_below_it(session: dict[str, Any]) -> None:
    """It would approve, or stop, in the name of the person who has mentioned the bot in an answer: Linear's delivery has no other comment."""
    found = event(changed(CREATED, **{f"agentSession__{name}": value for name, value in session.items()}))
    assert (found.kind, found.actor.id, found.text) == ("linear.mentioned", "u-1", "@bellhop")


def test_a_prompt_and_a_stop_are_words_to_the_bot() -> None:
    found = event(PROMPTED)
    assert (found.kind, found.text, found.handle, found.thread) == ("linear.prompted", "@bellhop also add a test", "s-1", "linear:i-1")
    stop = event(SAMPLES["AgentSessionEvent.prompted.stop"])
    assert said_to(stop.text, "bellhop[bot]").verb == "stop"
    # Whatever stands beside the signal.
    assert event(changed(PROMPTED, agentActivity__signal="stop")).text == "@bellhop stop"


def test_t13_what_the_app_says_itself_rings_nobody() -> None:
    assert reason(changed(PROMPTED, agentActivity__user__id="app-u")) == "own_words"
    assert reason(changed(COMMENT, data__user__id="app-u", actor__id="app-u"), PLAIN) == "own_words"
    assert event(changed(PROMPTED, agentActivity__user__email="x@oauthapp.linear.app")).actor.kind == "bot"


def test_t16_programs_and_those_outside_are_no_persons() -> None:
    assert reason(changed(CREATED, agentSession__creator=None)) == "bot"
    labeled = changed(ISSUE, updatedFrom={"labelIds": []})
    for actor in ({"id": "oc-1", "type": "oauthClient", "name": "Ann"}, {"id": "int-1", "type": "integration", "service": "slack"}):
        assert event(changed(labeled, actor=actor)).actor.kind == "bot"
    assert event(labeled).actor.kind == "person"
    mention = changed(COMMENT, data__body="@bellhop fix this")
    assert event(mention, PLAIN).actor.id == "u-1"
    assert reason(changed(mention, data__user=None, data__userId=None), PLAIN) == "bot"
    assert reason(changed(mention, data__botActor="{}"), PLAIN) == "bot"
    assert reason(changed(mention, data__user__id="u-2"), PLAIN) == "author_is_not_sender"


def test_a_label_that_was_just_added_is_named() -> None:
    before = changed(ISSUE, updatedFrom={"labelIds": ["l-0"]})
    found = event(before)
    assert (found.kind, found.label, found.labels, found.text) == ("linear.labeled", "agent", ("agent",), "")
    assert found.places == ("label:agent", "team:ENG", "workspace:11111111-1111-4111-8111-111111111111")
    wanted = On.model_validate({"linear": {"types": ["labeled"], "labels": ["Agent"]}})
    assert takes(wanted, found, "bellhop[bot]")
    assert reason(changed(ISSUE, updatedFrom={"labelIds": ["l-1", "l-0"]})) == "action_not_used"
    two = changed(before, data__labels=[{"id": "l-2", "name": "bug"}, {"id": "l-1", "name": "agent"}, {"id": "l-0", "name": "old"}])
    assert (event(two).label, event(two).labels) == (None, ("bug", "agent"))
    assert takes(wanted, event(two), "bellhop[bot]")
    assert not takes(On.model_validate({"linear": {"labels": ["old"]}}), event(two), "bellhop[bot]")
    made = {name: value for name, value in changed(ISSUE, action="create").items() if name != "updatedFrom"}
    assert event(made).label == "agent"


def test_an_issue_given_to_the_bot_rings_once() -> None:
    assert reason(ISSUE) == "agent_session"
    found = event(ISSUE, PLAIN)
    assert (found.kind, found.label) == ("linear.assigned", None)
    assert event(changed(ISSUE, data__assigneeId="app-u", data__delegateId=None), PLAIN).kind == "linear.assigned"
    assert reason(changed(ISSUE, data__delegateId="another-agent"), PLAIN) == "agent_session"
    assert reason(changed(ISSUE, updatedFrom={"title": "Before"}), PLAIN) == "action_not_used"


def test_a_comment_counts_where_there_are_no_sessions_and_it_addresses_the_bot() -> None:
    assert reason(COMMENT) == "agent_session"
    assert reason(COMMENT, PLAIN) == "not_addressed"
    found = event(changed(COMMENT, data__body="Seen.\n[@My Agent](https://linear.app/acme/profiles/myagent) fix this"), PLAIN)
    assert (found.kind, found.text) == ("linear.commented", "Seen.\n@bellhop fix this")
    assert reason(changed(COMMENT, data__body="> @bellhop fix this"), PLAIN) == "not_addressed"
    assert reason(changed(COMMENT, data__issue=None), PLAIN) == "no_issue"
    assert reason(changed(COMMENT, action="update"), PLAIN) == "edited"


@pytest.mark.parametrize(("text", "says"), [
    ("fix it", "@bellhop fix it"),
    ("@my agent stop", "@bellhop stop"),
    ("@MyAgent: stop", "@bellhop: stop"),
    ("https://linear.app/acme/profiles/myagent stop", "@bellhop stop"),
    ("@ann look", "@bellhop @ann look"),
    ("Look.\n@bellhop stop", "Look.\n@bellhop stop"),
    ("> a quote\n\nthis", "@bellhop\n> a quote\n\nthis"),
    ("```\n@bellhop stop\n```", "@bellhop\n```\n@bellhop stop\n```"),
    ("@my agents are here", "@bellhop @my agents are here"),
    ("  ", "@bellhop"),
])
def test_words_of_a_session_are_addressed(text: str, says: str) -> None:
    assert addressed(text, BOT) == says
    assert said_to(addressed(text, BOT), "bellhop[bot]").is_addressed


def test_only_the_start_of_a_line_is_a_mention() -> None:
    assert named("ask @My Agent", BOT) == "ask @My Agent"


def test_what_bellhop_has_no_use_for_is_named() -> None:
    assert reason(SAMPLES["AppUserNotification.issueAssignedToYou"]) == "event_not_used"
    envelope = {"organizationId": "o-1", "oauthClientId": "oc-1", "webhookTimestamp": 1}
    assert reason({"type": "PermissionChange", "action": "teamAccessChanged", **envelope}) == "event_not_used"
    assert reason({"type": "OAuthApp", "action": "revoked", **envelope}) == "app_revoked"
    assert told({"type": "Hologram", "action": "create"}) == Unknown(source="linear", kind="Hologram")
    assert reason(changed(CREATED, agentSession__issue=None)) == "no_issue"
    assert reason(changed(CREATED, action="ended")) == "action_not_used"


@pytest.mark.parametrize("payload", [
    {}, {"type": "Issue"}, {"type": ["Issue"], "action": "update"}, {"type": "Issue", "action": "update"},
    changed(CREATED, agentSession=None), changed(CREATED, agentSession__issue__url="javascript:alert(1)"),
    changed(CREATED, agentSession__issue__id="i 1"), changed(PROMPTED, agentActivity=None), changed(ISSUE, data__team__key="E N"),
    changed(CREATED, organizationId=7),
], ids=str)
def test_what_lacks_a_member_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(DeliveryRefused) as refused:
        told(payload)
    assert (refused.value.status, refused.value.reason) == (400, "bad_payload")


def test_the_same_happening_has_one_intent() -> None:
    assert event(CREATED).intent_key != event(PROMPTED).intent_key
    again = parse("d-2", CREATED, BOT)
    assert isinstance(again, Event)
    assert again.intent_key == event(CREATED).intent_key
    assert event(changed(CREATED, agentSession__id="s-2")).intent_key != event(CREATED).intent_key
