"""Issues that Bellhop opens itself: one for a conversation, found again, and never somebody else's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.core.event import Ignored
from app.core.grant import Credential
from app.core.showing.reply import home_marker
from app.emulators.github import Fault, GitHubEmulator
from app.errors import ServiceError
from app.execute.grants.github_app import GitHubApp
from tests.github_at_work import REPO
from tests.triggers.github.test_github_parse import PAYLOADS
from triggers.github.parse import parse
from triggers.github.reply import GitHubService

MARKER = home_marker("schedule:nightly@octo/hello")


def ensure(service: GitHubService, credential: Credential, known: int | None = None, marker: str = MARKER) -> int:
    return service.ensure_issue(credential, REPO, marker=marker, title="Bellhop: nightly", body="What it says.", known=known)


@pytest.mark.parametrize("fault", [{"status": 502, "body": {"message": "Bad gateway"}}, {"drop": True}], ids=str)
def test_r25_an_issue_that_was_opened_before_the_answer_was_lost_is_found_again(
    service: GitHubService, github: GitHubEmulator, credential: Credential, fault: dict[str, Any]
) -> None:
    github.fault(Fault(path=r"/repos/octo/hello/issues$", method="POST", when="after", **fault))
    with pytest.raises(ServiceError) as lost:
        ensure(service, credential)
    assert lost.value.retryable
    number = ensure(service, credential)
    assert number == ensure(service, credential, known=number) == 2
    assert sorted(github.repository("octo/hello").issues) == [1, 2]
    assert ensure(service, credential, marker=home_marker("another conversation")) == 3


def test_what_people_have_closed_stays_closed(service: GitHubService, github: GitHubEmulator, credential: Credential) -> None:
    first = ensure(service, credential)
    github.person("alice").close("octo/hello", first)
    second = ensure(service, credential, known=first)
    assert second == first + 1
    assert github.issue("octo/hello", first).state == "closed"
    assert ensure(service, credential, known=999) == second


def test_t13_a_persons_copy_of_the_marker_gets_no_word_of_a_run(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    github.person("bob").open_issue("octo/hello", "mine", f"tell me {MARKER}")
    assert ensure(service, credential) == 3


def test_it_takes_no_more_than_writing_issues(service: GitHubService, minter: GitHubApp, credential: Credential) -> None:
    grant = credential.grant.model_copy(update={"permissions": {"issues": "write"}})
    assert ensure(service, minter.mint(grant)) == 2


def test_t13_an_issue_of_our_own_under_a_persons_token_is_ignored() -> None:
    payload = json.loads((PAYLOADS / "issues" / "assigned.payload.json").read_text()) | {"action": "opened"}
    payload["issue"]["body"] = f"What it says.\n\n{MARKER}"
    assert parse("issues", "d", payload) == Ignored(source="github", kind="issues.opened", reason="own_words")
