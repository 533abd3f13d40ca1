"""The life of an agent session."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from app.emulators.linear import LinearEmulator, Seed, SeedApp
from tests.app.emulators.github.github_kit import SettableClock
from tests.app.emulators.linear.linear_kit import GraphQL

CREATE = "mutation ($i: AgentActivityCreateInput!) { agentActivityCreate(input: $i) { agentActivity { id } } }"
UPDATE = "mutation ($id: String!, $i: AgentSessionUpdateInput!) { agentSessionUpdate(id: $id, input: $i) { agentSession { externalLinks { label url } plan } } }"
STATUS = "query ($id: String!) { agentSession(id: $id) { status startedAt endedAt activities { nodes { content { __typename } } } } }"


def created(linear: LinearEmulator) -> dict[str, Any]:
    body: dict[str, Any] = next(one.payload for one in reversed(linear.deliveries) if (one.event, one.action) == ("AgentSessionEvent", "created"))
    return body


def test_a_session_goes_from_pending_to_its_end_as_activities_come(linear: LinearEmulator, api: GraphQL, clock: SettableClock) -> None:
    session = linear.person("ada").mention("ENG-1", "fix this")

    def status() -> str:
        found: str = api.data(STATUS, id=session.id)["agentSession"]["status"]
        assert found == linear.status(session)
        return found

    assert status() == "pending"
    api.activity(session.id, {"type": "thought", "body": "On it"})
    assert status() == "active"
    api.activity(session.id, {"type": "elicitation", "body": "Which repository?"})
    assert status() == "awaitingInput"
    clock.advance(3600)
    assert status() == "awaitingInput", "whoever waits for a person is not stale"
    linear.person("ada").prompt(session, "the first")
    assert status() == "active"
    clock.advance(1799)
    assert status() == "active"
    clock.advance(1)
    assert status() == "stale"
    api.activity(session.id, {"type": "action", "action": "Edit", "parameter": "README"})
    assert status() == "active"
    api.activity(session.id, {"type": "response", "body": "Done."})
    assert status() == "complete"
    linear.person("ada").prompt(session, "once more")
    assert status() == "active"
    api.activity(session.id, {"type": "error", "body": "Broken."})
    assert status() == "error"
    assert api.data(STATUS, id=session.id)["agentSession"]["endedAt"] is not None
    # What is for the person to read stands in the thread too.
    assert [one.body for one in linear.comments("ENG-1")] == [
        "@bellhop fix this", "Which repository?", "the first", "Done.", "once more", "Broken.",
    ]


def test_whoever_shows_nothing_for_ten_seconds_is_unresponsive(linear: LinearEmulator, api: GraphQL, clock: SettableClock) -> None:
    late, prompt, linked = (linear.person("ada").mention("ENG-1", "look") for _ in range(3))
    clock.advance(10)
    api.activity(prompt.id, {"type": "thought", "body": "On it"})
    api.data(UPDATE, id=linked.id, i={"externalUrls": [{"label": "Run", "url": "https://bellhop.example/1"}]})
    clock.advance(1)
    assert [linear.unresponsive(one) for one in (late, prompt, linked)] == [True, False, False]
    api.activity(late.id, {"type": "thought", "body": "Here"})
    assert linear.unresponsive(late)


@pytest.mark.parametrize(("content", "more"), [
    ({"type": "prompt", "body": "x"}, {}), ({"type": "musing", "body": "x"}, {}), ({"body": "x"}, {}), ([{"type": "thought", "body": "x"}], {}),
    ({"type": "thought"}, {}), ({"type": "thought", "body": ""}, {}), ({"type": "thought", "body": 1}, {}),
    ({"type": "thought", "body": "x", "title": "y"}, {}), ({"type": "response", "body": "x", "action": "y"}, {}),
    ({"type": "action", "action": "x"}, {}), ({"type": "action", "body": "x"}, {}), ({"type": "action", "action": "x", "parameter": "y", "result": 1}, {}),
    ({"type": "response", "body": "x"}, {"ephemeral": True}), ({"type": "elicitation", "body": "x"}, {"ephemeral": True}),
    ({"type": "error", "body": "x"}, {"ephemeral": True}),
    ({"type": "response", "body": "x"}, {"signal": "stop"}), ({"type": "thought", "body": "x"}, {"signal": "select"}),
    ({"type": "thought", "body": "x"}, {"id": "not-a-uuid"}),
    ({"type": "thought", "body": "x"}, {"id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}),
], ids=json.dumps)
def test_an_activity_of_another_shape_is_refused(linear: LinearEmulator, api: GraphQL, content: Any, more: dict[str, Any]) -> None:
    session = linear.person("ada").mention("ENG-1", "look")
    error = api.error(CREATE, i={"agentSessionId": session.id, "content": content, **more})
    assert error["extensions"]["code"] == "INVALID_INPUT"
    assert linear.activities(session) == []


def test_an_activity_whose_id_was_there_before_is_that_one(linear: LinearEmulator, api: GraphQL) -> None:
    session = linear.person("ada").mention("ENG-1", "look")
    wanted = str(uuid.uuid4())
    for words in ("Done.", "Done twice."):
        assert api.activity(session.id, {"type": "response", "body": words}, id=wanted)["id"] == wanted
    assert [one.content["body"] for one in linear.activities(session)] == ["Done."]
    other = linear.person("ada").mention("ENG-1", "and here")
    assert api.error(CREATE, i={"agentSessionId": other.id, "content": {"type": "response", "body": "Done."}, "id": wanted})["extensions"]["code"] == "INVALID_INPUT"
    api.activity(session.id, {"type": "thought", "body": "hm"}, ephemeral=True)
    assert linear.activities(session)[-1].ephemeral


def test_only_the_app_speaks_for_the_app(linear: LinearEmulator, api: GraphQL) -> None:
    session = linear.person("ada").mention("ENG-1", "look")
    content = {"type": "response", "body": "forged"}
    assert GraphQL(linear, "lin_api_ada").error(CREATE, i={"agentSessionId": session.id, "content": content})["extensions"]["code"] == "FORBIDDEN"
    api.error(CREATE, i={"agentSessionId": str(uuid.uuid4()), "content": content})
    GraphQL(linear, "lin_api_ada").error(UPDATE, id=session.id, i={"plan": []})
    assert linear.activities(session) == []


def test_links_and_plan_are_kept_current(linear: LinearEmulator, api: GraphQL) -> None:
    session = linear.person("ada").mention("ENG-1", "look")

    def update(**given: Any) -> dict[str, Any]:
        found: dict[str, Any] = api.data(UPDATE, id=session.id, i=given)["agentSessionUpdate"]["agentSession"]
        return found

    run, pull = {"label": "Run", "url": "https://bellhop.example/1"}, {"label": "PR", "url": "https://git.example/1"}
    assert update(externalUrls=[run])["externalLinks"] == [run]
    assert update(addedExternalUrls=[pull])["externalLinks"] == [run, pull]
    assert update(addedExternalUrls=[{**pull, "label": "Pull request"}])["externalLinks"] == [run, {**pull, "label": "Pull request"}]
    assert update(removedExternalUrls=[run["url"]])["externalLinks"] == [{**pull, "label": "Pull request"}]
    steps = [{"content": "Read", "status": "completed"}, {"content": "Write", "status": "inProgress"}]
    assert update(plan=steps)["plan"] == steps
    for wrong in ({"steps": steps}, [{"content": "Read"}], [{"content": "Read", "status": "done"}]):
        api.error(UPDATE, id=session.id, i={"plan": wrong})
    assert update(plan=None)["plan"] is None
    api.error(UPDATE, id=session.id, i={"externalUrls": [run, run]})
    api.error(UPDATE, id=session.id, i={"externalUrls": [run], "addedExternalUrls": [pull]})


def test_the_prompt_context_has_issue_thread_other_threads_and_guidance(linear: LinearEmulator) -> None:
    ada, bob = linear.person("ada"), linear.person("bob")
    bob.comment("ENG-1", "elsewhere")
    root = ada.comment("ENG-1", "It broke <today>")
    bob.comment("ENG-1", "@bellhop can you help?", reply_to=root)
    body = created(linear)
    assert [one["body"] for one in body["previousComments"]] == ["It broke <today>"]
    assert [(one["origin"]["type"], one["body"]) for one in body["guidance"]] == [("Organization", "Be kind."), ("Team", "Write tests.")]
    assert body["promptContext"] == f"""\
