"""Open pull requests at GitHub, and whether one of them merges.

https://docs.github.com/en/rest/pulls/pulls
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from github.Requester import Requester
from pydantic import TypeAdapter

from app.core.event import Pull, Repo
from app.core.showing.offers import OpenPull
from triggers.members import Line

PULLS_LOOKED_AT = 100

_LINE: TypeAdapter[str] = TypeAdapter(Line)


def open_pulls(requester: Requester, repo: Repo) -> list[OpenPull]:
    """Return the open pull requests, the hundred that were moved last."""
    asked = {"state": "open", "sort": "updated", "direction": "desc", "per_page": PULLS_LOOKED_AT}
    _, data = requester.requestJsonAndCheck("GET", f"/repos/{quote(repo.full_name)}/pulls", parameters=asked)
    return [_open(each) for each in data if each["base"]["repo"]["id"] == repo.id]


def merges(requester: Requester, repo: Repo, number: int) -> bool | None:
    """Return whether a pull request merges without a conflict; None: GitHub has not worked that out yet."""
    _, data = requester.requestJsonAndCheck("GET", f"/repos/{quote(repo.full_name)}/pulls/{number}")
    if data.get("mergeable") is None:
        return None if data["state"] == "open" else True
    return bool(data["mergeable"]) or data.get("mergeable_state") != "dirty"


def _open(data: dict[str, Any]) -> OpenPull:
    head = data["head"]
    return OpenPull(
        pull=Pull(
            number=data["number"], state="open", head_repo_id=None if head["repo"] is None else head["repo"]["id"], head_ref=head["ref"],
            head_commit=head["sha"], base_ref=data["base"]["ref"],
        ),
        title=_LINE.validate_python(data["title"]), url=data["html_url"], is_draft=bool(data.get("draft")), updated_at=data["updated_at"],
    )
