"""Checks and reactions at GitHub: looked up before they are written.

https://docs.github.com/en/rest/checks/runs and https://docs.github.com/en/rest/reactions/reactions
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from github.Requester import Requester

from app.core.event import Repo
from app.core.showing.check import Check
from app.core.showing.receipt import Receipt

RECEIVED = "eyes"


def upsert_check(requester: Requester, repo: Repo, check: Check, bot_login: str) -> str:
    """Create the check with this external id on its commit, or bring it up to date; return its URL."""
    base = f"/repos/{quote(repo.full_name)}"
    path = f"{base}/commits/{check.head_commit}/check-runs"
    # The newest of a name alone would hide that of an earlier run under the same profile.
    asked = {"check_name": check.name, "filter": "all", "per_page": 100}
    _, data = requester.requestJsonAndCheck("GET", path, parameters=asked)
    ours = [each for each in data["check_runs"] if each["external_id"] == check.external_id]
    found = next((each for each in ours if _is_by(each, bot_login)), ours[0] if ours else None)
    said = _body(check)
    if found is None:
        _, made = requester.requestJsonAndCheck("POST", f"{base}/check-runs", input={"head_sha": check.head_commit, **said})
    elif _says(found, check):
        made = found
    else:
        _, made = requester.requestJsonAndCheck("PATCH", f"{base}/check-runs/{found['id']}", input=said)
    return str(made["html_url"] or "")


def acknowledge(requester: Requester, repo: Repo, receipt: Receipt) -> None:
    """Put the reaction there; one that is there already stays the one."""
    below = {"issue": "issues", "issue_comment": "issues/comments", "review_comment": "pulls/comments"}[receipt.on]
    requester.requestJsonAndCheck("POST", f"/repos/{quote(repo.full_name)}/{below}/{receipt.id}/reactions", input={"content": RECEIVED})


def _body(check: Check) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": check.name, "external_id": check.external_id, "status": check.status,
        "output": {"title": check.title, "summary": check.summary},
    }
    if check.details_url:
        said["details_url"] = check.details_url
    if check.conclusion is not None:
        said["conclusion"] = check.conclusion
    # None is said, too: what is left out of an update stays as it was.
    said["actions"] = [each.model_dump() for each in check.buttons]
    return said


def _says(found: dict[str, Any], check: Check) -> bool:
    output = found.get("output") or {}
    return (found["status"], found["conclusion"], output.get("title"), output.get("summary")) == (
        check.status, check.conclusion, check.title, check.summary,
    )


def _is_by(found: dict[str, Any], bot_login: str) -> bool:
    return f"{(found.get('app') or {}).get('slug')}[bot]".casefold() == bot_login.casefold()
