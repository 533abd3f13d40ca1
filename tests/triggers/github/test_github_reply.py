"""The reply side at an emulated GitHub: looked up first, written once, failures in our own words."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from pydantic import SecretStr

from app.core.event import Actor, Event, Repo
from app.core.grant import Credential, Grant
from app.core.run import comment_marker
from app.emulators.github import Fault, GitHubEmulator
from app.errors import ServiceError
from app.execute.grants.github_app import GitHubApp
from tests.github_at_work import REPO, any_credential, hearing, make_certificate
from triggers.github.reply import BODY_LIMIT_CHARACTERS, GitHubService

MARKER = comment_marker("abcdefghijkm")
COMMENTS = r"/issues/1/comments$"
PULLS = r"/pulls$"
EVENT = Event(
    source="github", kind="issues.labeled", delivery_key="d", thread="github:octo/hello#1", number=1, repo=REPO,
    actor=Actor(id="101", login="alice", kind="person"), url="https://github.invalid/octo/hello/issues/1",
    occurred_at="2026-01-01T00:00:00Z",
)


def written(github: GitHubEmulator) -> list[str]:
    return [comment.body for comment in github.comments("octo/hello", 1)]


def failure(call: Any, *args: Any, **kwargs: Any) -> ServiceError:
    with pytest.raises(ServiceError) as failed:
        call(*args, **kwargs)
    assert "ghs_" not in str(failed.value)
    assert "\n" not in str(failed.value)
    return failed.value


# Who may ring.


@pytest.mark.parametrize("role", ["none", "read", "triage", "write", "maintain", "admin"])
def test_t7_the_live_role_is_told(service: GitHubService, github: GitHubEmulator, credential: Credential, role: Any) -> None:
    github.set_role("octo/hello", "alice", role)
    assert service.permission(credential, REPO, "101", "alice") == role


def test_t17_another_account_under_the_same_login_is_nobody(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    assert service.permission(credential, REPO, "999", "alice") == "none"
    github.rename_user("alice", "alice-old")
    github.rename_user("bob", "alice")
    assert service.permission(credential, REPO, "101", "alice") == "none"


def test_t8_somebody_who_is_not_there_is_nobody(service: GitHubService, credential: Credential) -> None:
    assert service.permission(credential, REPO, "5", "nobody") == "none"


def test_a_role_of_the_organisations_own_counts_as_what_it_builds_on(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    for role_name, permission, expected in (
        ("release-manager", "write", "write"), ("maintain", "write", "maintain"), ("viewer", "read", "read"),
        ("owner", "owner", "none"), (None, None, "none"),
    ):
        body = {"role_name": role_name, "permission": permission, "user": {"id": 101, "login": "alice"}}
        github.fault(Fault(path=r"/permission$", status=200, body=body))
        assert service.permission(credential, REPO, "101", "alice") == expected


@pytest.mark.parametrize("body", [[], {}, {"user": None}, "x"], ids=str)
def test_an_answer_of_another_shape_is_no_permission(
    service: GitHubService, github: GitHubEmulator, credential: Credential, body: Any
) -> None:
    github.fault(Fault(path=r"/permission$", status=200, body=body))
    assert failure(service.permission, credential, REPO, "101", "alice").reason == "github_answer"


def test_an_account_without_an_id_is_nobody(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    github.fault(Fault(path=r"/permission$", status=200, body={"user": {"id": None}, "role_name": "admin"}))
    assert service.permission(credential, REPO, "101", "alice") == "none"


def test_a_dead_token_is_retryable_and_a_missing_permission_is_not(
    service: GitHubService, minter: GitHubApp, credential: Credential, github: GitHubEmulator
) -> None:
    dead = failure(service.permission, any_credential(), REPO, "101", "alice")
    assert (dead.status, dead.reason, dead.retryable) == (401, "github_unauthorized", True)
    weak = minter.mint(Grant(purpose="reply", repo=REPO, permissions={"contents": "read"}))
    forbidden = failure(service.upsert_comment, weak, EVENT, MARKER, "on it")
    assert (forbidden.status, forbidden.retryable) == (403, False)
    assert written(github) == []


# The default branch.


def test_the_default_branch_is_asked_for_and_not_taken_from_the_event(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    stale = REPO.model_copy(update={"default_branch": "gone"})
    assert service.default_branch_head(credential, stale) == ("main", github.branches("octo/hello")["main"])


def test_r28_a_renamed_repository_is_followed(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    github.rename_repository("octo/hello", "hallo")
    assert service.default_branch_head(credential, REPO)[0] == "main"


# The comment.


def test_the_comment_is_made_once_and_edited_in_place(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    first = service.upsert_comment(credential, EVENT, MARKER, f"on it\n{MARKER}")
    second = service.upsert_comment(credential, EVENT, MARKER, f"done\n{MARKER}")
    assert first == second
    assert f"{github.web_url}/octo/hello/issues/1#issuecomment-" in first
    assert written(github) == [f"done\n{MARKER}"]


def test_a_comment_that_stands_as_it_should_is_not_touched(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    service.upsert_comment(credential, EVENT, MARKER, "done")
    github.fault(Fault(path=r"/issues/comments/", method="PATCH", status=500))
    service.upsert_comment(credential, EVENT, MARKER, "done")
    assert written(github) == [f"done\n\n{MARKER}"]


def test_each_run_has_a_comment_of_its_own(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    service.upsert_comment(credential, EVENT, MARKER, "one")
    service.upsert_comment(credential, EVENT, comment_marker("nopqrstuvwxy"), "two")
    assert len(written(github)) == 2


def test_a_persons_copy_of_the_marker_is_left_alone(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    github.person("alice").comment("octo/hello", 1, f"mine {MARKER}")
    service.upsert_comment(credential, EVENT, MARKER, "ours")
    service.upsert_comment(credential, EVENT, MARKER, "ours, later")
    assert written(github) == [f"mine {MARKER}", f"ours, later\n\n{MARKER}"]


def test_a_wrongly_set_bot_login_still_makes_one_comment(github: GitHubEmulator, credential: Credential) -> None:
    service = GitHubService(api_url=github.api_url, web_url=github.web_url, bot_login="somebody-else[bot]")
    service.upsert_comment(credential, EVENT, MARKER, "one")
    service.upsert_comment(credential, EVENT, MARKER, "two")
    assert written(github) == [f"two\n\n{MARKER}"]


def test_our_comment_is_found_on_a_later_page(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    alice = github.person("alice")
    for number in range(205):
        alice.comment("octo/hello", 1, f"comment {number}")
    service.upsert_comment(credential, EVENT, MARKER, "one")
    service.upsert_comment(credential, EVENT, MARKER, "two")
    assert len(written(github)) == 206
    assert written(github)[-1].startswith("two")


@pytest.mark.parametrize("occurred_at", [None, "", "yesterday", "2019-05-15T15:20:18", "2019-05-15T15:20:18Z"])
def test_any_time_of_the_event_will_do(
    service: GitHubService, github: GitHubEmulator, credential: Credential, occurred_at: str | None
) -> None:
    event = EVENT.model_copy(update={"occurred_at": occurred_at})
    service.upsert_comment(credential, event, MARKER, "one")
    service.upsert_comment(credential, event, MARKER, "two")
    assert len(written(github)) == 1


def test_t67_a_body_too_long_is_cut_and_keeps_its_marker(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    for body in ("x" * 100_000, "x" * 100_000 + MARKER, MARKER + "x" * 100_000):
        service.upsert_comment(credential, EVENT, MARKER, body)
        (comment,) = written(github)
        assert len(comment) == BODY_LIMIT_CHARACTERS
        assert comment.count(MARKER) == 1


@pytest.mark.parametrize("fault", [{"status": 502, "body": {"message": "Bad gateway"}}, {"drop": True}], ids=str)
def test_r25_a_comment_that_was_made_before_the_answer_was_lost_is_found_again(
    service: GitHubService, github: GitHubEmulator, credential: Credential, fault: dict[str, Any]
) -> None:
    github.fault(Fault(path=COMMENTS, method="POST", when="after", **fault))
    assert failure(service.upsert_comment, credential, EVENT, MARKER, "on it").retryable
    service.upsert_comment(credential, EVENT, MARKER, "on it")
    assert len(written(github)) == 1


def test_an_event_without_a_number_has_no_thread_to_write_to(service: GitHubService, credential: Credential) -> None:
    assert failure(service.upsert_comment, credential, EVENT.model_copy(update={"number": None}), MARKER, "x").reason == "no_thread"


@pytest.mark.parametrize(("fault", "reason", "wait_seconds", "retryable"), [
    ({"status": 403, "headers": {"retry-after": "30"}, "body": {"message": "secondary rate limit"}}, "github_rate_limited", 30.0, True),
    ({"status": 429}, "github_rate_limited", 60.0, True),
    ({"status": 403, "body": {"message": "Resource not accessible by integration"}}, "github_forbidden", None, False),
    ({"status": 500, "body": {"message": "x"}}, "github_down", None, True),
    ({"status": 503}, "github_down", None, True),
    ({"status": 404, "body": {"message": "Not Found"}}, "github_not_found", None, False),
    ({"status": 410, "body": {"message": "Issues are disabled"}}, "github_refused", None, False),
    ({"status": 422, "body": {"message": "Validation Failed", "errors": [{"message": "locked"}]}}, "github_invalid", None, False),
    ({"status": 409, "body": {"message": "Conflict"}}, "github_refused", None, True),
    ({"status": 301, "headers": {"location": "https://elsewhere.invalid/x"}}, "github_answer", None, False),
    ({"drop": True}, "github_unreachable", None, True),
], ids=str)
def test_r26_every_failure_says_whether_to_try_again(
    service: GitHubService, github: GitHubEmulator, credential: Credential, fault: dict[str, Any], reason: str,
    wait_seconds: float | None, retryable: bool,
) -> None:
    github.fault(Fault(path=COMMENTS, method="POST", **fault))
    error = failure(service.upsert_comment, credential, EVENT, MARKER, "on it")
    assert (error.reason, error.retry_after_seconds, error.retryable) == (reason, wait_seconds, retryable)
    assert error.status == fault.get("status", 0) or reason == "github_answer"
    assert "github:octo/hello#1" in str(error)


def test_r13_a_silent_github_is_given_up(github: GitHubEmulator, credential: Credential) -> None:
    service = GitHubService(api_url=github.api_url, web_url=github.web_url, bot_login="bellhop[bot]", timeout_seconds=1)
    github.fault(Fault(path=COMMENTS, delay_seconds=3))
    assert failure(service.upsert_comment, credential, EVENT, MARKER, "on it").reason == "github_unreachable"


# The pull request.


def propose(service: GitHubService, credential: Credential, **changes: Any) -> tuple[str, int]:
    wanted: dict[str, Any] = {
        "branch": "bellhop/abc", "base": "main", "title": "Mend it", "body": "It was broken.", "draft": False, "labels": (),
    }
    url, number, _is_draft = service.ensure_pull_request(credential, REPO, **(wanted | changes))
    return url, number


@pytest.fixture
def branch(github: GitHubEmulator) -> str:
    github.person("alice").push("octo/hello", "bellhop/abc", {"README.md": "mended\n"}, message="Mend it")
    return "bellhop/abc"


@pytest.mark.usefixtures("branch")
def test_the_pull_request_is_opened_once_and_brought_up_to_date(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    url, number = propose(service, credential, draft=True, labels=("bellhop", "bug"))
    assert propose(service, credential, title="Mend it well", body="Now it works.", labels=("bug",)) == (url, number)
    (pull,) = github.pull_requests("octo/hello")
    assert url == f"{github.web_url}/octo/hello/pull/{number}"
    assert (pull.title, pull.body, sorted(label.name for label in pull.labels)) == (
        "Mend it well", "Now it works.", ["bellhop", "bug"],
    )
    assert pull.pull is not None
    assert (pull.pull.head_ref, pull.pull.base_ref, pull.pull.draft) == ("bellhop/abc", "main", True)


@pytest.mark.usefixtures("branch")
def test_what_stands_as_it_should_is_not_touched(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    first = propose(service, credential, labels=("bug",))
    github.fault(Fault(path=r"/(pulls|issues)", method="PATCH|POST", status=500))
    assert propose(service, credential, labels=("bug",)) == first


@pytest.mark.usefixtures("branch")
@pytest.mark.parametrize("fault", [{"status": 502}, {"drop": True}], ids=str)
def test_r25_a_pull_request_opened_before_the_answer_was_lost_is_adopted(
    service: GitHubService, github: GitHubEmulator, credential: Credential, fault: dict[str, Any]
) -> None:
    github.fault(Fault(path=PULLS, method="POST", when="after", **fault))
    assert failure(propose, service, credential).retryable
    propose(service, credential)
    assert len(github.pull_requests("octo/hello")) == 1


@pytest.mark.usefixtures("branch")
def test_r27_one_that_somebody_opens_meanwhile_is_adopted(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    github.person("alice").open_pull("octo/hello", "bellhop/abc", "By hand", "Mine.")
    # The first look finds nothing, as if it had come a moment too early.
    github.fault(Fault(path=PULLS, method="GET", status=200, body=[]))
    _, number = propose(service, credential)
    (pull,) = github.pull_requests("octo/hello")
    assert (pull.number, pull.title, pull.body) == (number, "Mend it", "It was broken.")


@pytest.mark.usefixtures("branch")
def test_a_closed_one_is_not_reopened(service: GitHubService, github: GitHubEmulator, credential: Credential) -> None:
    _, first = propose(service, credential)
    github.person("alice").close("octo/hello", first)
    _, second = propose(service, credential)
    assert second != first


def test_r27_a_branch_without_commits_of_its_own_is_told(
    service: GitHubService, github: GitHubEmulator, credential: Credential
) -> None:
    github.person("alice").push("octo/hello", "other", {"x": "y"}, message="x")
    error = failure(propose, service, credential, branch="missing")
    assert (error.status, error.reason, error.retryable) == (422, "github_invalid", False)
    assert github.pull_requests("octo/hello") == []


# Where it is.


def test_t25_the_clone_url_is_made_from_the_name() -> None:
    service = GitHubService(api_url="https://api.github.com", web_url="https://github.com/", bot_login="b[bot]")
    assert service.clone_url(REPO) == "https://github.com/octo/hello.git"
    assert service.clone_url(Repo(id=1, full_name="o/a b?c", default_branch="main")) == "https://github.com/o/a%20b%3Fc.git"


ALICE = {"role_name": "write", "permission": "write", "user": {"id": 101, "login": "alice"}}


def test_the_proxy_is_used_and_the_environment_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    with hearing(ALICE) as heard:
        for api_url, proxy in (
            ("http://github.invalid/api/v3", f"http://127.0.0.1:{heard.port}"),
            (f"http://127.0.0.1:{heard.port}/api/v3", None),
        ):
            service = GitHubService(api_url=api_url, web_url="http://github.invalid", bot_login="b[bot]", proxy=proxy)
            assert service.permission(any_credential(), REPO, "101", "alice") == "write"
    through, direct = heard.requests
    path = "/api/v3/repos/octo/hello/collaborators/alice/permission"
    assert through[1].split("?")[0] in (f"http://github.invalid{path}", f"http://github.invalid:80{path}")
    assert direct[1] == path
    assert direct[2]["authorization"].endswith("ghs_an-invented-token")


def test_the_ca_bundle_decides_whom_to_trust(app_key: RSAPrivateKey, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "server.pem", app_key)
    with hearing(ALICE, certificate=certificate) as heard:
        common: dict[str, Any] = {
            "api_url": f"https://127.0.0.1:{heard.port}", "web_url": "https://x", "bot_login": "b[bot]"
        }
        trusting = GitHubService(**common, ca_bundle=certificate)
        assert trusting.permission(any_credential(), REPO, "101", "alice") == "write"
        error = failure(GitHubService(**common).permission, any_credential(), REPO, "101", "alice")
        assert error.reason == "github_unreachable"


def test_threads_with_tokens_of_their_own_do_not_mix_them_up() -> None:
    with hearing(ALICE) as heard:
        service = GitHubService(api_url=f"http://127.0.0.1:{heard.port}", web_url="http://x", bot_login="b[bot]")

        def ask(number: int) -> None:
            credential = any_credential().model_copy(update={"token": SecretStr(f"ghs_{number}")})
            for _ in range(10):
                service.permission(credential, REPO, "101", f"user{number}")

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert len(heard.requests) == 40
    for _, path, headers, _ in heard.requests:
        assert headers["authorization"].split("ghs_")[1] == path.split("user")[1].split("/")[0]
