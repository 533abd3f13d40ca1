"""Pull requests that become drafts at an emulated GitHub, and what is told of them."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.grant import Credential
from app.emulators.github import Fault, GitHubEmulator
from tests.github_at_work import REPO
from tests.triggers.github.test_github_reply import failure, propose
from triggers.github.reply import GitHubService


@pytest.fixture
def branch(github: GitHubEmulator) -> str:
    github.person("alice").push("octo/hello", "bellhop/abc", {"README.md": "mended\n"}, message="Mend it")
    return "bellhop/abc"


def is_draft(github: GitHubEmulator) -> bool:
    [pull] = [one.pull for one in github.pull_requests("octo/hello") if one.state == "open"]
    assert pull is not None
    return pull.draft


@pytest.mark.usefixtures("branch")
def test_t66_one_that_is_ready_becomes_a_draft_once(service: GitHubService, github: GitHubEmulator, credential: Credential) -> None:
    propose(service, credential)
    assert not is_draft(github)
    service.hold_as_draft(credential, REPO, "bellhop/abc")
    assert is_draft(github)
    github.fault(Fault(path="/graphql", status=500))
    service.hold_as_draft(credential, REPO, "bellhop/abc")
    service.hold_as_draft(credential, REPO, "bellhop/another")


@pytest.mark.usefixtures("branch")
def test_whether_it_is_a_draft_is_told_as_github_has_it(service: GitHubService, credential: Credential) -> None:
    wanted: dict[str, Any] = {"branch": "bellhop/abc", "base": "main", "title": "Mend it", "body": "", "labels": ()}
    assert [service.ensure_pull_request(credential, REPO, draft=draft, **wanted)[2] for draft in (False, True)] == [False, False]
    service.hold_as_draft(credential, REPO, "bellhop/abc")
    assert service.ensure_pull_request(credential, REPO, draft=False, **wanted)[2]


@pytest.mark.usefixtures("branch")
@pytest.mark.parametrize(("fault", "retryable"), [
    ({"status": 502}, True), ({"drop": True}, True), ({"status": 403, "body": {"message": "no"}}, False),
    ({"status": 200, "body": {"errors": [{"type": "FORBIDDEN", "message": "Resource not accessible by integration"}]}}, False),
    ({"status": 200, "body": {"data": {"convertPullRequestToDraft": {"pullRequest": {"isDraft": False}}}}}, False),
    ({"status": 200, "body": {"data": {"convertPullRequestToDraft": None}}}, False),
], ids=str)
def test_t66_what_github_does_not_do_is_an_error(
    service: GitHubService, github: GitHubEmulator, credential: Credential, fault: dict[str, Any], retryable: bool
) -> None:
    propose(service, credential)
    github.fault(Fault(path="/graphql$", **fault))
    error = failure(service.hold_as_draft, credential, REPO, "bellhop/abc")
    assert error.retryable is retryable
    assert ": None" not in str(error)