<issue identifier="ENG-1">
<title>Fix checkout</title>
<description>
It &lt;fails&gt;.
</description>
<team name="Engineering"/>
<label>bug</label>
<project name="Till">The till.</project>
</issue>

<primary-directive-thread comment-id="{root.id}">
<comment author="Ada Lovelace" created-at="2026-03-01 12:00:00">
It broke &lt;today&gt;
</comment>
<comment author="Bob" created-at="2026-03-01 12:00:00">
@bellhop can you help?
</comment>
</primary-directive-thread>

<other-thread comment-id="{linear.comments('ENG-1')[0].id}">
<comment author="Bob" created-at="2026-03-01 12:00:00">
elsewhere
</comment>
</other-thread>

<guidance>
<guidance-rule origin="workspace">
Be kind.
</guidance-rule>
<guidance-rule origin="team" team-name="Engineering">
Write tests.
</guidance-rule>
</guidance>"""


def test_a_delegation_opens_a_thread_and_a_second_one_another(linear: LinearEmulator) -> None:
    ada = linear.person("ada")
    first = ada.delegate("ENG-1")
    assert first is not None
    assert linear.comments("ENG-1")[0].body == "This thread is for an agent session with bellhop."
    assert "primary-directive-thread" not in created(linear)["promptContext"]
    assert created(linear)["previousComments"] is None
    assert ada.delegate("ENG-1") is None, "it is delegated already"
    ada.delegate("ENG-1", delegated=False)
    ada.assign("ENG-1", "bellhop")
    assert linear.issue("ENG-1").assignee is None
    assert linear.issue("ENG-1").delegate is linear.app_user
    assert len(linear.sessions("ENG-1")) == 2
    linear.person("bob").comment("ENG-1", "and now?", reply_to=first.root)
    assert linear.activities(first)[-1].content == {"type": "prompt", "body": "and now?"}


def test_people_prompt_and_stop_over_the_api_too(linear: LinearEmulator, api: GraphQL) -> None:
    session = linear.person("ada").mention("ENG-1", "look")
    prompt = "mutation ($i: AgentActivityCreatePromptInput!) { agentActivityCreatePrompt(input: $i) { agentActivity { signal content { __typename } } } }"
    given = {"agentSessionId": session.id, "content": {"body": "stop it"}, "signal": "stop"}
    made = GraphQL(linear, "lin_api_bob").data(prompt, i=given)["agentActivityCreatePrompt"]["agentActivity"]
    assert made == {"signal": "stop", "content": {"__typename": "AgentActivityPromptContent"}}
    assert linear.deliveries[-1].payload["agentActivity"]["signal"] == "stop"
    assert api.error(prompt, i=given)["extensions"]["code"] == "FORBIDDEN"


def test_the_app_begins_a_session_of_its_own_accord(linear: LinearEmulator, api: GraphQL) -> None:
    on_issue = 'mutation { agentSessionCreateOnIssue(input: {issueId: "ENG-1"}) { agentSession { id issue { identifier } comment { isArtificialAgentSessionRoot } } } }'
    made = api.data(on_issue)["agentSessionCreateOnIssue"]["agentSession"]
    assert (made["issue"], made["comment"]) == ({"identifier": "ENG-1"}, {"isArtificialAgentSessionRoot": True})
    comment = linear.person("ada").comment("ENG-1", "it broke")
    on_comment = "mutation ($i: AgentSessionCreateOnComment!) { agentSessionCreateOnComment(input: $i) { agentSession { comment { body } } } }"
    assert api.data(on_comment, i={"commentId": comment.id})["agentSessionCreateOnComment"]["agentSession"]["comment"] == {"body": "it broke"}
    assert "AgentSessionEvent" not in {one.event for one in linear.deliveries}
    GraphQL(linear, "lin_api_ada").error(on_issue)


@pytest.mark.parametrize("text", ["mail@bellhop.example", "@bellhopper", "a/@bellhop", "bellhop"])
def test_what_only_looks_like_a_mention_begins_nothing(linear: LinearEmulator, text: str) -> None:
    linear.person("ada").comment("ENG-1", text)
    assert linear.sessions() == []


def test_an_app_without_the_agent_scopes_is_neither_delegated_to_nor_mentioned() -> None:
    with LinearEmulator(Seed(app=SeedApp(scopes=("read", "write")))) as linear:
        ada = linear.person("ada")
        ada.create_issue("ENG", "One", "@bellhop")
        with pytest.raises(Exception, match="Argument Validation Error"):
            ada.delegate("ENG-1")
        with pytest.raises(LookupError, match="app:mentionable"):
            ada.mention("ENG-1", "look")
