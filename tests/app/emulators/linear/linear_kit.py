"""What the Linear emulator's tests share: the seed, a checking GraphQL client, and the schema of what is delivered."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from graphql import GraphQLObjectType, GraphQLUnionType, get_named_type, is_composite_type, is_leaf_type
from jsonschema import Draft202012Validator

from app.emulators.linear import LinearEmulator, Seed, SeedApp, SeedIssue, SeedProject, SeedTeam, SeedUser
from app.emulators.linear.deliveries import Delivery
from app.emulators.linear.schema import schema

PAYLOADS = Path(__file__).resolve().parents[3] / "payloads" / "linear"
TOKEN = "lin_oauth_emulated"
ENTITIES = {"Issue": "IssueWebhookPayload", "Comment": "CommentWebhookPayload"}
APP_EVENTS = {
    "AgentSessionEvent": "AgentSessionEventWebhookPayload", "AppUserNotification": "AppUserNotificationWebhookPayload",
    "PermissionChange": "AppUserTeamAccessChangedWebhookPayload", "OAuthApp": "OAuthAppWebhookPayload",
}


def seed(**changes: Any) -> Seed:
    """Two teams, a project, an issue; ada is an admin, bob a member."""
    made = Seed(
        guidance="Be kind.",
        app=SeedApp(redirect_uris=("http://127.0.0.1:1/oauth/linear",)),
        users=(SeedUser(name="ada", full_name="Ada Lovelace", admin=True), SeedUser(name="bob")),
        teams=(SeedTeam(key="ENG", name="Engineering", labels=("bug",), guidance="Write tests."), SeedTeam(key="OPS", name="Operations")),
        labels=("agent",),
        projects=(SeedProject(name="Till", teams=("ENG",), description="The till."),),
        issues=(SeedIssue(team="ENG", title="Fix checkout", creator="ada", description="It <fails>.", project="Till", labels=("bug",)),),
    )
    return made.model_copy(update=changes)


class GraphQL:
    """A client of the emulated API; an answer of another status than was expected fails the test."""

    def __init__(self, linear: LinearEmulator, authorization: str | None = f"Bearer {TOKEN}") -> None:
        headers = {"authorization": authorization} if authorization else {}
        limits = httpx.Limits(max_keepalive_connections=0)
        self.client = httpx.Client(base_url=linear.url, headers=headers, timeout=20, trust_env=False, limits=limits)

    def send(self, query: str, status: int = 200, **variables: Any) -> httpx.Response:
        answer = self.client.post("/graphql", json={"query": query, "variables": variables})
        assert answer.status_code == status, answer.text[:1000]
        return answer

    def data(self, query: str, **variables: Any) -> dict[str, Any]:
        body = self.send(query, **variables).json()
        assert "errors" not in body, body
        data: dict[str, Any] = body["data"]
        return data

    def error(self, query: str, status: int = 200, **variables: Any) -> dict[str, Any]:
        body = self.send(query, status, **variables).json()
        assert len(body["errors"]) == 1, body
        error: dict[str, Any] = body["errors"][0]
        assert error["extensions"]["userError"] is True
        return error

    def activity(self, session: str, content: dict[str, Any], **more: Any) -> dict[str, Any]:
        given = {"agentSessionId": session, "content": content, **more}
        made = self.data("mutation ($i: AgentActivityCreateInput!) { agentActivityCreate(input: $i) { success agentActivity { id } } }", i=given)
        activity: dict[str, Any] = made["agentActivityCreate"]["agentActivity"]
        return activity


def everything(kind: Any, depth: int = 2) -> str:
    """Return a selection of every field of a type that needs no argument, `depth` objects deep."""
    if isinstance(kind, GraphQLUnionType):
        # Members of the same name may differ in type, so each has a name of its own.
        return "{ __typename " + " ".join(
            f"... on {one.name} {{ " + " ".join(f"{one.name}_{name}: {name}" for name in one.fields) + " }" for one in kind.types
        ) + " }"
    assert isinstance(kind, GraphQLObjectType)
    parts = []
    for name, field in kind.fields.items():
        inner = get_named_type(field.type)
        if is_leaf_type(inner):
            parts.append(name)
        elif is_composite_type(inner) and depth:
            page = "(first: 2)" if "first" in field.args else ""
            parts.append(f"{name}{page} {everything(inner, depth - 1)}")
    return "{ " + " ".join(parts or ["__typename"]) + " }"


def type_named(name: str) -> Any:
    """Return a type of the cut schema."""
    return schema().type_map[name]


@cache
def _validator(definition: str) -> Draft202012Validator:
    described = json.loads((PAYLOADS / "schema" / "webhooks.json").read_text(encoding="utf-8"))
    # What Linear's types do not have must not be there either: nobody shall come to rely on it.
    closed = {name: {**one, "additionalProperties": False} if "properties" in one else one for name, one in described["$defs"].items()}
    return Draft202012Validator({"$defs": closed, "$ref": f"#/$defs/{definition}"})


def wrong(delivery: Delivery) -> list[str]:
    """Return what Linear's own types have against a delivery, one line each."""
    body = json.loads(delivery.attempts[-1].body)
    checks = [(APP_EVENTS[delivery.event], body)] if delivery.event in APP_EVENTS else [
        ("EntityWebhookPayload", body), (ENTITIES[delivery.event], body["data"])
    ]
    return [
        f"{delivery.event}.{delivery.action} {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for definition, part in checks for error in _validator(definition).iter_errors(part)
    ]


def sample(name: str) -> dict[str, Any]:
    """Return one of the samples."""
    body: dict[str, Any] = json.loads((PAYLOADS / "samples" / f"{name}.json").read_text(encoding="utf-8"))
    return body


def missing(wanted: Any, found: Any, path: str = "") -> list[str]:
    """Return the members that a sample has and a body has not, whatever their values."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            return [path]
        return [one for key, value in wanted.items() for one in
                ([f"{path}/{key}"] if key not in found else missing(value, found[key], f"{path}/{key}"))]
    if isinstance(wanted, list) and wanted and isinstance(found, list) and found:
        return missing(wanted[0], found[0], f"{path}/0")
    return []
