"""PyGithub, unchanged, does our whole road against the emulator, with its own authentication classes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import github as pygithub
import pytest
from github import Auth, GithubIntegration

from app.emulators.github import Fault, GitHubEmulator, serve
from tests.app.emulators.github.github_kit import ALL, INSTALLATION, seed


@pytest.fixture
def emulator(tmp_path: Path, app_key: Path) -> Iterator[GitHubEmulator]:
    """An emulator on the real clock: PyGithub signs and refreshes by it."""
    with GitHubEmulator(tmp_path / "github", seed(app_key)) as made, serve(made):
        yield made


@pytest.fixture
def integration(emulator: GitHubEmulator) -> Iterator[GithubIntegration]:
    assert emulator.private_key_pem is not None
    with GithubIntegration(
        auth=Auth.AppAuth(emulator.app.id, emulator.private_key_pem), base_url=emulator.api_url, retry=None,
        seconds_between_requests=0, seconds_between_writes=0,
    ) as made:
        yield made


def client(emulator: GitHubEmulator, auth: Auth.Auth) -> pygithub.Github:
    return pygithub.Github(
        auth=auth, base_url=emulator.api_url, retry=None, seconds_between_requests=0, seconds_between_writes=0
    )


def test_the_app_and_its_installation(emulator: GitHubEmulator, integration: GithubIntegration) -> None:
    assert integration.get_app().slug == "bellhop"
    assert [one.id for one in integration.get_installations()] == [INSTALLATION]
    installation = integration.get_repo_installation("octo", "hello")
    assert installation.permissions["contents"] == "write"
    token = integration.get_access_token(installation.id, permissions={"contents": "read"})
    assert token.permissions == {"contents": "read", "metadata": "read"}
    assert token.expires_at > datetime.now(UTC)
    with pytest.raises(pygithub.GithubException) as refused:
        integration.get_access_token(installation.id, permissions={"administration": "write"})
    assert refused.value.status == 422


def test_the_whole_road(emulator: GitHubEmulator, integration: GithubIntegration) -> None:
    emulator.person("alice").open_issue("octo/hello", "Bug", "words", ("bellhop",))
    emulator.person("alice").push("octo/hello", "bellhop/abc", {"fix.txt": "fixed\n"})
    token = integration.get_access_token(INSTALLATION, permissions=ALL).token
    with client(emulator, Auth.Token(token)) as hub:
        repo = hub.get_repo("octo/hello")
        assert repo.get_collaborator_permission("alice") == "write"
        assert repo.get_branch(repo.default_branch).commit.sha == emulator.branches("octo/hello")["main"]
        issue = repo.get_issue(1)
        comment = issue.create_comment("On it")
        comment.edit("Done")
        issue.add_to_labels("working")
        issue.remove_from_labels("bellhop")
        assert [one.name for one in repo.get_issue(1).labels] == ["working"]
        assert [one.body for one in repo.get_issue(1).get_comments()] == ["Done"]
        pull = repo.create_pull(base="main", head="bellhop/abc", title="Fix", body="words", draft=True)
        pull.add_to_labels("bellhop")
        pull.edit(title="Better")
        assert [one.number for one in repo.get_pulls(state="open", head="octo:bellhop/abc")] == [2]
        assert [(one.filename, one.additions) for one in pull.get_files()] == [("fix.txt", 1)]
        with pytest.raises(pygithub.GithubException) as refused:
            repo.create_pull(base="main", head="bellhop/abc", title="Again", body="")
        assert refused.value.status == 422
        assert "A pull request already exists" in str(refused.value.data)
        run = repo.create_check_run("bellhop", head_sha=pull.head.sha, status="in_progress")
        run.edit(status="completed", conclusion="success")
        assert repo.get_contents("fix.txt", ref="bellhop/abc").decoded_content == b"fixed\n"  # type: ignore[union-attr]
        assert hub.get_rate_limit().rate.limit == 5000
        hub.requester.requestJsonAndCheck("DELETE", "/installation/token")
    assert emulator.live_tokens() == []


def test_pages_are_followed(emulator: GitHubEmulator, integration: GithubIntegration) -> None:
    alice = emulator.person("alice")
    alice.open_issue("octo/hello", "Bug")
    for number in range(65):
        alice.comment("octo/hello", 1, f"comment {number}")
    token = integration.get_access_token(INSTALLATION, permissions={"issues": "read"}).token
    with client(emulator, Auth.Token(token)) as hub:
        found = [one.body for one in hub.get_repo("octo/hello").get_issue(1).get_comments()]
    assert found == [f"comment {number}" for number in range(65)]


def test_pygithubs_own_installation_tokens(emulator: GitHubEmulator, integration: GithubIntegration) -> None:
    assert emulator.private_key_pem is not None
    app = Auth.AppAuth(emulator.app.id, emulator.private_key_pem)
    with client(emulator, app.get_installation_auth(INSTALLATION, {"issues": "read"})) as hub:
        repo = hub.get_repo("octo/hello")
        assert repo.full_name == "octo/hello"
        with pytest.raises(pygithub.GithubException) as refused:
            repo.create_issue("not permitted")
        assert (refused.value.status, refused.value.data["message"]) == (403, "Resource not accessible by integration")
    # Without a permission set PyGithub sends an empty one, and gets all that the installation has.
    with client(emulator, app.get_installation_auth(INSTALLATION)) as hub:
        assert hub.get_repo("octo/hello").create_issue("permitted").number == 1


def test_errors_reach_pygithub_as_its_own(emulator: GitHubEmulator, integration: GithubIntegration) -> None:
    with client(emulator, Auth.Token("ghs_4711_x.y.z")) as hub, pytest.raises(pygithub.BadCredentialsException):
        hub.get_repo("octo/hello")
    token = integration.get_access_token(INSTALLATION, permissions=ALL).token
    with client(emulator, Auth.Token(token)) as hub:
        with pytest.raises(pygithub.UnknownObjectException):
            hub.get_repo("octo/secret")
        message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        emulator.fault(Fault(path="/repos/octo/hello$", status=403, body={"message": message}, headers={"retry-after": "1"}))
        with pytest.raises(pygithub.RateLimitExceededException) as limited:
            hub.get_repo("octo/hello")
        assert limited.value.headers is not None
        assert limited.value.headers["retry-after"] == "1"
