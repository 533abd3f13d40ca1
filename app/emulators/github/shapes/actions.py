"""Runs of workflows, their jobs and check suites, and a repository's record of pushes, as GitHub's API shows them."""

from __future__ import annotations

from app.emulators.github import store
from app.emulators.github.shapes.account import Json, user
from app.emulators.github.shapes.repository import repository
from app.emulators.github.state import Activity, Issue, Job, Repository, WorkflowRun, node_id
from app.emulators.github.world import World, iso, iso_or_none

ACTIONS_SLUG = "github-actions"


def activity(world: World, found: Activity) -> Json:
    """Return an `activity`."""
    return {
        "id": found.id,
        "node_id": node_id("Push", found.id),
        "before": found.before,
        "after": found.after,
        "ref": found.ref,
        "timestamp": iso(found.at),
        "activity_type": found.kind,
        "actor": user(world, found.actor),
    }


def workflow_run(world: World, repo: Repository, found: WorkflowRun) -> Json:
    """Return a `workflow-run`, as the API and the webhook show it."""
    api, actor = f"{world.repo_api(repo)}/actions/runs/{found.id}", user(world, found.actor or repo.owner)
    suite = f"{world.repo_api(repo)}/check-suites/{found.suite_id}"
    return {
        "id": found.id,
        "name": found.name,
        "node_id": node_id("WorkflowRun", found.id),
        "check_suite_id": found.suite_id,
        "check_suite_node_id": node_id("CheckSuite", found.suite_id),
        "check_suite_url": suite,
        "head_branch": found.head_branch,
        "head_sha": found.head_sha,
        "path": found.path,
        "run_number": found.number,
        "run_attempt": found.attempt,
        "referenced_workflows": [],
        "event": found.event,
        "display_title": store.read_commit(repo.path, found.head_sha).message.split("\n", 1)[0],
        "status": found.status,
        "conclusion": found.conclusion,
        "workflow_id": found.workflow_id,
        "url": api,
        "html_url": f"{world.repo_web(repo)}/actions/runs/{found.id}",
        "pull_requests": pulls_at(world, repo, found.head_branch, found.head_sha),
        "created_at": iso(found.created_at),
        "updated_at": iso(found.updated_at or found.created_at),
        "run_started_at": iso(found.created_at),
        "actor": actor,
        "triggering_actor": actor,
        "jobs_url": f"{api}/jobs",
        "logs_url": f"{api}/logs",
        "artifacts_url": f"{api}/artifacts",
        "cancel_url": f"{api}/cancel",
        "rerun_url": f"{api}/rerun",
        "previous_attempt_url": f"{api}/attempts/{found.attempt - 1}" if found.attempt > 1 else None,
        "workflow_url": f"{world.repo_api(repo)}/actions/workflows/{found.workflow_id}",
        "head_commit": _head_commit(repo, found.head_sha),
        "repository": repository(world, repo),
        "head_repository": repository(world, repo),
    }


def workflow(world: World, repo: Repository, found: WorkflowRun) -> Json:
    """Return a `workflow`."""
    return {
        "id": found.workflow_id,
        "node_id": node_id("Workflow", found.workflow_id),
        "name": found.name,
        "path": found.path,
        "state": "active",
        "created_at": iso(repo.created_at),
        "updated_at": iso(repo.created_at),
        "url": f"{world.repo_api(repo)}/actions/workflows/{found.workflow_id}",
        "html_url": f"{world.repo_web(repo)}/blob/{repo.default_branch}/{found.path}",
        "badge_url": f"{world.repo_web(repo)}/workflows/{found.workflow_id}/badge.svg",
    }


def job(world: World, repo: Repository, run: WorkflowRun, found: Job) -> Json:
    """Return a `job`."""
    api = world.repo_api(repo)
    return {
        "id": found.id,
        "run_id": run.id,
        "run_url": f"{api}/actions/runs/{run.id}",
        "run_attempt": run.attempt,
        "node_id": node_id("CheckRun", found.id),
        "head_sha": run.head_sha,
        "head_branch": run.head_branch,
        "url": f"{api}/actions/jobs/{found.id}",
        "html_url": f"{world.repo_web(repo)}/actions/runs/{run.id}/job/{found.id}",
        "status": "completed",
        "conclusion": found.conclusion,
        "created_at": iso(run.created_at),
        "started_at": iso(run.created_at),
        "completed_at": iso(found.completed_at),
        "name": found.name,
        "steps": [],
        "check_run_url": f"{api}/check-runs/{found.id}",
        "labels": ["ubuntu-latest"],
        "runner_id": 1,
        "runner_name": "GitHub Actions 1",
        "runner_group_id": 0,
        "runner_group_name": "GitHub Actions",
        "workflow_name": run.name,
    }


