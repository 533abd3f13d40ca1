"""App assertions and installation tokens: as strict as GitHub."""

from __future__ import annotations

import re
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from app.emulators.github import GitHubEmulator, serve
from tests.app.emulators.github.github_kit import (
    ALL,
    INSTALLATION,
    REPO,
    Rest,
    SettableClock,
    app_jwt,
    app_rest,
    minted,
    seed,
)

MINT = f"/app/installations/{INSTALLATION}/access_tokens"


@pytest.mark.parametrize(
    ("claims", "status", "words"),
    [
        ({"exp_in": 601}, 401, "too far in the future"),
        ({"exp_in": 0}, 401, "future time"),
        ({"exp": None}, 401, "future time"),
        ({"iat_in": 1}, 401, "Issued at"),
        ({"iat": None}, 401, "Issued at"),
        ({"iss": "999"}, 404, "Integration not found"),
        ({"iss": None}, 404, "Integration not found"),
    ],
)
def test_an_assertion_that_github_would_refuse(
    github: GitHubEmulator, clock: SettableClock, claims: dict[str, object], status: int, words: str
) -> None:
    """R31: clocks that differ show up as the errors that GitHub gives."""
    now = int(clock().timestamp())
    claims = {key.removesuffix("_in"): now + value if key.endswith("_in") and isinstance(value, int) else value
              for key, value in claims.items()}
    answer = Rest(github, app_jwt(github, **claims)).call("GET", "/app", status)
    assert words in answer.json()["message"]


def test_an_assertion_at_the_edge_is_taken(github: GitHubEmulator, clock: SettableClock) -> None:
    now = int(clock().timestamp())
    Rest(github, app_jwt(github, exp=now + 600, iat=now)).call("GET", "/app", 200)
    Rest(github, app_jwt(github, iss=github.app.client_id)).call("GET", "/app", 200)


def test_only_the_apps_own_key_signs(github: GitHubEmulator) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = int(github.world.now().timestamp())
    claims = {"iss": str(github.app.id), "iat": now, "exp": now + 60}
    forged = [
        jwt.encode(claims, other, algorithm="RS256"),
        jwt.encode(claims, "x" * 32, algorithm="HS256"),
        jwt.encode(claims, "", algorithm="none"),
        "a.b.c",
    ]
    for assertion in forged:
        answer = Rest(github, assertion).call("POST", MINT, 401)
        assert answer.json()["message"] == "A JSON web token could not be decoded"
    assert github.live_tokens() == []


def test_a_token_has_githubs_long_form(github: GitHubEmulator) -> None:
    token = minted(github)
    assert re.fullmatch(r"ghs_4711_[\w-]+\.[\w-]+\.[\w-]+", token)
    assert 480 <= len(token) <= 560
    assert minted(github) != token


def test_a_token_has_what_was_asked_and_no_more(github: GitHubEmulator) -> None:
    body = {"permissions": {"contents": "read"}, "repositories": ["hello"]}
    made = app_rest(github).call("POST", MINT, 201, body=body).json()
    assert made["permissions"] == {"contents": "read", "metadata": "read"}
    assert made["repository_selection"] == "selected"
    assert [one["id"] for one in made["repositories"]] == [1001]
    rest = Rest(github, made["token"])
    rest.call("GET", f"{REPO}/branches/main", 200)
    for method, path, body_ in (
        ("POST", f"{REPO}/git/refs", {"ref": "refs/heads/x", "sha": github.branches("octo/hello")["main"]}),
        ("GET", f"{REPO}/issues", None),
        ("POST", f"{REPO}/issues", {"title": "t"}),
        ("GET", f"{REPO}/pulls", None),
        ("POST", f"{REPO}/check-runs", {"name": "n", "head_sha": "x"}),
    ):
        refused = rest.call(method, path, 403, body=body_)
        assert refused.json()["message"] == "Resource not accessible by integration"
    # The public repository of the same installation was not asked for: it may be read as anybody may, not written.
    rest.call("GET", "/repos/octo/open", 200)
    rest.call("POST", "/repos/octo/open/issues", 403, body={"title": "t"})


