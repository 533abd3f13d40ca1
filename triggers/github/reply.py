"""The reply side of GitHub: who may ring, the comment, the pull request. Nothing is written without looking first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from github.GithubException import GithubException
from github.Issue import Issue
from github.IssueComment import IssueComment
from github.PullRequest import PullRequest
from github.Repository import Repository

from app.core.event import Event, Pull, Repo, about
from app.core.grant import Credential
from app.core.line.turns import Pace, Unpaced
from app.core.permission import PERMISSIONS
from app.core.showing.check import Check
from app.core.showing.offers import OpenPull
from app.core.showing.receipt import Receipt
from app.errors import ServiceError
from app.ports import CiService
from triggers.github import checks, open_pulls, own_review
from triggers.github.auto_merge import merge_when_green, stop_merging
from triggers.github.changed import changed_files
from triggers.github.ci import GitHubCi
from triggers.github.connection import GitHubConnection
from triggers.github.failures import as_service_error, message_of
from triggers.github.homes import own_issue
from triggers.github.parse_pull import spot_of
from triggers.github.payload_pull import ReviewComment

# GitHub takes no longer comment or pull request body.
BODY_LIMIT_CHARACTERS = 65_536
PULLS_LOOKED_AT = 1000
_CUT = "\n\n[cut here: GitHub takes no longer text]"


class GitHubService:
    """The Service for GitHub.

    `api_url` is `https://api.github.com` or a GHES's `https://host/api/v3`; `web_url` what people and git use;
    `bot_login` the App's own login, such as `bellhop[bot]`; `pace` says whose turn it is to ask (None: nobody else asks).
    Any method raises Paced where it is not yet ours.
    """

    def __init__(
        self, *, api_url: str, web_url: str, bot_login: str, ca_bundle: Path | None = None, proxy: str | None = None,
        timeout_seconds: int = 15, pace: Pace | None = None,
    ) -> None:
        self._connection = GitHubConnection(
            api_url=api_url, ca_bundle=ca_bundle, proxy=proxy, timeout_seconds=timeout_seconds, pace=pace or Unpaced(),
        )
        self.ci: CiService = GitHubCi(self._connection, own_app=bot_login.removesuffix("[bot]"))
        self._web_url = web_url.rstrip("/")
        self._bot_login = bot_login.casefold()

    def close(self) -> None:
        """Give the connections back."""
        self._connection.close()

    def permission(self, credential: Credential, repo: Repo, actor_id: str, login: str) -> str:
        """Return the live permission of the account with `actor_id`; another id under its login counts as `none`.

        https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
        """
        requester = self._connection.requester(credential)
        path = f"/repos/{quote(repo.full_name)}/collaborators/{quote(login, safe='')}/permission"
        with as_service_error(f"asking what {login} may do in {repo.full_name}"):
            try:
                _, data = requester.requestJsonAndCheck("GET", path)
            except GithubException as error:
                # 404: no such user, or none that this repository knows.
                if error.status == 404:
                    return "none"
                raise
            if str(data["user"]["id"]) != actor_id:
                return "none"
            # `role_name` tells maintain and triage apart; a role of the organisation's own has a name that is not
            # GitHub's, and `permission` says which of GitHub's roles it builds on.
            for role in (data.get("role_name"), data.get("permission")):
                if role in PERMISSIONS:
                    return str(role)
        return "none"

    def default_branch_head(self, credential: Credential, repo: Repo) -> tuple[str, str]:
        """Return (branch name, commit) of the default branch as it is now.

        Raises ServiceError, also when another repository has taken over the name: the token is for the id, but git
        and the API are asked by name, and anybody may read what is public.
        """
        with as_service_error(f"reading the default branch of {repo.full_name}"):
            repository = self._repository(credential, repo)
            _same(repo, repository.id)
            branch = repository.default_branch
            return branch, repository.get_branch(branch).commit.sha

    def pull_request(self, credential: Credential, repo: Repo, number: int) -> Pull:
        """Return a pull request as it is now. Raises ServiceError.

        https://docs.github.com/en/rest/pulls/pulls#get-a-pull-request
        """
        requester = self._connection.requester(credential)
        with as_service_error(f"reading the pull request {number} of {repo.full_name}"):
            _, data = requester.requestJsonAndCheck("GET", f"/repos/{quote(repo.full_name)}/pulls/{number}")
            head, base = data["head"], data["base"]
            _same(repo, base["repo"]["id"])
            return Pull(
                number=data["number"], state=data["state"], merged=bool(data.get("merged")),
                # A fork that was deleted is null here; what it proposed stays at refs/pull/N/head.
                head_repo_id=None if head["repo"] is None else head["repo"]["id"],
                head_ref=head["ref"], head_commit=head["sha"], base_ref=base["ref"],
            )

    def review_comments(self, credential: Credential, repo: Repo, number: int, review_id: int) -> tuple[str, ...]:
        """Return what a review says on lines of the change, its first hundred comments. Raises ServiceError.

        https://docs.github.com/en/rest/pulls/reviews#list-comments-for-a-pull-request-review
        """
        requester = self._connection.requester(credential)
        with as_service_error(f"reading a review of the pull request {number} of {repo.full_name}"):
            path = f"/repos/{quote(repo.full_name)}/pulls/{number}/reviews/{review_id}/comments"
            _, data = requester.requestJsonAndCheck("GET", path, parameters={"per_page": 100})
            read = [ReviewComment.model_validate(each) for each in data]
        return tuple(about(spot_of(each), each.body or "") for each in read)

    def changed_paths(self, credential: Credential, repo: Repo, number: int) -> tuple[str, ...]:
        """Return the names of the files that a pull request changes, its first three thousand. Raises ServiceError."""
        return changed_files(self._connection.requester(credential), repo, number)

    def open_branches(self, credential: Credential, repo: Repo, prefix: str) -> frozenset[str]:
        """Return the branches below `prefix` with an open pull request, looking at the newest thousand.

        Raises ServiceError.
        """
        found: set[str] = set()
        with as_service_error(f"counting the open pull requests of {repo.full_name}"):
            for count, pull in enumerate(self._repository(credential, repo).get_pulls(state="open")):
                if count >= PULLS_LOOKED_AT:
                    break
                if pull.head.ref.startswith(prefix) and pull.head.repo is not None and pull.head.repo.id == repo.id:
                    found.add(pull.head.ref)
        return frozenset(found)

    def upsert_comment(self, credential: Credential, event: Event, marker: str, body: str) -> str:
        """Create or edit the one comment that holds `marker`; return its URL. Raises ServiceError."""
        if event.number is None:
            raise ServiceError("the event has no issue to comment on", reason="no_thread", retryable=False)
        with as_service_error(f"commenting on {event.thread}"):
            issue = Issue(
                self._connection.requester(credential),
                url=f"/repos/{quote(event.repo.full_name)}/issues/{event.number}",
            )
            text = _with_marker(body, marker)
            comment = self._own_comment(issue, event, marker)
            if comment is None:
                comment = issue.create_comment(text)
            elif comment.body != text:
                comment.edit(text)
            return comment.html_url

    def ensure_issue(
        self, credential: Credential, repo: Repo, *, marker: str, title: str, body: str, known: int | None
    ) -> int:
        """Find or open the issue of our own that holds `marker`; return its number. Raises ServiceError."""
        with as_service_error(f"opening an issue in {repo.full_name}"):
            return own_issue(
                self._repository(credential, repo), repo, self._bot_login, marker=marker, title=title, body=body, known=known,
            )
    def open_pulls(self, credential: Credential, repo: Repo) -> list[OpenPull]:
        """Return the open pull requests that were moved last. Raises ServiceError."""
        with as_service_error(f"listing the pull requests of {repo.full_name}"):
            return open_pulls.open_pulls(self._connection.requester(credential), repo)

    def merges(self, credential: Credential, repo: Repo, number: int) -> bool | None:
        """Return whether a pull request merges, where GitHub knows. Raises ServiceError."""
        with as_service_error(f"asking whether the pull request {number} of {repo.full_name} merges"):
            return open_pulls.merges(self._connection.requester(credential), repo, number)

    def ensure_review(
        self, credential: Credential, repo: Repo, number: int, *, marker: str, commit: str | None, body: str,
        comments: Sequence[tuple[str, int, str]],
    ) -> str:
        """Find or submit our review that holds `marker`; return its URL. Raises ServiceError."""
        with as_service_error(f"reviewing the pull request {number} of {repo.full_name}"):
            return own_review.ensure_review(
                self._connection.requester(credential), repo, number, self._bot_login, marker=marker, commit=commit,
                body=_bounded(body, BODY_LIMIT_CHARACTERS - len(marker) - 2), comments=comments,
            )

    def upsert_check(self, credential: Credential, repo: Repo, check: Check) -> str:
        """Create or bring up to date the check with this external id; return its URL. Raises ServiceError."""
        with as_service_error(f"telling of {check.name} in {repo.full_name}"):
            return checks.upsert_check(self._connection.requester(credential, is_spare=True), repo, check, self._bot_login)

    def acknowledge(self, credential: Credential, repo: Repo, receipt: Receipt) -> None:
        """Put our reaction there. Raises ServiceError."""
        with as_service_error(f"reacting in {repo.full_name}"):
            checks.acknowledge(self._connection.requester(credential, is_spare=True), repo, receipt)

    def ensure_pull_request(
        self, credential: Credential, repo: Repo, *, branch: str, base: str, title: str, body: str,
        draft: bool, labels: tuple[str, ...],
    ) -> tuple[str, int, bool]:
        """Find or open the pull request of `branch`, bring it up to date; return (URL, number, whether it is a draft).

        `draft` counts when it is opened; `hold_as_draft` turns one that is open into one. Raises ServiceError.
        """
        body = _bounded(body, BODY_LIMIT_CHARACTERS)
        with as_service_error(f"opening the pull request of {branch} in {repo.full_name}"):
            repository = self._repository(credential, repo)
            pull = _open_pull(repository, repo, branch)
            if pull is None:
                try:
                    pull = repository.create_pull(base=base, head=branch, title=title, body=body, draft=draft)
                except GithubException as error:
                    if error.status != 422 or "already exists" not in message_of(error):
                        raise
                    pull = _open_pull(repository, repo, branch)
                    if pull is None:
                        raise
            if pull.title != title or (pull.body or "") != body:
                pull.edit(title=title, body=body)
            missing = sorted(set(labels) - {label.name for label in pull.labels})
            if missing:
                pull.add_to_labels(*missing)
            return pull.html_url, pull.number, bool(pull.draft)

    def hold_as_draft(self, credential: Credential, repo: Repo, branch: str) -> None:
        """Make the open pull request of `branch` a draft, if there is one that is none; safe to repeat. Raises ServiceError.

        REST has no word for it. The GraphQL endpoint follows from the API's URL: `/graphql` beside it, `/api/graphql` for
        `/api/v3`. https://docs.github.com/en/graphql/reference/mutations#convertpullrequesttodraft
        """
        with as_service_error(f"making the pull request of {branch} in {repo.full_name} a draft"):
            pull = _open_pull(self._repository(credential, repo), repo, branch)
            if pull is None or pull.draft:
                return
            pull.convert_to_draft()
            if not pull.draft:
                raise ValueError("GitHub says that it is no draft yet")

    def merge_when_green(self, credential: Credential, repo: Repo, number: int, commit: str, method: str) -> None:
        """Have GitHub merge the pull request, once everything that it needs is there. Raises ServiceError."""
        with as_service_error(f"having the pull request {number} of {repo.full_name} merged"):
            merge_when_green(self._repository(credential, repo).get_pull(number), commit, method)

    def stop_merging(self, credential: Credential, repo: Repo, branch: str) -> None:
        """Take that back for the open pull request of `branch`; safe to repeat. Raises ServiceError."""
        with as_service_error(f"keeping the pull request of {branch} in {repo.full_name} from being merged"):
            pull = _open_pull(self._repository(credential, repo), repo, branch)
            if pull is not None:
                stop_merging(pull)

    def clone_url(self, repo: Repo) -> str:
        """Return the HTTPS URL of the repository."""
        return f"{self._web_url}/{quote(repo.full_name)}.git"

    def _repository(self, credential: Credential, repo: Repo) -> Repository:
        return Repository(self._connection.requester(credential), url=f"/repos/{quote(repo.full_name)}")

    def _own_comment(self, issue: Issue, event: Event, marker: str) -> IssueComment | None:
        """Return our comment: by our login, else (where that is set wrongly) the first one of any App's.

        Anybody may repeat our marker, but nobody knows a run's id before our own comment has shown it.
        """
        first = None
        for comment in issue.get_comments(**_since(event)):
            author = comment.user  # None where the account was deleted
            if author is None or marker not in (comment.body or ""):
                continue
            if author.login.casefold() == self._bot_login:
                return comment
            if first is None and author.type == "Bot":
                first = comment
        return first


def _same(repo: Repo, found_id: int) -> None:
    if found_id != repo.id:
        raise ServiceError(
            f"{repo.full_name} is another repository by now ({found_id}, not {repo.id}): start again there",
            reason="repository_replaced", retryable=False,
        )


def _open_pull(repository: Repository, repo: Repo, branch: str) -> PullRequest | None:
    for pull in repository.get_pulls(state="open", head=f"{repo.owner}:{branch}"):
        if pull.head.ref == branch and pull.head.repo is not None and pull.head.repo.id == repo.id:
            return pull
    return None


def _since(event: Event) -> dict[str, datetime]:
    """Return the filter that spares us a long thread's older comments: ours is younger than the event."""
    try:
        happened = datetime.fromisoformat(event.occurred_at or "")
    except ValueError:
        return {}
    # A naive time would be sent as if it were in this host's time zone.
    return {} if happened.tzinfo is None else {"since": happened - timedelta(minutes=1)}


def _with_marker(body: str, marker: str) -> str:
    if marker in body and len(body) <= BODY_LIMIT_CHARACTERS:
        return body
    body = body.replace(marker, "").rstrip()
    return f"{_bounded(body, BODY_LIMIT_CHARACTERS - len(marker) - 2)}\n\n{marker}"


def _bounded(text: str, limit_characters: int) -> str:
    return text if len(text) <= limit_characters else text[: limit_characters - len(_CUT)] + _CUT
