"""How runs of workflows end, and what is run again; every end rings the webhooks that it should. The caller holds the lock.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#workflow_run
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from app.emulators.github import store
from app.emulators.github.shapes import actions as shapes
from app.emulators.github.shapes.account import Json
from app.emulators.github.shapes.commit import commit as commit_shape
from app.emulators.github.shapes.commit import short_branch
from app.emulators.github.state import Job, Repository, Status, User, WorkflowRun
from app.emulators.github.webhooks import tell
from app.emulators.github.world import World, iso

_WORST = ("failure", "timed_out", "cancelled", "success")


class JobEnd(NamedTuple):
    """How a job ended, and its log (None: GitHub has none any more)."""

    conclusion: str = "success"
    log: str | None = ""


def finish(world: World, repo: Repository, run: WorkflowRun, jobs: Mapping[str, JobEnd]) -> None:
    """End a run's present attempt (`check_suite.completed`, `workflow_run.completed`). Raises ValueError for one that has ended."""
    if run.status == "completed":
        raise ValueError(f"the run {run.id} has ended already: run it again first")
    now = world.now()
    run.jobs = [
        Job(world.state.new_id(), name, end.conclusion, None if end.log is None else end.log.encode(), now) for name, end in jobs.items()
    ]
    run.status, run.updated_at = "completed", now
    run.conclusion = next((each for each in _WORST if any(job.conclusion == each for job in run.jobs)), "success")
    _tell_end(world, repo, run)


def rerun(world: World, repo: Repository, run: WorkflowRun) -> None:
    """Begin another attempt. Raises ValueError for a run that is under way."""
    if run.status != "completed":
        raise ValueError(f"the run {run.id} is under way")
    run.attempt += 1
    run.status, run.conclusion, run.jobs, run.updated_at = "queued", None, [], world.now()


def set_status(
    world: World, repo: Repository, sha: str, creator: User, *, state: str, context: str, description: str | None = None, target_url: str | None = None
) -> Status:
    """Put a status on a commit (`status`)."""
    made = Status(world.state.new_id(), sha, state, context, creator, world.now(), description, target_url)
    repo.statuses.append(made)
    found = store.read_commit(repo.path, sha)
    holding = [(ref.removeprefix("refs/heads/"), at) for ref, at in store.refs(repo.path).items() if store.is_ancestor(repo.path, sha, at)]
    tell(world, "status", None, repo, creator, {
        "id": made.id, "sha": sha, "name": repo.full_name, "avatar_url": None, "target_url": target_url, "context": context,
        "description": description, "state": state, "commit": commit_shape(world, repo, found),
        "branches": [short_branch(world, repo, name, at) for name, at in holding[:10]],
        "created_at": iso(made.created_at), "updated_at": iso(made.created_at),
    })
    return made


def _tell_end(world: World, repo: Repository, run: WorkflowRun) -> None:
    sender = run.actor or repo.owner
    suite: Json = shapes.check_suite(world, repo, run)
    del suite["repository"]
    tell(world, "check_suite", "completed", repo, sender, {"check_suite": suite})
    tell(world, "workflow_run", "completed", repo, sender, {
        "workflow_run": shapes.workflow_run(world, repo, run), "workflow": shapes.workflow(world, repo, run),
    })
