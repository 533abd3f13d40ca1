"""Runs of workflows: how they begin, end and are run again, their logs, and who pushed what they look at."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx
import pytest

from app.emulators.github import GitHubEmulator
from app.emulators.github.actions import JobEnd
from tests.app.emulators.github.github_kit import REPO, Rest, minted

HELLO = "octo/hello"
CI = {".github/workflows/ci.yml": "name: CI\non: push\njobs: {}\n"}
RUNS = "/repos/{owner}/{repo}/actions/runs"


def test_a_run_begins_fails_is_run_again_and_passes(github: GitHubEmulator) -> None:
    alice, rest = github.person("alice"), Rest(github, minted(github))
    head = alice.push(HELLO, "feat", dict(CI))
    number = alice.open_pull(HELLO, "feat", "A feature").number

    def only_run() -> dict[str, object]:
        [found] = rest.call("GET", f"{REPO}/actions/runs", 200, like=RUNS, head_sha=head).json()["workflow_runs"]
        assert isinstance(found, dict)
        return found

    assert (only_run()["status"], only_run()["conclusion"], only_run()["name"]) == ("queued", None, "CI")
    run = alice.finish_ci(HELLO, lint=JobEnd(), tests=JobEnd("failure", "E  assert False\n"))
    found = only_run()
    assert (found["status"], found["conclusion"], found["run_attempt"]) == ("completed", "failure", 1)
    assert [one["number"] for one in found["pull_requests"]] == [number]  # type: ignore[attr-defined]
    jobs = rest.call("GET", f"{REPO}/actions/runs/{run.id}/jobs", 200, like=f"{RUNS}/{{run_id}}/jobs").json()["jobs"]
    assert [(job["name"], job["conclusion"]) for job in jobs] == [("lint", "success"), ("tests", "failure")]
    suites = rest.call("GET", f"{REPO}/commits/{head}/check-suites", 200, like="/repos/{owner}/{repo}/commits/{ref}/check-suites").json()
    [suite] = suites["check_suites"]
    checks = rest.call(
        "GET", f"{REPO}/check-suites/{suite['id']}/check-runs", 200, like="/repos/{owner}/{repo}/check-suites/{check_suite_id}/check-runs",
    ).json()["check_runs"]
    assert [one["id"] for one in checks] == [job["id"] for job in jobs]
    with pytest.raises(LookupError, match="no run of a workflow is under way"):
        alice.finish_ci(HELLO, tests=JobEnd())
    rest.call("POST", f"{REPO}/actions/runs/{run.id}/rerun", 201, like=f"{RUNS}/{{run_id}}/rerun")
    rest.call("POST", f"{REPO}/actions/runs/{run.id}/rerun", 403)
    assert (only_run()["status"], only_run()["run_attempt"]) == ("queued", 2)
    alice.finish_ci(HELLO, tests=JobEnd())
    assert (only_run()["conclusion"], only_run()["run_attempt"]) == ("success", 2)


def test_how_a_run_ended_can_be_said_over_http(github: GitHubEmulator) -> None:
    alice = github.person("alice")
    for branch in ("feat", "other"):
        alice.push(HELLO, branch, dict(CI))

    def said(body: Mapping[str, object], repo: str = HELLO) -> tuple[int, dict[str, object]]:
        answer = httpx.post(f"{github.web_url}/_emulator/repos/{repo}/ci", json=body, trust_env=False)
        return answer.status_code, answer.json()

    red = {"branch": "feat", "jobs": {"lint": {}, "tests": {"conclusion": "failure", "log": "E  assert False\n"}}}
    status, ended = said(red)
    assert (status, ended["head_branch"], ended["conclusion"], ended["run_attempt"]) == (200, "feat", "failure", 1)
    run = github.workflow_runs(HELLO)[0]
    assert [(job.name, job.conclusion, job.log) for job in run.jobs] == [("lint", "success", b""), ("tests", "failure", b"E  assert False\n")]
    rerun = f"{github.api_url}/repos/{HELLO}/actions/runs/{ended['id']}/rerun"
    assert httpx.post(rerun, headers={"authorization": f"Bearer {alice.user.token}"}, trust_env=False).status_code == 201
    assert said({"branch": "feat", "jobs": {"tests": {}}})[1]["run_attempt"] == 2
    assert [said(body, repo)[0] for body, repo in ((red, HELLO), (red, "octo/none"), ({"jobs": {}}, HELLO), ({"jobs": {"a": {"conclusion": "bad"}}}, HELLO))] == [
        404, 404, 422, 422]
    assert said({"jobs": {"tests": {}}})[1]["head_branch"] == "other"


def test_a_log_is_at_a_place_of_its_own_that_takes_no_token(github: GitHubEmulator) -> None:
    alice, token = github.person("alice"), minted(github)
    alice.push(HELLO, "feat", dict(CI))
    run = alice.finish_ci(HELLO, tests=JobEnd("failure", "it broke\n"), gone=JobEnd("failure", None))
    by_name = {job.name: job.id for job in run.jobs}
    rest = Rest(github, token)
    rest.call("GET", f"{REPO}/actions/jobs/{by_name['gone']}/logs", 410)
    rest.call("GET", f"{REPO}/actions/jobs/1/logs", 404)
    place = rest.call("GET", f"{REPO}/actions/jobs/{by_name['tests']}/logs", 302).headers["location"]
    assert urlsplit(place).path.startswith("/_blobs/")
    assert httpx.get(place).text == "it broke\n"
    assert httpx.get(place, headers={"authorization": f"Bearer {token}"}).status_code == 400
    Rest(github, minted(github, {"contents": "write"})).call("GET", f"{REPO}/actions/jobs/{by_name['tests']}/logs", 403)


def test_the_record_of_pushes_says_who(github: GitHubEmulator) -> None:
    alice, bob = github.person("alice"), github.person("bob")
    first = alice.push(HELLO, "feat", {"a": "a"})
    second = bob.push(HELLO, "feat", {"a": "b"})
    alice.push(HELLO, "other", {"a": "c"})
    alice.force_push(HELLO, "feat", first)
    rest = Rest(github, minted(github))
    found = rest.call("GET", f"{REPO}/activity", 200, like="/repos/{owner}/{repo}/activity", ref="refs/heads/feat").json()
    assert [(one["actor"]["login"], one["after"], one["activity_type"]) for one in found] == [
        ("alice", first, "force_push"), ("bob", second, "push"), ("alice", first, "branch_creation"),
    ]
    Rest(github, minted(github, {"issues": "write"})).call("GET", f"{REPO}/activity", 403)
