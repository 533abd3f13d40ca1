"""GitHub Actions as far as Bellhop meets it: which workflows an event starts, and the instructions that skip them.

Nothing is run; that a run has begun is put on file, and how it ends is said by a test (`actions`). Filters by branch and path are not modelled, activity types are.
https://docs.github.com/en/actions/how-tos/manage-workflow-runs/skip-workflow-runs
https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from app.emulators.github import store, trees
from app.emulators.github.state import Issue, Repository, User, WorkflowRun
from app.emulators.github.world import World

_DIRECTORY = ".github/workflows"
_SKIPPING = re.compile(r"\[(?:skip ci|ci skip|no ci|skip actions|actions skip)\]")
# The trailers stand at the end after two empty lines, and this one is the last of them.
_SKIPPING_TRAILER = re.compile(r"\n\n\n(?:[^\n]+\n)*skip-checks: ?true\s*\Z")
_PULL_REQUEST_TYPES = ("opened", "synchronize", "reopened")


def pushed(world: World, repo: Repository, branch: str, sha: str, actor: User, *, created: bool) -> None:
    """Start what a push starts; `created` says that the branch is new. The caller holds the lock."""
    if not skips(store.read_commit(repo.path, sha).message):
        _start(world, repo, "push", None, sha, sha, branch, actor)
    if created:
        _start(world, repo, "create", None, sha, sha, branch, actor)


def pull_changed(world: World, repo: Repository, issue: Issue, action: str, actor: User) -> None:
    """Start what a pull request's activity starts: of its head, and (`pull_request_target`) of its base."""
    pull = issue.pull
    if pull is None:
        return
    if not skips(store.read_commit(repo.path, pull.head_sha).message):
        _start(world, repo, "pull_request", action, pull.head_sha, pull.head_sha, pull.head_ref, actor)
    base = store.resolve(repo.path, f"refs/heads/{pull.base_ref}")
    if base is not None:
        _start(world, repo, "pull_request_target", action, base, pull.head_sha, pull.head_ref, actor)


def commented(world: World, repo: Repository, action: str, actor: User) -> None:
    """Start what a comment starts, always of the default branch."""
    head = store.resolve(repo.path, f"refs/heads/{repo.default_branch}")
    if head is not None:
        _start(world, repo, "issue_comment", action, head, head, repo.default_branch, actor)


def skips(message: str) -> bool:
    """Return whether a commit message holds a skip instruction, which counts for `push` and `pull_request` only."""
    return _SKIPPING.search(message) is not None or _SKIPPING_TRAILER.search(message) is not None


def _start(world: World, repo: Repository, event: str, action: str | None, of: str, head_sha: str, branch: str, actor: User) -> None:
    """Put a run on file for each workflow at the commit `of` that takes the event."""
    for entry in trees.entries(repo.path, of, _DIRECTORY):
        workflow = _read(trees.blob(repo.path, entry.sha)) if entry.path.endswith((".yml", ".yaml")) else None
        if workflow is not None and _takes(workflow, event, action):
            earlier = [run for run in repo.workflow_runs if run.path == entry.path]
            repo.workflow_runs.append(WorkflowRun(
                world.state.new_id(), entry.path, event, head_sha, branch, world.now(), name=str(workflow.get("name") or entry.path),
                workflow_id=earlier[0].workflow_id if earlier else world.state.new_id(), suite_id=world.state.new_id(), number=len(earlier) + 1,
                actor=actor,
            ))


def _read(content: bytes) -> dict[Any, Any] | None:
    try:
        workflow = yaml.safe_load(content)
    except yaml.YAMLError:
        return None
    return workflow if isinstance(workflow, dict) else None


def _takes(workflow: dict[Any, Any], event: str, action: str | None) -> bool:
    # YAML 1.1 reads the key `on` as true.
    on: Any = workflow.get("on", workflow.get(True))
    if isinstance(on, str):
        on = [on]
    if not isinstance(on, list | dict) or event not in on:
        return False
    settings = on[event] if isinstance(on, dict) else None
    types = settings.get("types") if isinstance(settings, dict) else None
    if types is None:
        types = _PULL_REQUEST_TYPES if event.startswith("pull_request") else None
    return action is None or types is None or action in types
