"""Issues that Bellhop opens itself, to have a place to say something in; each is found again by its hidden marker.

https://docs.github.com/en/rest/issues/issues#list-repository-issues
"""

from __future__ import annotations

from itertools import islice

from github.GithubException import GithubException
from github.Issue import Issue
from github.Repository import Repository

from app.core.event import Repo

ISSUES_LOOKED_AT = 300


def own_issue(
    repository: Repository, repo: Repo, bot_login: str, *, marker: str, title: str, body: str, known: int | None
) -> int:
    """Return the number of our open issue with `marker`, opening one if there is none.

    Only our own account's count: anybody may copy the marker into an issue, and would have what a run says for a reader.
    Raises what PyGithub does.
    """
    if known is not None and _stands(repository, known):
        return known
    # None is known where whoever opened it died before that was on file: then it is among the newest.
    ours = repository.get_issues(
        state="open", creator=bot_login, sort="created", direction="desc",  # type: ignore[arg-type] # a login will do, says its own docstring
    )
    for issue in islice(ours, ISSUES_LOOKED_AT):
        if issue.user is not None and issue.user.login.casefold() == bot_login and marker in (issue.body or ""):
            return issue.number
    return repository.create_issue(title=title, body=f"{body.strip()}\n\n{marker}").number


def _stands(repository: Repository, number: int) -> bool:
    try:
        issue = Issue(repository.requester, url=f"{repository.url}/issues/{number}")
        return issue.state == "open"
    except GithubException as error:
        # Deleted, or taken to another repository.
        if error.status in (301, 404, 410):
            return False
        raise
