"""The one GraphQL mutation that the emulator knows, and its refusals."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.emulators.github import GitHubEmulator
from tests.app.emulators.github.github_kit import REPO, Rest, minted

DOCUMENT = """mutation M($input: ConvertPullRequestToDraftInput!) {
  convertPullRequestToDraft(input: $input) { clientMutationId pullRequest { isDraft } }
}"""


def asked(github: GitHubEmulator, token: str | None, wanted: str, document: str = DOCUMENT) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    body: dict[str, Any] = {"query": document, "variables": {"input": {"pullRequestId": wanted}}}
    url = github.api_url.removesuffix("/v3") + "/graphql"
    return httpx.post(url, json=body, headers=headers, timeout=20, trust_env=False)


@pytest.fixture
def pull(github: GitHubEmulator) -> str:
    """The node id of an open pull request that is ready for review."""
    alice = github.person("alice")
    alice.push("octo/hello", "bellhop/abc", {"a.txt": "a\n"})
    number = alice.open_pull("octo/hello", "bellhop/abc", "Fix").number
    found: str = Rest(github, minted(github)).call("GET", f"{REPO}/pulls/{number}", 200).json()["node_id"]
    return found


def draft(github: GitHubEmulator) -> bool:
    [one] = github.pull_requests("octo/hello")
    assert one.pull is not None
    return one.pull.draft


def test_a_pull_request_becomes_a_draft(github: GitHubEmulator, pull: str) -> None:
    answer = asked(github, minted(github, {"pull_requests": "write"}), pull).json()
    assert answer == {"data": {"convertPullRequestToDraft": {"clientMutationId": None, "pullRequest": {"isDraft": True}}}}
    assert draft(github)


def test_every_other_document_is_an_error(github: GitHubEmulator, pull: str) -> None:
    token = minted(github)
    for document in ("query { viewer { login } }", DOCUMENT.replace("ToDraft(", "ToReady("), DOCUMENT + " query { viewer { login } }"):
        assert list(asked(github, token, pull, document).json()) == ["errors"]
    assert not draft(github)


def test_who_may_not_makes_none(github: GitHubEmulator, pull: str) -> None:
    assert asked(github, None, pull).status_code == 401
    assert asked(github, minted(github), "nothing").json()["errors"][0]["type"] == "NOT_FOUND"
    assert asked(github, minted(github, {"pull_requests": "read"}), pull).json()["errors"][0]["type"] == "FORBIDDEN"
    [one] = github.pull_requests("octo/hello")
    github.person("alice").close("octo/hello", one.number)
    assert asked(github, minted(github), pull).json()["errors"][0]["type"] == "UNPROCESSABLE"
    assert not draft(github)