def test_an_empty_permission_set_counts_as_none_given(github: GitHubEmulator) -> None:
    made = app_rest(github).call("POST", MINT, 201, body={"permissions": {}}).json()
    assert made["permissions"] == ALL | {"metadata": "read"}
    assert made["token"]


@pytest.mark.parametrize(
    "permissions", [{"administration": "read"}, {"contents": "admin"}, {"workflows": "write"}, {"pull-requests": "write"}]
)
def test_a_token_cannot_have_more_than_its_installation(github: GitHubEmulator, permissions: dict[str, str]) -> None:
    answer = app_rest(github).call("POST", MINT, 422, body={"permissions": permissions})
    assert answer.json()["message"] == "The permissions requested are not granted to this installation."
    assert github.live_tokens() == []


def test_a_token_cannot_have_repositories_outside_its_installation(github: GitHubEmulator) -> None:
    for limit in ({"repository_ids": [1002]}, {"repositories": ["secret"]}, {"repository_ids": [1001, 5]}):
        answer = app_rest(github).call("POST", MINT, 422, body=limit)
        assert "not accessible to the parent installation" in answer.json()["message"]


def test_a_repository_out_of_scope_is_not_there(github: GitHubEmulator) -> None:
    rest = Rest(github, minted(github, repository_ids=[1001]))
    for method, path in (
        ("GET", "/repos/octo/secret"), ("GET", "/repos/octo/secret/issues"), ("GET", "/repositories/1002"),
        ("POST", "/repos/octo/secret/issues"), ("GET", "/repos/octo/nothing"),
    ):
        assert rest.call(method, path, 404, body={"title": "t"}).json()["message"] == "Not Found"
    assert github.repository("octo/secret").issues == {}


def test_unknown_expired_and_revoked_tokens_are_bad_credentials(github: GitHubEmulator, clock: SettableClock) -> None:
    """R29."""
    token = minted(github)
    rest = Rest(github, token)
    rest.call("GET", REPO, 200)
    for bad in (token + "x", "ghs_4711_a.b.c", "ghp_nobody", "nonsense"):
        assert Rest(github, bad).call("GET", REPO, 401).json()["message"] == "Bad credentials"
    clock.advance(3599)
    rest.call("GET", REPO, 200)
    assert len(github.live_tokens()) == 1
    clock.advance(1)
    assert rest.call("GET", REPO, 401).json()["message"] == "Bad credentials"
    assert github.live_tokens() == []

    second = Rest(github, minted(github))
    second.call("DELETE", "/installation/token", 204)
    second.call("DELETE", "/installation/token", 401)
    second.call("GET", REPO, 401)
    assert github.live_tokens() == []


def test_an_installation_that_changes_takes_its_tokens_along(github: GitHubEmulator) -> None:
    """R30: a permission removed, suspended, uninstalled, each in the middle of a token's life."""
    rest = Rest(github, minted(github))
    rest.call("POST", f"{REPO}/issues", 201, body={"title": "t"})
    github.set_installation_permissions(INSTALLATION, {"issues": "read", "contents": "read"})
    rest.call("POST", f"{REPO}/issues", 403, body={"title": "t"})
    rest.call("GET", f"{REPO}/issues", 200)
    github.suspend(INSTALLATION)
    assert "suspended" in rest.call("GET", REPO, 403).json()["message"]
    app_rest(github).call("POST", MINT, 403)
    github.suspend(INSTALLATION, suspended=False)
    rest.call("GET", REPO, 200)
    github.uninstall(INSTALLATION)
    rest.call("GET", REPO, 401)
    app_rest(github).call("POST", MINT, 404)
    assert [(one.event, one.action) for one in github.deliveries][-3:] == [
        ("installation", "suspend"), ("installation", "unsuspend"), ("installation", "deleted"),
    ]


