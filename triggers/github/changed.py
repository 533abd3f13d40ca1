"""Which files a pull request changes, as GitHub lists them.

https://docs.github.com/en/rest/pulls/pulls#list-pull-requests-files
"""

from __future__ import annotations

from urllib.parse import quote

from github.Requester import Requester

from app.core.event import Repo
from triggers.github.failures import as_service_error

# GitHub lists no more of a pull request's files.
FILES_LIMIT = 3000
_PAGE = 100


def changed_files(requester: Requester, repo: Repo, number: int) -> tuple[str, ...]:
    """Return the names of the files that a pull request changes, of one that was renamed both, its first three thousand. Raises ServiceError."""
    path = f"/repos/{quote(repo.full_name)}/pulls/{number}/files"
    found: dict[str, None] = {}
    with as_service_error(f"reading what the pull request {number} of {repo.full_name} changes"):
        for page in range(1, FILES_LIMIT // _PAGE + 1):
            _, data = requester.requestJsonAndCheck("GET", path, parameters={"per_page": _PAGE, "page": page})
            for each in data:
                found |= dict.fromkeys(str(each[name]) for name in ("filename", "previous_filename") if each.get(name))
            if len(data) < _PAGE:
                break
    return tuple(found)
