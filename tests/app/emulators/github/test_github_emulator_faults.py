"""Misbehaviour on demand."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from app.emulators.github import Fault, GitHubEmulator
from tests.app.emulators.github.github_kit import REPO, Rest, clone_url, git, minted


def test_the_next_matches_get_the_answer_and_nothing_is_done(github: GitHubEmulator) -> None:
    rest = Rest(github, minted(github))
    body = {"message": "Server Error"}
    github.fault(Fault(method="POST", path=r"/issues$", status=503, body=body, times=2))
    rest.call("GET", f"{REPO}/issues", 200)
    assert [rest.call("POST", f"{REPO}/issues", 503, body={"title": "t"}).json() for _ in range(2)] == [body, body]
    assert github.repository("octo/hello").issues == {}
    rest.call("POST", f"{REPO}/issues", 201, body={"title": "t"})
    assert github.faults.remaining == []


@pytest.mark.parametrize("status", [403, 429])
def test_a_secondary_rate_limit(github: GitHubEmulator, status: int) -> None:
    """R26."""
    github.fault(Fault(path="/comments$", status=status, headers={"Retry-After": "60", "x-ratelimit-remaining": "0"}))
    rest = Rest(github, minted(github))
    github.person("alice").open_issue("octo/hello", "t")
    answer = rest.call("POST", f"{REPO}/issues/1/comments", status, body={"body": "x"})
    assert (answer.headers["retry-after"], answer.headers["x-ratelimit-remaining"]) == ("60", "0")
    assert github.comments("octo/hello", 1) == []


def test_github_acts_and_only_the_answer_is_lost(github: GitHubEmulator) -> None:
    """R25: create a pull request and a comment, answer 502, then drop the connection."""
    rest = Rest(github, minted(github))
    github.person("alice").push("octo/hello", "feat", {"a": "b"})
    pull = {"title": "t", "head": "feat", "base": "main"}
    github.fault(Fault(method="POST", path="/pulls$", status=502, when="after"))
    rest.call("POST", f"{REPO}/pulls", 502, body=pull)
    assert len(github.pull_requests("octo/hello")) == 1
    rest.call("POST", f"{REPO}/pulls", 422, body=pull)
    github.fault(Fault(method="POST", path="/comments$", drop=True, when="after"))
    with pytest.raises(httpx.RemoteProtocolError):
        rest.client.post(f"{REPO}/issues/1/comments", json={"body": "x"})
    assert [one.body for one in github.comments("octo/hello", 1)] == ["x"]


def test_a_connection_dropped_before_anything_is_done(github: GitHubEmulator) -> None:
    rest = Rest(github, minted(github))
    github.fault(Fault(path="/issues$", drop=True))
    with pytest.raises(httpx.RemoteProtocolError):
        rest.client.post(f"{REPO}/issues", json={"title": "t"})
    assert github.repository("octo/hello").issues == {}
    rest.call("POST", f"{REPO}/issues", 201, body={"title": "t"})


@pytest.mark.parametrize("fault", [{"status": 502}, {"drop": True}])
def test_a_push_that_arrives_while_git_is_told_otherwise(
    github: GitHubEmulator, tmp_path: Path, fault: dict[str, object]
) -> None:
    """R25: the branch is there although git says that the push failed."""
    git(tmp_path, "clone", "-q", clone_url(github, minted(github)), "work")
    work = tmp_path / "work"
    (work / "new.txt").write_text("x")
    git(work, "checkout", "-q", "-b", "topic")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "New")
    github.fault(Fault.model_validate({"method": "POST", "path": "/git-receive-pack$", "when": "after", **fault}))
    assert git(work, "push", "origin", "topic", check=False).returncode != 0
    sha = git(work, "rev-parse", "HEAD").stdout.strip()
    assert github.branches("octo/hello")["topic"] == sha
    assert [one.event for one in github.deliveries] == ["push"]


def test_a_delay_alone_only_delays(github: GitHubEmulator) -> None:
    github.fault(Fault(path="/issues$", delay_seconds=0.3))
    rest = Rest(github, minted(github))
    with pytest.raises(httpx.ReadTimeout):
        rest.client.get(f"{REPO}/issues", timeout=0.05)
    rest.call("GET", f"{REPO}/issues", 200)


def test_a_fault_that_could_never_match_is_refused() -> None:
    with pytest.raises(ValidationError):
        Fault(path="(")
    with pytest.raises(ValidationError):
        Fault.model_validate({"path": "x", "code": 502})


def test_the_switches_over_http(github: GitHubEmulator) -> None:
    rest = Rest(github, minted(github))
    switches = f"{github.web_url}/_emulator"
    assert rest.client.post(f"{switches}/faults", json={"path": "/issues$", "status": 500}).status_code == 201
    assert rest.client.post(f"{switches}/faults", json={"status": 500}).status_code == 422
    assert rest.client.get(f"{switches}/faults").json()[0]["left"] == 1
    rest.call("GET", f"{REPO}/issues", 500)
    rest.client.post(f"{switches}/faults", json={"path": "/issues$", "status": 500})
    assert rest.client.delete(f"{switches}/faults").status_code == 204
    rest.call("POST", f"{REPO}/issues", 201, body={"title": "t"})
    listed = rest.client.get(f"{switches}/deliveries").json()
    assert [(one["event"], one["status"]) for one in listed] == [("issues", "no webhook URL")]
    assert rest.client.post(f"{switches}/deliveries/{listed[0]['guid']}/redeliver").status_code == 202
    assert rest.client.post(f"{switches}/deliveries/none/redeliver").status_code == 404
    assert [one.redelivery for one in github.wait_for_deliveries()] == [False, True]