def test_each_kind_of_caller_keeps_to_its_own_endpoints(github: GitHubEmulator) -> None:
    Rest(github, minted(github)).call("GET", "/app", 401)
    app_rest(github).call("GET", REPO, 403)
    app_rest(github).call("GET", "/installation/repositories", 403)
    person = Rest(github, "ghp_alice", scheme="token")
    assert person.call("GET", "/user", 200).json()["id"] == 101
    Rest(github, minted(github)).call("GET", "/user", 403)
    nobody = Rest(github)
    nobody.call("GET", REPO, 404)
    nobody.call("GET", "/repos/octo/open", 200)
    assert nobody.call("POST", "/repos/octo/open/issues", 401).json()["message"] == "Requires authentication"


def test_what_a_person_may_do_depends_on_their_role(github: GitHubEmulator) -> None:
    bob, alice, mallory = (Rest(github, f"ghp_{name}") for name in ("bob", "alice", "mallory"))
    assert bob.call("POST", f"{REPO}/issues", 201, body={"title": "t", "labels": ["x"]}).json()["labels"] == []
    bob.call("POST", f"{REPO}/issues/1/labels", 403, body={"labels": ["bellhop"]})
    alice.call("POST", f"{REPO}/issues/1/labels", 200, body={"labels": ["bellhop"]})
    mallory.call("GET", REPO, 404)
    bob.call("GET", f"{REPO}/collaborators/alice/permission", 403)
    comment = alice.call("POST", f"{REPO}/issues/1/comments", 201, body={"body": "alice's"}).json()
    bob.call("PATCH", f"{REPO}/issues/comments/{comment['id']}", 403, body={"body": "bob's"})
    own = bob.call("POST", f"{REPO}/issues/1/comments", 201, body={"body": "bob's"}).json()
    bob.call("PATCH", f"{REPO}/issues/comments/{own['id']}", 200, body={"body": "changed"})


def test_an_issue_needs_issues_and_a_pull_request_either(github: GitHubEmulator) -> None:
    alice = github.person("alice")
    alice.open_issue("octo/hello", "issue")
    alice.push("octo/hello", "feat", {"a": "b"})
    alice.open_pull("octo/hello", "feat", "pull")
    pulls_only = Rest(github, minted(github, {"pull_requests": "write"}))
    issues_only = Rest(github, minted(github, {"issues": "write"}))
    comment = {"body": "words"}
    refused = pulls_only.call("POST", f"{REPO}/issues/1/comments", 403, body=comment)
    assert refused.headers["x-accepted-github-permissions"] == "issues=write"
    pulls_only.call("POST", f"{REPO}/issues/2/comments", 201, body=comment)
    pulls_only.call("POST", f"{REPO}/issues/2/labels", 200, body={"labels": ["x"]})
    issues_only.call("POST", f"{REPO}/issues/1/comments", 201, body=comment)
    issues_only.call("POST", f"{REPO}/issues/2/comments", 201, body=comment)
    issues_only.call("PATCH", f"{REPO}/pulls/2", 403, body={"title": "t"})
    read_only = Rest(github, minted(github, {"issues": "read", "pull_requests": "read"}))
    read_only.call("GET", f"{REPO}/issues/1/comments", 200)
    read_only.call("POST", f"{REPO}/issues/1/comments", 403, body=comment)
    assert len(github.comments("octo/hello", 1)) == 1


def test_the_primary_rate_limit(tmp_path: Path, app_key: Path, clock: SettableClock) -> None:
    """R26: 403, remaining 0, and a reset after which it goes on; each identity has its own."""
    with GitHubEmulator(tmp_path / "g", seed(app_key, rate_limit=3), now=clock) as github, serve(github):
        rest = Rest(github, "ghp_alice")
        left = [rest.call("GET", REPO, 200).headers["x-ratelimit-remaining"] for _ in range(3)]
        assert left == ["2", "1", "0"]
        refused = rest.call("GET", REPO, 403)
        assert "API rate limit exceeded" in refused.json()["message"]
        assert refused.headers["x-ratelimit-remaining"] == "0"
        Rest(github, "ghp_bob").call("GET", REPO, 200)
        rest.call("GET", "/rate_limit", 200)
        clock.advance(int(refused.headers["x-ratelimit-reset"]) - clock().timestamp())
        rest.call("GET", REPO, 200)
