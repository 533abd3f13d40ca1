"""Which files a pull request changes, at an emulated GitHub and at one with very many."""

from __future__ import annotations

from typing import Any

from app.core.grant import Credential
from app.emulators.github import Fault, GitHubEmulator
from tests.github_at_work import REPO
from tests.triggers.github.test_github_parse import example, parsed
from triggers.github.changed import FILES_LIMIT
from triggers.github.reply import GitHubService


def page(first: int, count: int) -> list[Any]:
    return [{"filename": f"f{number}"} for number in range(first, first + count)]


def test_the_files_of_a_pull_request_are_named_and_of_one_that_moved_both_names(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    alice = github.person("alice")
    alice.push("octo/hello", "feature", {"README.md": None, "docs/README.md": "hello\n", "new.py": "1\n"})
    number = alice.open_pull("octo/hello", "feature", "Move").number
    assert sorted(service.changed_paths(credential, REPO, number)) == ["README.md", "docs/README.md", "new.py"]


def test_no_more_files_are_asked_for_than_github_lists(service: GitHubService, github: GitHubEmulator, credential: Credential) -> None:
    most = FILES_LIMIT // 100
    github.fault(Fault(path=r"/pulls/9/files", status=200, body=page(0, 100), times=most + 5))
    assert len(service.changed_paths(credential, REPO, 9)) == 100
    assert [left for _, left in github.faults.remaining] == [5]


def test_who_opened_an_issue_is_read_and_may_be_nobody() -> None:
    for event, name in (("issues", "issues/opened"), ("issue_comment", "issue_comment/created")):
        payload = example(f"{name}.payload.json")
        found = parsed(event, payload)
        assert found.author is not None
        assert (found.author.login, found.author.id) == ("Codertocat", "21031067")
        payload["issue"]["user"] = None
        assert parsed(event, payload).author is None
