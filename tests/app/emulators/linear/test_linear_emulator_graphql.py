"""The API over Linear's own schema."""

from __future__ import annotations

from typing import Any

import pytest

from app.emulators.linear import LinearEmulator, Seed, SeedApp, serve
from tests.app.emulators.github.github_kit import SettableClock
from tests.app.emulators.linear.linear_kit import GraphQL, everything, seed, type_named

ISSUE = "query ($id: String!) { issue(id: $id) { id identifier title state { name type } delegate { id } labels { nodes { name } } } }"
UPDATE = "mutation ($id: String!, $i: IssueUpdateInput!) { issueUpdate(id: $id, input: $i) { success issue { state { name } assignee { name } labels { nodes { name } } } } }"


def busy(linear: LinearEmulator, api: GraphQL) -> None:
    """Have one of everything."""
    ada = linear.person("ada")
    session = ada.mention("ENG-1", "please look")
    kinds: list[dict[str, Any]] = [
        {"type": "thought", "body": "hm"}, {"type": "action", "action": "Read", "parameter": "README", "result": "ok"},
        {"type": "elicitation", "body": "Which?"}, {"type": "response", "body": "Done."}, {"type": "error", "body": "No."},
    ]
    for content in kinds:
        api.activity(session.id, content)
    ada.prompt(session, "and a test")
    ada.comment("ENG-1", "aside", reply_to=session.root)
    api.data("mutation ($i: AttachmentCreateInput!) { attachmentCreate(input: $i) { success } }",
             i={"issueId": "ENG-1", "title": "PR", "url": "https://git.example/pull/1", "metadata": {"state": "open"}})


def test_every_field_of_every_type_is_filled_as_the_schema_says(linear: LinearEmulator, api: GraphQL) -> None:
    busy(linear, api)
    lists = ("users", "teams", "workflowStates", "projects", "issueLabels", "issues", "comments", "attachments", "agentSessions", "agentActivities")
    query = type_named("Query")
    for name in lists:
        nodes = api.data(f"{{ {name}(first: 20) {{ nodes {everything(query.fields[name].type.of_type.fields['nodes'].type.of_type.of_type.of_type)} }} }}")
        assert nodes[name]["nodes"], name
    kinds = {one["content"]["__typename"] for one in nodes["agentActivities"]["nodes"]}
    assert len(kinds) == 6
    api.data(f"{{ viewer {everything(type_named('User'))} organization {everything(type_named('Organization'))} rateLimitStatus {everything(type_named('RateLimitPayload'))} }}")
    admin = GraphQL(linear, "lin_api_ada")
    assert admin.data(f"{{ webhooks {{ nodes {everything(type_named('Webhook'))} }} }}")["webhooks"]["nodes"]


def test_every_query_and_mutation_of_the_cut_schema_is_answered() -> None:
    from app.emulators.linear.graph.mutations import MUTATIONS
    from app.emulators.linear.graph.queries import QUERIES

    assert set(type_named("Query").fields) == set(QUERIES)
    assert set(type_named("Mutation").fields) == set(MUTATIONS)


@pytest.mark.parametrize("authorization", [
    None, "", "Bearer", "Bearer lin_oauth_unknown", "lin_oauth_emulated", "lin_api_nobody", "Bearer lin_api_ada", "Basic lin_oauth_emulated",
])
def test_an_unknown_token_is_refused(linear: LinearEmulator, authorization: str | None) -> None:
    error = GraphQL(linear, authorization).error("{ viewer { id } }", 401)
    assert error["message"] == "Authentication required, not authenticated"
    assert error["extensions"]["code"] == "AUTHENTICATION_ERROR"
    assert error["extensions"]["type"] == "authentication error"


def test_keys_of_suspended_people_and_expired_tokens_are_refused(linear: LinearEmulator, api: GraphQL, clock: SettableClock) -> None:
    assert GraphQL(linear, "lin_api_bob").data("{ viewer { displayName app } }") == {"viewer": {"displayName": "bob", "app": False}}
    linear.set_active("bob", active=False)
    GraphQL(linear, "lin_api_bob").error("{ viewer { id } }", 401)
    assert api.data("{ viewer { displayName app } }") == {"viewer": {"displayName": "bellhop", "app": True}}
    clock.advance(86_400)
    api.error("{ viewer { id } }", 401)


