"""Cut what the Linear emulator answers and sends out of Linear's own schema, into app/emulators/linear/ and tests/payloads/linear/.

Usage: python tests/app/emulators/linear/cut_schema.py schema.graphql webhook-payloads.schema.json
where the first is packages/sdk/src/schema.graphql of github.com/linear/linear at COMMIT, and the second the JSON schema that was
made from its webhook payloads. Descriptions are left out; of the object types below the named fields are kept, of every other type all.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from graphql import (
    DefinitionNode,
    FieldDefinitionNode,
    NamedTypeNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

COMMIT = "8335e09a17dd (2026-07-22, @linear/sdk 88.3.0)"
ROOT = Path(__file__).resolve().parents[4]
SCHEMA = ROOT / "app/emulators/linear/schema.graphql"
WEBHOOKS = ROOT / "tests/payloads/linear/schema/webhooks.json"

_DATES = "id createdAt updatedAt archivedAt"
KEPT = {
    "Query": "viewer organization user users team teams workflowState workflowStates project projects issueLabel issueLabels issue issues "
             "comment comments attachment attachments attachmentsForURL agentSession agentSessions agentActivity agentActivities "
             "webhook webhooks rateLimitStatus",
    "Mutation": "issueCreate issueUpdate issueAddLabel issueRemoveLabel commentCreate commentUpdate attachmentCreate attachmentLinkURL "
                "agentActivityCreate agentActivityCreatePrompt agentSessionCreateOnIssue agentSessionCreateOnComment agentSessionUpdate",
    "User": f"{_DATES} name displayName email app active admin guest owner avatarUrl url description isMe isAssignable isMentionable "
            "supportsAgentSessions gitHubUserId organization teams assignedIssues delegatedIssues",
    "Organization": f"{_DATES} name urlKey userCount teams users labels",
    "Team": f"{_DATES} key name displayName description visibility organization states labels members projects issues defaultIssueState",
    "WorkflowState": f"{_DATES} name type color position description team issues",
    "IssueLabel": f"{_DATES} name color description isGroup parent team",
    "Project": f"{_DATES} name description slugId url color teams issues",
    "Issue": f"{_DATES} identifier number title description url branchName priority priorityLabel prioritySortOrder sortOrder team state "
             "project assignee delegate creator labels labelIds comments attachments agentSessions subscribers startedAt completedAt "
             "canceledAt previousIdentifiers reactionData",
    "Comment": f"{_DATES} body issue issueId parent parentId children user botActor url editedAt agentSession agentSessions "
               "isArtificialAgentSessionRoot reactionData quotedText",
    "Attachment": f"{_DATES} title subtitle url metadata source sourceType groupBySource issue creator",
    "AgentSession": f"{_DATES} status type slugId url issue comment sourceComment creator appUser activities plan externalUrls externalLinks "
                    "externalLink summary startedAt endedAt dismissedAt context sourceMetadata",
    "AgentActivity": f"{_DATES} agentSession content signal signalMetadata ephemeral sourceComment user",
    "AgentActivityActionContent": "type action parameter result",
    **{f"AgentActivity{kind}Content": "type body" for kind in ("Thought", "Elicitation", "Prompt", "Response", "Error")},
    "Webhook": f"{_DATES} label url enabled resourceTypes allPublicTeams teamIds",
}
# What the emulator sends, by the definition's name in the JSON schema.
SENT = (
    "EntityWebhookPayload", "IssueWebhookPayload", "CommentWebhookPayload", "AgentSessionEventWebhookPayload",
    "AppUserNotificationWebhookPayload", "AppUserTeamAccessChangedWebhookPayload", "OAuthAppWebhookPayload",
)


def cut(source: str) -> str:
    """Return the part of an SDL document that Query and Mutation of KEPT reach."""
    types = {node.name.value: node for node in parse(source, no_location=True).definitions if isinstance(node, TypeDefinitionNode)}
    kept: dict[str, DefinitionNode] = {}
    waiting = ["Query", "Mutation"]
    while waiting:
        name = waiting.pop()
        if name in kept or name not in types:
            continue
        kept[name] = undescribed(only(types[name]))
        waiting += sorted(mentioned(kept[name]))
    unused = KEPT.keys() - kept.keys()
    if unused:
        raise SystemExit(f"not in the schema, or reached by nothing: {', '.join(sorted(unused))}")
    order = sorted(kept, key=lambda name: (not isinstance(kept[name], ObjectTypeDefinitionNode), name))
    return "\n\n".join(print_ast(kept[name]) for name in order) + "\n"


def only(node: Any) -> Any:
    """Return an object type with the fields of KEPT; every other type as it is."""
    if not isinstance(node, ObjectTypeDefinitionNode):
        return node
    if node.name.value not in KEPT:
        if not node.name.value.endswith(("Connection", "Edge", "Payload", "PageInfo", "ActorBot", "AgentSessionExternalLink")):
            raise SystemExit(f"{node.name.value} is reached, and KEPT does not say which of its fields are kept")
        return node
    wanted = KEPT[node.name.value].split()
    fields: list[FieldDefinitionNode] = [field for field in node.fields or () if field.name.value in wanted]
    missing = set(wanted) - {field.name.value for field in fields}
    if missing:
        raise SystemExit(f"{node.name.value} has no {', '.join(sorted(missing))}")
    return replace(node, fields=tuple(fields))


def undescribed(node: Any) -> Any:
    """Return a node without the words for people."""

    class Silent(Visitor):
        def enter(self, each: Any, *_: Any) -> Any:
            return replace(each, description=None) if getattr(each, "description", None) else None

    return visit(node, Silent())


def mentioned(node: Any) -> set[str]:
    """Return the name of every type that a node mentions."""
    found: set[str] = set()

    class Names(Visitor):
        def enter_named_type(self, each: NamedTypeNode, *_: Any) -> None:
            found.add(each.name.value)

    visit(node, Names())
    return found


def trimmed(definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the definitions that SENT reach."""
    kept: dict[str, Any] = {}
    waiting = list(SENT)
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept[name] = definitions[name]
            waiting += [pointer.rsplit("/", 1)[-1] for pointer in references(definitions[name])]
    return kept


def references(node: Any) -> set[str]:
    """Return every `#/$defs/...` that a node points at."""
    if isinstance(node, dict):
        found = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return found.union(*(references(value) for value in node.values()))
    return set().union(*(references(one) for one in node)) if isinstance(node, list) else set()


def main(schema_file: str, webhooks_file: str) -> None:
    head = (
        f"# Cut from Linear's schema: github.com/linear/linear, packages/sdk/src/schema.graphql at {COMMIT}.\n"
        "# MIT, see LICENSE.linear. Made by tests/app/emulators/linear/cut_schema.py: do not edit.\n\n"
    )
    SCHEMA.write_text(head + cut(Path(schema_file).read_text(encoding="utf-8")), encoding="utf-8")
    hooks = json.loads(Path(webhooks_file).read_text(encoding="utf-8"))
    shown = {"$schema": hooks["$schema"], "$comment": f"{hooks['$comment']} at {COMMIT}", "$defs": trimmed(hooks["$defs"])}
    WEBHOOKS.parent.mkdir(parents=True, exist_ok=True)
    WEBHOOKS.write_text(json.dumps(shown, separators=(",", ":"), sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
