"""Cut the part of GitHub's OpenAPI descriptions that our road uses into tests/payloads/github/schema/.

Usage: python tests/app/emulators/github/cut_schema.py REST.json WEBHOOKS.json
where the two files are `api.github.com.json` of the npm packages @octokit/openapi and @octokit/openapi-webhooks.
Descriptions, examples and what no kept endpoint refers to are left out; the rest is not changed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parents[3] / "payloads" / "github" / "schema"
REPO = "/repos/{owner}/{repo}"

# (method, path, statuses) of the endpoints whose answers the tests check.
ENDPOINTS = [
    ("get", "/app", ["200"]),
    # Not the list of installations: its `account` must there be a user and an enterprise at once.
    ("get", "/app/installations/{installation_id}", ["200"]),
    ("post", "/app/installations/{installation_id}/access_tokens", ["201"]),
    ("get", "/app/hook/deliveries", ["200"]),
    ("get", f"{REPO}/installation", ["200"]),
    ("get", "/installation/repositories", ["200"]),
    ("get", "/rate_limit", ["200"]),
    ("get", "/users/{username}", ["404"]),
    ("get", REPO, ["200", "404", "301"]),
    ("get", f"{REPO}/collaborators/{{username}}/permission", ["200", "404"]),
    ("get", f"{REPO}/branches", ["200"]),
    ("get", f"{REPO}/branches/{{branch}}", ["200"]),
    ("get", f"{REPO}/git/ref/{{ref}}", ["200"]),
    ("post", f"{REPO}/git/refs", ["201"]),
    ("get", f"{REPO}/git/commits/{{commit_sha}}", ["200"]),
    ("get", f"{REPO}/commits", ["200"]),
    ("get", f"{REPO}/commits/{{ref}}", ["200"]),
    ("get", f"{REPO}/contents/{{path}}", ["200"]),
    ("put", f"{REPO}/contents/{{path}}", ["201"]),
    ("get", f"{REPO}/issues", ["200"]),
    ("post", f"{REPO}/issues", ["201", "422"]),
    ("get", f"{REPO}/issues/{{issue_number}}", ["200"]),
    ("patch", f"{REPO}/issues/{{issue_number}}", ["200", "403"]),
    ("get", f"{REPO}/issues/{{issue_number}}/labels", ["200"]),
    ("post", f"{REPO}/issues/{{issue_number}}/labels", ["200"]),
    ("delete", f"{REPO}/issues/{{issue_number}}/labels/{{name}}", ["200"]),
    ("get", f"{REPO}/issues/{{issue_number}}/comments", ["200"]),
    ("post", f"{REPO}/issues/{{issue_number}}/comments", ["201"]),
    ("patch", f"{REPO}/issues/comments/{{comment_id}}", ["200"]),
    ("get", f"{REPO}/pulls", ["200"]),
    ("post", f"{REPO}/pulls", ["201", "422"]),
    ("get", f"{REPO}/pulls/{{pull_number}}", ["200"]),
    ("patch", f"{REPO}/pulls/{{pull_number}}", ["200"]),
    ("get", f"{REPO}/pulls/{{pull_number}}/files", ["200"]),
    ("put", f"{REPO}/pulls/{{pull_number}}/merge", ["200"]),
    ("get", f"{REPO}/pulls/{{pull_number}}/reviews/{{review_id}}/comments", ["200"]),
    ("get", f"{REPO}/pulls/{{pull_number}}/reviews", ["200"]),
    ("post", f"{REPO}/pulls/{{pull_number}}/reviews", ["200"]),
    ("post", f"{REPO}/issues/{{issue_number}}/reactions", ["200", "201"]),
    ("get", f"{REPO}/issues/{{issue_number}}/reactions", ["200"]),
    ("post", f"{REPO}/issues/comments/{{comment_id}}/reactions", ["200", "201"]),
    ("post", f"{REPO}/pulls/comments/{{comment_id}}/reactions", ["200", "201"]),
    ("post", f"{REPO}/check-runs", ["201"]),
    ("patch", f"{REPO}/check-runs/{{check_run_id}}", ["200"]),
    ("get", f"{REPO}/commits/{{ref}}/check-runs", ["200"]),
    ("post", f"{REPO}/statuses/{{sha}}", ["201"]),
    ("get", f"{REPO}/commits/{{ref}}/status", ["200"]),
    ("get", f"{REPO}/activity", ["200"]),
    ("get", f"{REPO}/actions/runs", ["200"]),
    ("get", f"{REPO}/actions/runs/{{run_id}}/jobs", ["200"]),
    ("post", f"{REPO}/actions/runs/{{run_id}}/rerun", ["201"]),
    ("get", f"{REPO}/commits/{{ref}}/check-suites", ["200"]),
    ("get", f"{REPO}/check-suites/{{check_suite_id}}/check-runs", ["200"]),
]

WEBHOOKS = [
    "check-run-created", "check-run-completed", "check-run-requested-action",
    "installation-repositories-added", "installation-repositories-removed",
    "repository-archived", "repository-renamed", "repository-unarchived",
    "installation-created", "installation-deleted", "installation-suspend", "installation-unsuspend",
    "issues-opened", "issues-edited", "issues-labeled", "issues-unlabeled", "issues-closed", "issues-reopened",
    "issues-assigned", "issues-unassigned", "issue-comment-created", "issue-comment-edited", "issue-comment-deleted",
    "pull-request-opened", "pull-request-synchronize", "pull-request-labeled", "pull-request-unlabeled",
    "pull-request-edited", "pull-request-closed", "pull-request-reopened", "pull-request-assigned", "pull-request-review-requested",
    "pull-request-review-comment-created", "pull-request-review-submitted", "push",
    "workflow-run-completed", "check-suite-completed", "status",
]

DROPPED = {"description", "example", "examples", "x-github", "externalDocs", "title", "default", "x-octokit"}


def trimmed(node: Any, *, named: bool = False) -> Any:
    """Drop the words for people; below `properties` and the like, every key is a name and stays."""
    if isinstance(node, dict):
        return {
            key: trimmed(value, named=not named and key in ("properties", "schemas", "patternProperties"))
            for key, value in node.items()
            if named or key not in DROPPED
        }
    return [trimmed(one) for one in node] if isinstance(node, list) else node


def references(node: Any) -> set[str]:
    """Return every `#/components/...` that a node points at."""
    if isinstance(node, dict):
        found = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return found.union(*(references(value) for value in node.values()))
    return set().union(*(references(one) for one in node)) if isinstance(node, list) else set()


def with_components(kept: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    """Return `kept` with every component that it needs, directly or not."""
    components: dict[str, Any] = {}
    waiting, seen = references(kept), set()
    while waiting:
        pointer = waiting.pop()
        seen.add(pointer)
        _, _, kind, name = pointer.split("/")
        part = trimmed(source["components"][kind][name])
        components.setdefault(kind, {})[name] = part
        waiting |= references(part) - seen
    return {**kept, "components": components}


def main(rest_file: str, webhooks_file: str) -> None:
    rest = json.loads(Path(rest_file).read_text(encoding="utf-8"))
    paths: dict[str, Any] = {}
    for method, path, statuses in ENDPOINTS:
        responses = rest["paths"][path][method]["responses"]
        kept = {status: trimmed(responses[status]) for status in statuses}
        paths.setdefault(path, {})[method] = {"responses": kept}
    write("rest.json", with_components({"openapi": rest["openapi"], "info": about(rest), "paths": paths}, rest))

    hooks = json.loads(Path(webhooks_file).read_text(encoding="utf-8"))
    bodies = {name: trimmed(hooks["webhooks"][name]["post"]["requestBody"]) for name in WEBHOOKS}
    headers = [one["name"] for one in hooks["webhooks"]["push"]["post"]["parameters"] if one.get("required")]
    cut = {"openapi": hooks["openapi"], "info": about(hooks), "required_headers": headers, "webhooks": bodies}
    write("webhooks.json", with_components(cut, hooks))


def about(source: dict[str, Any]) -> dict[str, Any]:
    return {key: source["info"][key] for key in ("title", "version", "license")}


def write(name: str, content: dict[str, Any]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_text(json.dumps(content, separators=(",", ":"), sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