@pytest.mark.parametrize(("query", "words"), [
    ("{ issue(id: \"ENG-1\") { state nosuch } }", "nosuch"),
    ("{ viewer { id }", "Syntax Error"),
    ("mutation ($i: AgentActivityCreateInput!) { agentActivityCreate(input: $i) { success } }", "to be provided"),
    ("mutation { agentActivityCreate(input: {agentSessionId: \"x\", sessionId: \"y\", content: {}}) { success } }", "sessionId"),
    ("mutation { agentActivityCreate(input: {agentSessionId: \"x\", content: \"text\"}) { success } }", "JSONObject"),
], ids=["field", "syntax", "variable", "input", "scalar"])
def test_what_does_not_fit_the_schema_is_refused(api: GraphQL, query: str, words: str) -> None:
    errors = api.send(query, 400).json()["errors"]
    assert any(words in error["message"] for error in errors), errors
    assert {error["extensions"]["code"] for error in errors} == {"GRAPHQL_VALIDATION_FAILED"}


def test_an_issue_is_found_by_its_id_and_by_its_identifier(linear: LinearEmulator, api: GraphQL) -> None:
    by_name = api.data(ISSUE, id="eng-1")
    assert by_name["issue"]["identifier"] == "ENG-1"
    assert api.data(ISSUE, id=linear.issue("ENG-1").id) == by_name
    error = api.error(ISSUE, id="ENG-99")
    assert (error["message"], error["extensions"]["code"]) == ("Entity not found: Issue", "INPUT_ERROR")
    assert error["extensions"]["userPresentableMessage"] == "Could not find referenced Issue."


def test_an_issue_is_moved_labelled_and_assigned(linear: LinearEmulator, api: GraphQL) -> None:
    states = api.data('{ workflowStates(filter: {team: {key: {eq: "ENG"}}, type: {eq: "started"}}) { nodes { id name position } } }')["workflowStates"]["nodes"]
    first = min(states, key=lambda one: one["position"])
    assert first["name"] == "In Progress"
    agent = api.data('{ issueLabels(filter: {name: {eq: "agent"}}) { nodes { id } } }')["issueLabels"]["nodes"][0]["id"]
    changed = api.data(UPDATE, id="ENG-1", i={"stateId": first["id"], "assigneeId": linear.person("bob").user.id, "addedLabelIds": [agent]})
    issue = changed["issueUpdate"]["issue"]
    assert (issue["state"]["name"], issue["assignee"]["name"]) == ("In Progress", "Bob")
    assert {one["name"] for one in issue["labels"]["nodes"]} == {"bug", "agent"}
    other = api.data('{ workflowStates(filter: {team: {key: {eq: "OPS"}}}) { nodes { id } } }')["workflowStates"]["nodes"][0]["id"]
    assert api.error(UPDATE, id="ENG-1", i={"stateId": other})["extensions"]["code"] == "INVALID_INPUT"
    assert "cycleId" in api.error(UPDATE, id="ENG-1", i={"cycleId": "x"})["extensions"]["userPresentableMessage"]


def test_lists_are_filtered_and_paged(linear: LinearEmulator, api: GraphQL) -> None:
    ada = linear.person("ada")
    for number in range(3):
        ada.create_issue("OPS", f"Job {number}", labels=("agent",))
    asked = "query ($f: IssueFilter, $n: Int, $a: String) { issues(filter: $f, first: $n, after: $a) { nodes { identifier } pageInfo { hasNextPage endCursor } } }"

    def names(wanted: dict[str, Any]) -> list[str]:
        return [one["identifier"] for one in api.data(asked, f=wanted)["issues"]["nodes"]]

    assert names({"team": {"key": {"eq": "OPS"}}}) == ["OPS-3", "OPS-2", "OPS-1"]
    assert names({"labels": {"some": {"name": {"eqIgnoreCase": "BUG"}}}}) == ["ENG-1"]
    assert names({"or": [{"title": {"contains": "2"}}, {"project": {"name": {"eq": "Till"}}}]}) == ["OPS-3", "ENG-1"]
    assert names({"project": {"null": True}}) == ["OPS-3", "OPS-2", "OPS-1"]
    assert names({"assignee": {"null": False}}) == []
    assert "hasBlockingRelations" in api.error(asked, f={"hasBlockingRelations": {"eq": True}})["extensions"]["userPresentableMessage"]
    page = api.data(asked, n=3)["issues"]
    assert page["pageInfo"]["hasNextPage"]
    rest = api.data(asked, n=3, a=page["pageInfo"]["endCursor"])["issues"]
    assert [one["identifier"] for one in rest["nodes"]] == ["ENG-1"]
    assert not rest["pageInfo"]["hasNextPage"]
    api.error(asked, n=251)


