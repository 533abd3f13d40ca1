"""A review of Bellhop's own at GitHub: one for each run, found again by its marker, and never more than a comment.

https://docs.github.com/en/rest/pulls/reviews
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from github.Requester import Requester

from app.core.event import Repo

PAGES_LOOKED_AT = 10


def ensure_review(
    requester: Requester, repo: Repo, number: int, bot_login: str, *, marker: str, commit: str | None, body: str,
    comments: Sequence[tuple[str, int, str]],
) -> str:
    """Return the URL of our review that holds `marker`, submitting it if there is none; it approves nothing, and demands nothing."""
    path = f"/repos/{quote(repo.full_name)}/pulls/{number}/reviews"
    for page in range(1, PAGES_LOOKED_AT + 1):
        _, found = requester.requestJsonAndCheck("GET", path, parameters={"per_page": 100, "page": page})
        for each in found:
            # By our own account only: anybody may copy a marker.
            if (each.get("user") or {}).get("login", "").casefold() == bot_login and marker in (each.get("body") or ""):
                return str(each["html_url"])
        if len(found) < 100:
            break
    said: dict[str, Any] = {
        "event": "COMMENT", "body": f"{body}\n\n{marker}",
        "comments": [{"path": name, "line": line, "side": "RIGHT", "body": text} for name, line, text in comments],
    }
    if commit is not None:
        said["commit_id"] = commit
    _, made = requester.requestJsonAndCheck("POST", path, input=said)
    return str(made["html_url"])