def check_suite(world: World, repo: Repository, found: WorkflowRun) -> Json:
    """Return the `check-suite` of a workflow's run."""
    url = f"{world.repo_api(repo)}/check-suites/{found.suite_id}"
    return {
        "id": found.suite_id,
        "node_id": node_id("CheckSuite", found.suite_id),
        "head_branch": found.head_branch,
        "head_sha": found.head_sha,
        "status": found.status,
        "conclusion": found.conclusion,
        "url": url,
        "before": None,
        "after": found.head_sha,
        "pull_requests": pulls_at(world, repo, found.head_branch, found.head_sha),
        "app": _actions_app(world),
        "repository": repository(world, repo),
        "created_at": iso(found.created_at),
        "updated_at": iso_or_none(found.updated_at or found.created_at),
        "head_commit": _head_commit(repo, found.head_sha),
        "latest_check_runs_count": max(1, len(found.jobs)),
        "check_runs_url": f"{url}/check-runs",
        "rerequestable": True,
        "runs_rerequestable": False,
    }


def check_of_job(world: World, repo: Repository, run: WorkflowRun, found: Job) -> Json:
    """Return the `check-run` that a job of GitHub Actions is, under the very same id."""
    shape = job(world, repo, run, found)
    api = shape["check_run_url"]
    return {name: shape[name] for name in ("id", "node_id", "name", "head_sha", "html_url", "status", "conclusion", "started_at", "completed_at")} | {
        "external_id": str(found.id),
        "url": api,
        "details_url": shape["html_url"],
        "output": {"title": None, "summary": None, "text": None, "annotations_count": 0, "annotations_url": f"{api}/annotations"},
        "check_suite": {"id": run.suite_id},
        "app": _actions_app(world),
        "pull_requests": pulls_at(world, repo, run.head_branch, run.head_sha),
    }


def pulls_at(world: World, repo: Repository, branch: str, sha: str) -> list[Json]:
    """Return the open pull requests, as `pull-request-minimal`, that a branch of this repository at a commit is the head of."""
    return [
        _minimal(world, repo, one) for one in repo.issues.values()
        if one.pull and one.state == "open" and (one.pull.head_repo, one.pull.head_ref, one.pull.head_sha) == (repo, branch, sha)
    ]


def _minimal(world: World, repo: Repository, issue: Issue) -> Json:
    pull, api = issue.pull, world.repo_api(repo)
    if pull is None:
        raise LookupError(f"{issue.number} is no pull request")

    def side(ref: str, sha: str) -> Json:
        return {"ref": ref, "sha": sha, "repo": {"id": repo.id, "url": api, "name": repo.name}}

    return {
        "id": pull.id, "number": issue.number, "url": f"{api}/pulls/{issue.number}",
        "head": side(pull.head_ref, pull.head_sha), "base": side(pull.base_ref, pull.base_sha),
    }


def _head_commit(repo: Repository, sha: str) -> Json:
    found = store.read_commit(repo.path, sha)
    return {
        "id": found.sha,
        "tree_id": found.tree,
        "message": found.message,
        "timestamp": iso(found.committer.at),
        "author": {"name": found.author.name, "email": found.author.email},
        "committer": {"name": found.committer.name, "email": found.committer.email},
    }


def _actions_app(world: World) -> Json:
    owner = world.app.owner
    return {
        "id": 15368,
        "slug": ACTIONS_SLUG,
        "node_id": node_id("Integration", 15368),
        "owner": user(world, owner),
        "name": "GitHub Actions",
        "description": "",
        "external_url": "https://help.github.com/en/actions",
        "html_url": f"{world.web_url}/apps/{ACTIONS_SLUG}",
        "created_at": iso(world.app.created_at),
        "updated_at": iso(world.app.created_at),
        "permissions": {"actions": "write", "checks": "write"},
        "events": [],
    }
