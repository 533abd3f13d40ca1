"""Runs of workflows, their jobs and logs, check suites, and the record of pushes. https://docs.github.com/rest/actions"""

from __future__ import annotations

import secrets

from app.emulators.github import actions
from app.emulators.github.call import Answer, Call, Need
from app.emulators.github.dispatch import Endpoint
from app.emulators.github.problems import Problem, not_found
from app.emulators.github.shapes import actions as shapes
from app.emulators.github.state import Job, Repository, WorkflowRun

READ: Need = ("actions", "read")
CHECKS: Need = ("checks", "read")


def list_activity(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/activity, newest first; `ref` narrows it."""
    repo = call.repository(("contents", "read"))
    ref = call.query.get("ref", "")
    wanted = ref if ref.startswith("refs/") or not ref else f"refs/heads/{ref}"
    found = [one for one in reversed(repo.activity) if wanted in ("", one.ref)]
    return call.page(found, lambda one: shapes.activity(call.world, one))


def list_runs(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/actions/runs, newest first; `head_sha` and `branch` narrow it."""
    repo = call.repository(READ)
    sha, branch = call.query.get("head_sha"), call.query.get("branch")
    found = [one for one in reversed(repo.workflow_runs) if sha in (None, one.head_sha) and branch in (None, one.head_branch)]
    return call.page(found, lambda one: shapes.workflow_run(call.world, repo, one), under="workflow_runs")


def list_jobs(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs, of the newest attempt."""
    repo = call.repository(READ)
    run = _run(call, repo)
    return call.page(run.jobs, lambda one: shapes.job(call.world, repo, run, one), under="jobs")


def get_log(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs: a redirection to a place that takes no token, for a minute."""
    repo = call.repository(READ)
    _, job = _job(repo, call.params["job_id"])
    if job.log is None:
        raise Problem(410, "Server Error")
    key = secrets.token_urlsafe(16)
    call.world.blobs[key] = job.log
    return Answer(302, None, {"location": f"{call.world.web_url}/_blobs/{key}"})


def rerun(call: Call) -> Answer:
    """POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun."""
    repo = call.repository(("actions", "write"), role="write")
    run = _run(call, repo)
    try:
        actions.rerun(call.world, repo, run)
    except ValueError as error:
        raise Problem(403, "This workflow is already running") from error
    return Answer(201, {})


def list_suites(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/commits/{ref}/check-suites: those of GitHub Actions."""
    repo = call.repository(CHECKS)
    found = [one for one in repo.workflow_runs if one.head_sha == call.params["ref"]]
    return call.page(found, lambda one: shapes.check_suite(call.world, repo, one), under="check_suites")


def list_checks_of_suite(call: Call) -> Answer:
    """GET /repos/{owner}/{repo}/check-suites/{suite_id}/check-runs: the jobs of a workflow's run."""
    repo = call.repository(CHECKS)
    run = next((one for one in repo.workflow_runs if one.suite_id == call.params["suite_id"]), None)
    if run is None:
        raise not_found()
    return call.page(run.jobs, lambda one: shapes.check_of_job(call.world, repo, run, one), under="check_runs")


def _run(call: Call, repo: Repository) -> WorkflowRun:
    run = next((one for one in repo.workflow_runs if one.id == call.params["run_id"]), None)
    if run is None:
        raise not_found()
    return run


def _job(repo: Repository, job_id: int) -> tuple[WorkflowRun, Job]:
    for run in repo.workflow_runs:
        for job in run.jobs:
            if job.id == job_id:
                return run, job
    raise not_found()


ENDPOINTS = [
    Endpoint("GET", "/repos/{owner}/{repo}/activity", list_activity),
    Endpoint("GET", "/repos/{owner}/{repo}/actions/runs", list_runs),
    Endpoint("GET", "/repos/{owner}/{repo}/actions/runs/{run_id:int}/jobs", list_jobs),
    Endpoint("POST", "/repos/{owner}/{repo}/actions/runs/{run_id:int}/rerun", rerun),
    Endpoint("GET", "/repos/{owner}/{repo}/actions/jobs/{job_id:int}/logs", get_log),
    Endpoint("GET", "/repos/{owner}/{repo}/commits/{ref}/check-suites", list_suites),
    Endpoint("GET", "/repos/{owner}/{repo}/check-suites/{suite_id:int}/check-runs", list_checks_of_suite),
]
