"""What GitHub knows of a commit whose CI has ended: where its branch stands, who pushed it, what failed, and the logs of that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import requests
from github.GithubException import GithubException
from github.Requester import Requester

from app.core.deciding.ci_head import Evidence, Piece, PieceKind
from app.core.event import Actor, Ci, Pull, Repo
from app.core.grant import Credential
from app.core.line.throttle import retry_after_seconds
from app.errors import ServiceError
from triggers.github.connection import GitHubConnection
from triggers.github.failures import as_service_error, is_limit, message_of

LOG_LIMIT_BYTES = 8 * 1024 * 1024
MOST_JOBS = 10
_ACTIONS = "github-actions"
_BAD = frozenset({"failure", "timed_out", "startup_failure", "action_required", "cancelled"})


class GitHubCi:
    """The CiService for GitHub; `own_app` is the slug of our own App, whose checks are not looked at."""

    def __init__(self, connection: GitHubConnection, *, own_app: str) -> None:
        self._connection = connection
        self._own_app = own_app.casefold()

    def branch_head(self, credential: Credential, repo: Repo, branch: str) -> str | None:
        """Return where the branch stands. https://docs.github.com/en/rest/git/refs#get-a-reference"""
        with as_service_error(f"reading the branch {branch} of {repo.full_name}"):
            try:
                return str(self._get(credential, repo, f"git/ref/heads/{quote(branch)}")["object"]["sha"])
            except GithubException as error:
                if error.status == 404:
                    return None
                raise

    def open_pull_of(self, credential: Credential, repo: Repo, branch: str) -> Pull | None:
        """Return the branch's open pull request. https://docs.github.com/en/rest/pulls/pulls#list-pull-requests"""
        with as_service_error(f"looking for the pull request of {branch} in {repo.full_name}"):
            found = self._get(credential, repo, "pulls", state="open", head=f"{repo.owner}:{branch}", per_page="100")
            ours = [
                Pull(number=each["number"], state="open", head_repo_id=repo.id, head_ref=branch, head_commit=each["head"]["sha"], base_ref=each["base"]["ref"])
                for each in found
                if each["head"]["ref"] == branch and (each["head"]["repo"] or {}).get("id") == repo.id == each["base"]["repo"]["id"]
            ]
            return min(ours, key=lambda pull: pull.number, default=None)

    def pushed_by(self, credential: Credential, repo: Repo, branch: str, commit: str) -> Actor | None:
        """Return who has pushed or merged the commit there. https://docs.github.com/en/rest/repos/repos#list-repository-activities"""
        with as_service_error(f"asking who has pushed {branch} in {repo.full_name}"):
            found = self._get(credential, repo, "activity", ref=f"refs/heads/{branch}", per_page="100")
            actor = next((each["actor"] for each in found if each["after"] == commit), None)
            if actor is None:
                return None
            is_person = actor["type"] == "User" and not actor["login"].endswith("[bot]")
            return Actor(id=str(actor["id"]), login=actor["login"], kind="person" if is_person else "bot")

    def pieces(self, credential: Credential, repo: Repo, commit: str, kinds: Sequence[PieceKind]) -> tuple[Piece, ...]:
        """Return the commit's CI: runs of workflows, suites, checks and statuses, as far as asked for."""
        read: dict[PieceKind, Callable[[Credential, Repo, str], Iterator[Piece]]] = {
            "workflow_run": self._workflow_runs, "check_suite": self._suites, "check_run": self._checks, "status": self._statuses,
        }
        with as_service_error(f"reading the CI of {commit[:12]} in {repo.full_name}"):
            return tuple(piece for kind in kinds for piece in read[kind](credential, repo, commit) if (piece.ci.app or "").casefold() != self._own_app)

    def evidence(self, credential: Credential, repo: Repo, piece: Piece) -> tuple[Evidence, ...]:
        """Return the logs of what failed, or why they cannot be had."""
        with as_service_error(f"reading what {piece.ci.name} says in {repo.full_name}"):
            try:
                return tuple(self._evidence(credential, repo, piece))
            except GithubException as error:
                if error.status >= 500 or is_limit(error.status, error.headers or {}, message_of(error)):
                    raise
                return (Evidence(name=piece.ci.name, missing=f"GitHub answered {error.status} when it was asked for"),)

    def _evidence(self, credential: Credential, repo: Repo, piece: Piece) -> Iterator[Evidence]:
        if piece.kind == "workflow_run":
            jobs = self._get(credential, repo, f"actions/runs/{piece.ci.id}/jobs", filter="latest", per_page="100")["jobs"]
            yield from self._each([job for job in jobs if job["conclusion"] in _BAD], piece, lambda job: self._log(credential, repo, job))
        elif piece.kind == "check_suite":
            checks = self._get(credential, repo, f"check-suites/{piece.ci.id}/check-runs", filter="latest", per_page="100")["check_runs"]
            yield from self._each([each for each in checks if each["conclusion"] in _BAD], piece, lambda each: self._check(credential, repo, each))
        elif piece.kind == "check_run":
            yield self._check(credential, repo, self._get(credential, repo, f"check-runs/{piece.ci.id}"))
        else:
            where = f"; its log is at {piece.url}, outside of GitHub, and was not fetched" if piece.url else "; it names no log"
            yield Evidence(name=piece.ci.name, text=piece.says, missing=f"a status is one line{where}")

    def _each(self, found: Sequence[dict[str, Any]], piece: Piece, read: Callable[[dict[str, Any]], Evidence]) -> Iterator[Evidence]:
        if not found:
            yield Evidence(name=piece.ci.name, missing="none of its jobs has failed, by what GitHub says")
        for each in found[:MOST_JOBS]:
            yield read(each)
        if len(found) > MOST_JOBS:
            yield Evidence(name=piece.ci.name, missing=f"{len(found) - MOST_JOBS} more jobs have failed, and were not looked at")

    def _check(self, credential: Credential, repo: Repo, check: dict[str, Any]) -> Evidence:
        if (check.get("app") or {}).get("slug") == _ACTIONS:
            # A job of GitHub Actions and its check have one and the same id.
            return self._log(credential, repo, check)
        output = check.get("output") or {}
        said = [str(output[key]) for key in ("title", "summary", "text") if output.get(key)]
        if output.get("annotations_count"):
            noted = self._get(credential, repo, f"check-runs/{check['id']}/annotations", per_page="50")
            said += [f"{each['path']}:{each['start_line']}: {each['annotation_level']}: {each['message']}" for each in noted]
        return Evidence(name=str(check["name"]), text="\n".join(said), missing="" if said else "its check says nothing")

    def _log(self, credential: Credential, repo: Repo, job: dict[str, Any]) -> Evidence:
        name = str(job["name"])
        try:
            raw = self._connection.download(credential, f"/repos/{quote(repo.full_name)}/actions/jobs/{int(job['id'])}/logs", LOG_LIMIT_BYTES)
        except requests.RequestException as error:
            if error.response is not None and is_limit(error.response.status_code, error.response.headers):
                seconds = retry_after_seconds(429, {"retry-after": error.response.headers.get("retry-after", "")}, "", 0)
                raise ServiceError(f"fetching the log of {name}: GitHub asks us to wait", reason="github_rate_limited", retry_after_seconds=seconds) from error
            status = getattr(error.response, "status_code", None)
            why = f"GitHub answered {status}" if status else type(error).__name__
            return Evidence(name=name, missing=f"its log could not be fetched ({why})")
        text = raw.decode("utf-8", "replace")
        return Evidence(name=name, text=text, missing="" if text.strip() else "its log is empty")

    def _workflow_runs(self, credential: Credential, repo: Repo, commit: str) -> Iterator[Piece]:
        found = self._get(credential, repo, "actions/runs", head_sha=commit, per_page="100")["workflow_runs"]
        newest: dict[tuple[Any, Any], dict[str, Any]] = {}
        for run in sorted(found, key=lambda run: int(run["id"])):
            if (run.get("head_repository") or {}).get("id") == repo.id:
                newest[run["workflow_id"], run["event"]] = run
        for run in newest.values():
            yield _piece(
                "workflow_run", run, name=run.get("name") or "", done=run["status"] == "completed", commit=commit, branch=run.get("head_branch"),
                attempt=run.get("run_attempt") or 1,
            )

    def _suites(self, credential: Credential, repo: Repo, commit: str) -> Iterator[Piece]:
        for suite in self._get(credential, repo, f"commits/{commit}/check-suites", per_page="100")["check_suites"]:
            app = suite.get("app") or {}
            # GitHub makes one for every App that may write checks, whether it ever does or not.
            if suite.get("latest_check_runs_count"):
                yield _piece(
                    "check_suite", suite, name=app.get("name") or "", done=suite["status"] == "completed", commit=commit, branch=suite.get("head_branch"),
                    app=app.get("slug"),
                )

    def _checks(self, credential: Credential, repo: Repo, commit: str) -> Iterator[Piece]:
        for check in self._get(credential, repo, f"commits/{commit}/check-runs", filter="latest", per_page="100")["check_runs"]:
            yield _piece("check_run", check, name=check["name"], done=check["status"] == "completed", commit=commit, app=(check.get("app") or {}).get("slug"))

    def _statuses(self, credential: Credential, repo: Repo, commit: str) -> Iterator[Piece]:
        for status in self._get(credential, repo, f"commits/{commit}/status", per_page="100")["statuses"]:
            state = {**status, "conclusion": status["state"], "html_url": status.get("target_url")}
            yield _piece(
                "status", state, name=status["context"], done=status["state"] != "pending", commit=commit, says=status.get("description") or "",
            )

    def _get(self, credential: Credential, repo: Repo, path: str, **query: str) -> Any:
        requester: Requester = self._connection.requester(credential)
        words = f"?{urlencode(query)}" if query else ""
        return requester.requestJsonAndCheck("GET", f"/repos/{quote(repo.full_name)}/{path}{words}")[1]


def _piece(
    kind: PieceKind, found: dict[str, Any], *, name: str, done: bool, commit: str, branch: str | None = None, attempt: int = 1, app: str | None = None,
    says: str = "",
) -> Piece:
    ci = Ci(
        id=found["id"], name=name, conclusion=str(found.get("conclusion") or "neutral") if done else "", head_commit=commit, head_branch=branch,
        attempt=attempt, app=app,
    )
    return Piece(kind=kind, ci=ci, url=found.get("html_url") or "", says=says)