def test_the_same_link_on_the_same_issue_is_one_attachment(linear: LinearEmulator, api: GraphQL) -> None:
    create = "mutation ($i: AttachmentCreateInput!) { attachmentCreate(input: $i) { attachment { id title subtitle } } }"
    first = api.data(create, i={"issueId": "ENG-1", "title": "PR 1", "subtitle": "open", "url": "https://git.example/1"})["attachmentCreate"]["attachment"]
    link = 'mutation { attachmentLinkURL(issueId: "ENG-1", url: "https://git.example/1", title: "PR 1 merged") { attachment { id title subtitle } } }'
    second = api.data(link)["attachmentLinkURL"]["attachment"]
    assert second == {"id": first["id"], "title": "PR 1 merged", "subtitle": "open"}
    assert len(linear.attachments("ENG-1")) == 1
    found = api.data('{ attachmentsForURL(url: "https://git.example/1") { nodes { issue { identifier } } } }')
    assert found["attachmentsForURL"]["nodes"] == [{"issue": {"identifier": "ENG-1"}}]
    api.error(create, i={"issueId": "ENG-1", "title": "x", "url": "javascript:alert(1)"})


def test_a_comment_is_edited_by_its_author_only(linear: LinearEmulator, api: GraphQL) -> None:
    create = "mutation ($i: CommentCreateInput!) { commentCreate(input: $i) { comment { id user { app } issue { identifier } } } }"
    edit = "mutation ($id: String!, $i: CommentUpdateInput!) { commentUpdate(id: $id, input: $i) { comment { body editedAt } } }"
    made = api.data(create, i={"issueId": "ENG-1", "body": "working"})["commentCreate"]["comment"]
    assert made["user"] == {"app": True}
    assert api.data(edit, id=made["id"], i={"body": "done"})["commentUpdate"]["comment"]["body"] == "done"
    theirs = linear.person("ada").comment("ENG-1", "mine")
    assert api.error(edit, id=theirs.id, i={"body": "forged"})["extensions"]["code"] == "FORBIDDEN"
    assert theirs.body == "mine"
    api.error(create, i={"issueId": "ENG-1", "body": " "})


def test_too_complex_a_document_is_refused_and_every_answer_says_what_it_cost(api: GraphQL) -> None:
    answer = api.send("{ viewer { id name } }")
    assert answer.headers["x-complexity"] == "2"
    assert answer.headers["x-ratelimit-requests-limit"] == "5000"
    assert answer.headers["x-ratelimit-complexity-limit"] == "2000000"
    error = api.error("{ issues(first: 250) { nodes { comments { nodes { body } } } } }", 400)
    assert error["message"] == "Query too complex"
    assert error["extensions"]["code"] == "INPUT_ERROR"
    assert "Maximum allowed complexity: 10000." in error["extensions"]["userPresentableMessage"]


def test_whoever_has_used_up_the_hour_waits_as_the_headers_say(clock: SettableClock) -> None:
    with LinearEmulator(seed(limits=2 / 5000), now=clock) as linear, serve(linear):
        api = GraphQL(linear)
        for left in ("1", "0"):
            assert api.send("{ viewer { id } }").headers["x-ratelimit-requests-remaining"] == left
        answer = api.send("{ viewer { id } }", 400)
        assert answer.json()["errors"][0]["extensions"]["code"] == "RATELIMITED"
        # Half of two requests an hour refills in half an hour, both in a whole one.
        assert int(answer.headers["x-ratelimit-requests-reset"]) == round(clock().timestamp() * 1000) + 3_600_000
        GraphQL(linear, "lin_api_ada").data("{ viewer { id } }")
        clock.advance(1800)
        api.data("{ viewer { id } }")


def test_a_token_without_write_writes_nothing(clock: SettableClock) -> None:
    with LinearEmulator(Seed(app=SeedApp(scopes=("read",))), now=clock) as linear, serve(linear):
        linear.person("ada").create_issue("ENG", "One")
        error = GraphQL(linear).error(UPDATE, 403, id="ENG-1", i={"title": "Two"})
        assert error["message"] == "Invalid scope: `write` required"
        assert linear.issue("ENG-1").title == "One"


def test_another_team_does_not_exist_for_an_app_that_may_not_see_it(linear: LinearEmulator, api: GraphQL) -> None:
    linear.person("ada").create_issue("OPS", "Secret")
    linear.set_app_teams("ENG")
    api.error(ISSUE, id="OPS-1")
    assert [one["key"] for one in api.data("{ teams { nodes { key } } }")["teams"]["nodes"]] == ["ENG"]
    assert GraphQL(linear, "lin_api_bob").data(ISSUE, id="OPS-1")["issue"]["title"] == "Secret"
