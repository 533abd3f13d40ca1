"""From payload to Event: GitHub's own published examples, and what people may put into them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from app.core.event import Event, Ignored, Unknown
from app.core.run import comment_marker
from app.errors import DeliveryRefused
from triggers.github.parse import IGNORED, READERS, parse
from triggers.members import TEXT_LIMIT_BYTES, TITLE_LIMIT_CHARACTERS

PAYLOADS = Path(__file__).resolve().parents[2] / "payloads" / "github" / "webhooks"
EXAMPLES = sorted(PAYLOADS.glob("*/*.json"))


def example(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((PAYLOADS / name).read_text())
    return payload


def parsed(event: str, payload: dict[str, Any]) -> Event:
    result = parse(event, "d-1", payload)
    assert isinstance(result, Event)
    return result


def ignored(event: str, payload: dict[str, Any]) -> str:
    result = parse(event, "d-1", payload)
    assert isinstance(result, Ignored)
    return result.reason


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_published_example_is_an_event_or_ignored_with_a_reason(path: Path) -> None:
    event = path.parent.name
    payload = json.loads(path.read_text())
    result = parse(event, "d-1", payload)
    if event in READERS and payload.get("action") in (READERS[event].actions or ()):
        assert isinstance(result, Event)
        assert parse(event, "d-1", payload) == result
        assert Event.model_validate_json(result.model_dump_json()) == result
    else:
        assert isinstance(result, Ignored)
        assert result.reason


def test_the_examples_are_there() -> None:
    assert {path.parent.name for path in EXAMPLES} == {"issues", "issue_comment", "ping"}
    assert len(EXAMPLES) == 39


def test_a_labelled_issue_is_read_in_full() -> None:
    payload = example("issues/labeled.payload.json")
    payload["installation"] = {"id": 77}
    event = parsed("issues", payload)
    assert (event.kind, event.thread, event.number) == ("issues.labeled", "github:Codertocat/Hello-World#1", 1)
    assert (event.label, event.labels) == ("bug", ("bug",))
    assert (event.actor.id, event.actor.login, event.actor.kind) == ("21031067", "Codertocat", "person")
    assert (event.repo.id, event.repo.default_branch, event.repo.installation_id) == (186853002, "master", 77)
    assert event.title == "Spelling error in the README file"
    assert event.delivery_key == "d-1"
    assert event.occurred_at == "2019-05-15T15:20:18Z"


def test_a_comment_carries_its_own_words() -> None:
    event = parsed("issue_comment", example("issue_comment/created.payload.json"))
    assert event.text == "You are totally right! I'll get this fixed right away."
    assert event.comment_id == 492700400
    assert event.url.endswith("#issuecomment-492700400")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_t3_a_captured_delivery_has_the_same_intent_under_any_delivery_id(path: Path) -> None:
    payload = json.loads(path.read_text())
    first, again = (parse(path.parent.name, key, payload) for key in ("d-1", "d-2"))
    if isinstance(first, Event):
        assert isinstance(again, Event)
        assert first.intent_key is not None
        assert first.intent_key == again.intent_key


@pytest.mark.parametrize(
    "change",
    [
        {"issue": {"updated_at": "2019-05-15T15:20:19Z"}}, {"issue": {"number": 2}}, {"label": {"name": "another"}},
        {"repository": {"id": 5}}, {"sender": {"id": 5}}, {"action": "opened"},
    ],
    ids=str,
)
def test_t3_a_happening_of_its_own_has_an_intent_of_its_own(change: dict[str, Any]) -> None:
    payload = example("issues/labeled.payload.json")
    other = copy.deepcopy(payload)
    for key, value in change.items():
        other[key] = {**other[key], **value} if isinstance(value, dict) else value
    assert parsed("issues", payload).intent_key != parsed("issues", other).intent_key


def test_t3_two_comments_of_one_second_are_two_happenings() -> None:
    payload = example("issue_comment/created.payload.json")
    other = copy.deepcopy(payload)
    other["comment"]["id"] += 1
    assert parsed("issue_comment", payload).intent_key != parsed("issue_comment", other).intent_key


def test_a_payload_without_a_time_has_no_intent_to_tell() -> None:
    payload = example("issues/labeled.payload.json")
    del payload["issue"]["updated_at"]
    assert parsed("issues", payload).intent_key is None


def test_an_empty_body_is_an_empty_text() -> None:
    assert parsed("issues", example("issues/opened.with-empty-body.payload.json")).text == ""


def test_members_that_github_adds_are_passed_over() -> None:
    payload = example("issues/labeled.payload.json")
    payload["sender"]["user_view_type"] = "public"
    payload["issue"]["type"] = {"name": "Bug"}
    payload["new_member"] = [1]
    assert parsed("issues", payload).kind == "issues.labeled"


def test_t10_an_edited_comment_is_ignored() -> None:
    assert ignored("issue_comment", example("issue_comment/edited.payload.json")) == "edited"
    assert ignored("issues", example("issues/edited.payload.json")) == "edited"


BOTH = pytest.mark.parametrize(("event", "name"), [("issues", "issues/labeled"), ("issue_comment", "issue_comment/created")])


@pytest.mark.parametrize(("login", "kind"), [("evil-app[bot]", "User"), ("o", "Organization"), ("m", "Mannequin")])
@BOTH
def test_t8_who_is_neither_a_person_nor_a_bot_is_passed_over(event: str, name: str, login: str, kind: str) -> None:
    payload = example(f"{name}.payload.json")
    payload["sender"] |= {"login": login, "type": kind}
    assert ignored(event, payload) == "bot"


@pytest.mark.parametrize("login", ["evil-app[bot]", "evil"])
@BOTH
def test_t8_a_bot_is_said_to_be_one_whatever_its_name(event: str, name: str, login: str) -> None:
    payload = example(f"{name}.payload.json")
    payload["sender"] |= {"login": login, "type": "Bot"}
    assert parsed(event, payload).actor.kind == "bot"


def test_t13_our_own_words_under_a_persons_token_are_ignored() -> None:
    payload = example("issue_comment/created.payload.json")
    payload["comment"]["body"] = f"@bellhop go\n{comment_marker('abcdefghijkm')}"
    assert ignored("issue_comment", payload) == "own_words"


def test_a_comment_that_its_sender_did_not_write_is_ignored() -> None:
    payload = example("issue_comment/created.payload.json")
    payload["comment"]["user"]["id"] = 1
    assert ignored("issue_comment", payload) == "author_is_not_sender"


def test_what_people_write_is_bounded_with_a_note() -> None:
    payload = example("issues/labeled.payload.json")
    payload["issue"]["title"] = "t" * 5000
    payload["issue"]["body"] = "\U0001f600" * 65536
    event = parsed("issues", payload)
    assert len(event.title) == TITLE_LIMIT_CHARACTERS
    assert len(event.text.encode()) <= TEXT_LIMIT_BYTES
    assert event.text.endswith("[Bellhop cut this text here: it had 262144 bytes]")


def test_r21_what_a_database_cannot_hold_is_replaced() -> None:
    payload = example("issues/labeled.payload.json")
    payload["issue"] |= {"title": "a\0b\ud800c", "body": "x\0y\udfffz"}
    event = parsed("issues", payload)
    assert (event.title, event.text) == ("a\ufffdb?c", "x\ufffdy?z")
    assert Event.model_validate_json(event.model_dump_json()) == event


HOSTILE: list[tuple[tuple[str, ...], object]] = [
    (("repository", "full_name"), "../.."),
    (("repository", "full_name"), "octo/.."),
    (("repository", "full_name"), "octo/x\n"),
    (("repository", "full_name"), "octo"),
    (("repository", "full_name"), "octo/a/b"),
    (("repository", "default_branch"), "--upload-pack=x"),
    (("repository", "default_branch"), "a b"),
    (("repository", "id"), "7"),
    (("repository", "id"), True),
    (("repository", "id"), 2**70),
    (("repository",), None),
    (("sender", "login"), "a/../b"),
    (("sender", "id"), 0),
    (("sender",), None),
    (("issue", "number"), 0),
    (("issue", "html_url"), "javascript:alert(1)"),
    (("issue", "html_url"), 'https://x/" onclick="y'),
    (("issue", "title"), ["a"]),
    (("issue", "labels"), [None]),
    (("issue",), None),
    (("label",), {"name": 7}),
]


@pytest.mark.parametrize(("path", "value"), HOSTILE, ids=lambda value: str(value)[:40])
def test_t23_a_member_out_of_bounds_is_refused_by_name(path: tuple[str, ...], value: object) -> None:
    payload = example("issues/labeled.payload.json")
    changed = copy.deepcopy(payload)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    with pytest.raises(DeliveryRefused, match=path[-1]) as refused:
        parse("issues", "d-1", changed)
    assert (refused.value.status, refused.value.reason) == (400, "bad_payload")


def test_a_comment_event_without_a_comment_is_refused() -> None:
    payload = example("issue_comment/created.payload.json")
    del payload["comment"]
    with pytest.raises(DeliveryRefused, match="comment"):
        parse("issue_comment", "d-1", payload)


@pytest.mark.parametrize("event", sorted(IGNORED))
def test_other_events_are_ignored_whatever_they_hold(event: str) -> None:
    result = parse(event, "d-1", {"action": {"not": "a word"}, "sender": None})
    assert result == Ignored(source="github", kind=event, reason="ping" if event == "ping" else "event_not_used")


def test_an_event_that_nobody_has_heard_of_is_unknown() -> None:
    assert parse("brand_new", "d-1", {"action": "created"}) == Unknown(source="github", kind="brand_new")


def test_an_action_that_nobody_has_heard_of_is_ignored() -> None:
    assert ignored("issues", {"action": "typed"}) == "action_not_used"
    assert ignored("issues", {"action": "x" * 1000}) == "action_not_used"


def test_what_has_no_action_is_no_payload_of_an_event_that_has_them() -> None:
    for payload in ({}, {"action": None}, {"action": {"not": "a word"}}):
        with pytest.raises(DeliveryRefused, match="issues: the action is missing"):
            parse("issues", "d-1", payload)
