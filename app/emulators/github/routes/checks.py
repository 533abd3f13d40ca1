"""Check runs and commit statuses. https://docs.github.com/rest/checks/runs"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from app.emulators.github import actions, auto_merge, check_runs, store
from app.emulators.github.call import Answer, Body, Call, Need
from app.emulators.github.dispatch import Endpoint
from app.emulators.github.problems import Problem, invalid, not_by_integration, not_found
from app.emulators.github.shapes import check as shapes
from app.emulators.github.state import CheckRun, Repository

READ: Need = ("checks", "read")
WRITE: Need = ("checks", "write")


class Output(Body):
    """What a check run says."""

    title: str
    summary: str = Field(max_length=65535)
    text: str | None = None


class Action(Body):
    """A button of a check run that has ended."""

    label: str = Field(max_length=20)
    description: str = Field(max_length=40)
    identifier: str = Field(max_length=20)


class CheckRunUpdate(Body):
    """What should change of a check run."""

    name: str | None = None
    status: Literal["queued", "in_progress", "completed", "waiting", "requested", "pending"] | None = None
    conclusion: Literal[
        "success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"
    ] | None = None
    details_url: str | None = None
    external_id: str | None = None
    output: Output | None = None
    actions: list[Action] | None = Field(default=None, max_length=3)


class NewCheckRun(CheckRunUpdate):
    """A check run to make."""

    name: str
    head_sha: str


class NewStatus(Body):
    """A commit status to set."""

    state: Literal["error", "failure", "pending", "success"]
    context: str = "default"
    description: str | None = None
    target_url: str | None = None


def create_check_run(call: Call) -> Answer:
    """POST /repos/{owner}/{repo}/check-runs, for Apps only."""
    repo = call.repository(WRITE, role="write")
    if call.caller.token is None:
        raise Problem(403, "You must authenticate via a GitHub App.")
    asked = call.read(NewCheckRun)
    if store.resolve(repo.path, asked.head_sha) != asked.head_sha:
        raise Problem(422, f"No commit found for SHA: {asked.head_sha}")
    made = CheckRun(call.world.state.new_id(), asked.name, asked.head_sha)
    _apply(made, asked, call.world.now())
    repo.check_runs[made.id] = made
    check_runs.tell_check(call.world, repo, made, "completed" if made.status == "completed" else "created", call.actor)
    auto_merge.settle(call.world, repo, made.head_sha)
    return Answer(201, shapes.check_run(call.world, repo, made))


def update_check_run(call: Call) -> Answer:
    """PATCH /repos/{owner}/{repo}/check-runs/{id}."""
    repo = call.repository(WRITE, role="write")
    if call.caller.token is None:
        raise not_by_integration()
    found = _check_run(call, repo)
    was_over = found.status == "completed"
    _apply(found, call.read(CheckRunUpdate), call.world.now())
    if found.status == "completed" and not was_over:
        check_runs.tell_check(call.world, repo, found, "completed", call.actor)
    auto_merge.settle(call.world, repo, found.head_sha)
    return Answer(200, shapes.check_run(call.world, repo, found))


def get_check_run(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/check-runs/{id}."""
    repo = call.repository(READ)
    return Answer(200, shapes.check_run(call.world, repo, _check_run(call, repo)))


def list_check_runs(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/commits/{ref}/check-runs; `check_name` narrows it, and `filter=latest` (the default) to the newest of a name."""
    repo = call.repository(READ)
    sha, name = _commit(call, repo), call.query.get("check_name")
    found = [one for one in repo.check_runs.values() if one.head_sha == sha and name in (None, one.name)]
    if call.query.get("filter", "latest") != "all":
        found = list({one.name: one for one in found}.values())
    return call.page(found, lambda one: shapes.check_run(call.world, repo, one), under="check_runs")


def create_status(call: Call) -> Answer:
    """POST /repos/{owner}/{repo}/statuses/{sha}."""
    repo = call.repository(("statuses", "write"), role="write")
    asked = call.read(NewStatus)
    sha = call.params["sha"]
    if store.resolve(repo.path, sha) != sha:
        raise Problem(422, f"No commit found for SHA: {sha}")
    made = actions.set_status(
        call.world, repo, sha, call.actor, state=asked.state, context=asked.context, description=asked.description, target_url=asked.target_url,
    )
    auto_merge.settle(call.world, repo, sha)
    return Answer(201, shapes.status(call.world, repo, made))


def get_combined_status(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/commits/{ref}/status."""
    repo = call.repository(("statuses", "read"))
    return Answer(200, shapes.combined_status(call.world, repo, _commit(call, repo)))


def _apply(run: CheckRun, asked: CheckRunUpdate, now: datetime) -> None:
    if asked.status == "completed" and asked.conclusion is None and run.conclusion is None:
        raise invalid("CheckRun", "conclusion", "missing_field")
    for name in ("name", "status", "conclusion", "details_url", "external_id"):
        value = getattr(asked, name)
        if value is not None:
            setattr(run, name, value)
    if asked.actions is not None:
        run.actions = [each.model_dump() for each in asked.actions]
    if asked.output:
        run.title, run.summary, run.text = asked.output.title, asked.output.summary, asked.output.text
    if asked.conclusion is not None:
        run.status = "completed"
    run.started_at = run.started_at or now
    run.completed_at = now if run.status == "completed" else None


def _check_run(call: Call, repo: Repository) -> CheckRun:
    found = repo.check_runs.get(call.params["check_run_id"])
    if found is None:
        raise not_found()
    return found


def _commit(call: Call, repo: Repository) -> str:
    sha = store.resolve(repo.path, call.params["ref"])
    if sha is None:
        raise Problem(422, f"No commit found for SHA: {call.params['ref']}")
    return sha


ENDPOINTS = [
    Endpoint("POST", "/repos/{owner}/{repo}/check-runs", create_check_run),
    Endpoint("GET", "/repos/{owner}/{repo}/check-runs/{check_run_id:int}", get_check_run),
    Endpoint("PATCH", "/repos/{owner}/{repo}/check-runs/{check_run_id:int}", update_check_run),
    Endpoint("GET", "/repos/{owner}/{repo}/commits/{ref:path}/check-runs", list_check_runs),
    Endpoint("GET", "/repos/{owner}/{repo}/commits/{ref:path}/status", get_combined_status),
    Endpoint("POST", "/repos/{owner}/{repo}/statuses/{sha}", create_status),
]
