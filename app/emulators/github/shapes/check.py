"""Check runs and commit statuses, as GitHub's API shows them."""

from __future__ import annotations

from app.emulators.github.shapes.account import Json, integration, user
from app.emulators.github.shapes.pull import pull_of
from app.emulators.github.shapes.repository import repository
from app.emulators.github.state import CheckRun, Issue, Repository, Status, node_id
from app.emulators.github.world import World, iso, iso_or_none


def check_run(world: World, repo: Repository, found: CheckRun) -> Json:
    """Return a `check-run`."""
    api = f"{world.repo_api(repo)}/check-runs/{found.id}"
    web = f"{world.repo_web(repo)}/runs/{found.id}"
    return {
        "id": found.id,
        "name": found.name,
        "node_id": node_id("CheckRun", found.id),
        "head_sha": found.head_sha,
        "external_id": found.external_id,
        "url": api,
        "html_url": web,
        "details_url": found.details_url or web,
        "status": found.status,
        "conclusion": found.conclusion,
        "started_at": iso_or_none(found.started_at),
        "completed_at": iso_or_none(found.completed_at),
        "output": {
            "title": found.title,
            "summary": found.summary,
            "text": found.text,
            "annotations_count": 0,
            "annotations_url": f"{api}/annotations",
        },
        "check_suite": {"id": found.id},
        "app": integration(world),
        "pull_requests": [_pull(world, repo, one) for one in repo.issues.values() if _looks_at(repo, one, found.head_sha)],
    }


def _looks_at(repo: Repository, issue: Issue, sha: str) -> bool:
    pull = issue.pull
    return pull is not None and issue.state == "open" and pull.head_repo is repo and pull.head_sha == sha


def _pull(world: World, repo: Repository, issue: Issue) -> Json:
    """Return a `pull-request-minimal`."""
    pull, api = pull_of(issue), world.repo_api(repo)

    def side(ref: str, sha: str) -> Json:
        return {"ref": ref, "sha": sha, "repo": {"id": repo.id, "url": api, "name": repo.name}}

    return {
        "id": pull.id, "number": issue.number, "url": f"{api}/pulls/{issue.number}",
        "head": side(pull.head_ref, pull.head_sha), "base": side(pull.base_ref, pull.base_sha),
    }


def status(world: World, repo: Repository, found: Status) -> Json:
    """Return a `status`."""
    return {
        "url": f"{world.repo_api(repo)}/statuses/{found.sha}",
        "avatar_url": None,
        "id": found.id,
        "node_id": node_id("Status", found.id),
        "state": found.state,
        "description": found.description,
        "target_url": found.target_url,
        "context": found.context,
        "created_at": iso(found.created_at),
        "updated_at": iso(found.created_at),
        "creator": user(world, found.creator),
    }


def combined_status(world: World, repo: Repository, sha: str) -> Json:
    """Return a `combined-commit-status`: the newest status of each context, and the worst of them."""
    newest = {one.context: one for one in repo.statuses if one.sha == sha}
    states = {one.state for one in newest.values()}
    state = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
    url = f"{world.repo_api(repo)}/commits/{sha}"
    return {
        "state": state,
        "statuses": [status(world, repo, one) for one in newest.values()],
        "sha": sha,
        "total_count": len(newest),
        "repository": repository(world, repo),
        "commit_url": url,
        "url": f"{url}/status",
    }
