"""Every answer that our road uses, held against GitHub's published description."""

from __future__ import annotations

import base64
import copy

from app.emulators.github import GitHubEmulator
from tests.app.emulators.github.github_kit import (
    ALL,
    INSTALLATION,
    REPO,
    Rest,
    app_rest,
    minted,
    problems,
    response_validator,
)

R = "/repos/{owner}/{repo}"


def test_a_wrong_body_does_not_pass_the_check(github: GitHubEmulator) -> None:
    body = Rest(github, minted(github)).call("GET", REPO, 200).json()
    validator = response_validator("GET", R, 200)
    assert validator is not None
    assert problems(validator, body) == []
    changes: list[dict[str, object]] = [{"id": "1001"}, {"private": None}, {"owner": {}}]
    for change in changes:
        assert problems(validator, copy.deepcopy(body) | change)
    del body["node_id"]
    assert problems(validator, body)


def test_the_apps_own_endpoints(github: GitHubEmulator) -> None:
    rest = app_rest(github)
    assert rest.call("GET", "/app", 200, like="/app").json()["slug"] == "bellhop"
    one = rest.call("GET", f"/app/installations/{INSTALLATION}", 200, like="/app/installations/{installation_id}").json()
    assert rest.call("GET", "/app/installations", 200).json() == [one]
    found = rest.call("GET", f"{REPO}/installation", 200, like=f"{R}/installation").json()
    assert (found["id"], found["repository_selection"]) == (INSTALLATION, "selected")
    rest.call("GET", "/repos/octo/secret/installation", 404)
    minting = "/app/installations/{installation_id}/access_tokens"
    body = {"permissions": ALL, "repository_ids": [1001]}
    rest.call("POST", f"/app/installations/{INSTALLATION}/access_tokens", 201, like=minting, body=body)
    github.person("alice").open_issue("octo/hello", "t")
    rest.call("GET", "/app/hook/deliveries", 200, like="/app/hook/deliveries")


def test_repositories_and_permissions(github: GitHubEmulator) -> None:
    rest = Rest(github, minted(github))
    assert rest.call("GET", REPO, 200, like=R).json()["id"] == 1001
    listed = rest.call("GET", "/installation/repositories", 200, like="/installation/repositories").json()
    assert [one["full_name"] for one in listed["repositories"]] == ["octo/hello", "octo/open"]
    like = f"{R}/collaborators/{{username}}/permission"
    for login, role, permission, user_id in (
        ("alice", "write", "write", 101), ("bob", "read", "read", 102), ("mallory", "none", "none", 666),
    ):
        body = rest.call("GET", f"{REPO}/collaborators/{login}/permission", 200, like=like).json()
        assert (body["role_name"], body["permission"], body["user"]["id"]) == (role, permission, user_id)
    github.set_role("octo/hello", "bob", "maintain")
    body = rest.call("GET", f"{REPO}/collaborators/bob/permission", 200, like=like).json()
    assert (body["role_name"], body["permission"]) == ("maintain", "write")
    rest.call("GET", f"{REPO}/collaborators/nobody/permission", 404, like=like)


def test_a_reused_login_is_another_id(github: GitHubEmulator) -> None:
    rest = Rest(github, minted(github))
    github.rename_user("alice", "alice-2")
    github.person("alice")
    body = rest.call("GET", f"{REPO}/collaborators/alice/permission", 200).json()
    assert body["role_name"] == "none"
    assert body["user"]["id"] != 101


def test_branches_refs_commits_and_files(github: GitHubEmulator) -> None:
    rest = Rest(github, minted(github))
    head = github.branches("octo/hello")["main"]
    rest.call("GET", f"{REPO}/branches", 200, like=f"{R}/branches")
    branch = rest.call("GET", f"{REPO}/branches/main", 200, like=f"{R}/branches/{{branch}}").json()
    assert branch["commit"]["sha"] == head
    rest.call("GET", f"{REPO}/branches/none", 404)
    rest.call("GET", f"{REPO}/git/ref/heads/main", 200, like=f"{R}/git/ref/{{ref}}")
    made = {"ref": "refs/heads/bellhop/abc", "sha": head}
    rest.call("POST", f"{REPO}/git/refs", 201, like=f"{R}/git/refs", body=made)
    assert rest.call("POST", f"{REPO}/git/refs", 422, body=made).json()["message"] == "Reference already exists"
    rest.call("GET", f"{REPO}/branches/bellhop/abc", 200, like=f"{R}/branches/{{branch}}")
    rest.call("DELETE", f"{REPO}/git/refs/heads/bellhop/abc", 204)
    assert list(github.branches("octo/hello")) == ["main"]
    rest.call("GET", f"{REPO}/commits/main", 200, like=f"{R}/commits/{{ref}}")
    rest.call("GET", f"{REPO}/commits", 200, like=f"{R}/commits")
    rest.call("GET", f"{REPO}/git/commits/{head}", 200, like=f"{R}/git/commits/{{commit_sha}}")
    rest.call("GET", f"{REPO}/commits/{'0' * 40}", 422)
    contents = f"{R}/contents/{{path}}"
    found = rest.call("GET", f"{REPO}/contents/src/app.py", 200, like=contents).json()
    assert base64.b64decode(found["content"]) == b"print('hi')\n"
    listed = rest.call("GET", f"{REPO}/contents/", 200, like=contents).json()
    assert [(one["name"], one["type"]) for one in listed] == [("README.md", "file"), ("src", "dir")]
    rest.call("GET", f"{REPO}/contents/none", 404)
    new = {"message": "Add", "content": base64.b64encode(b"new").decode(), "branch": "main"}
    rest.call("PUT", f"{REPO}/contents/new.txt", 201, like=contents, body=new)
    assert github.read("octo/hello", "main", "new.txt") == "new"


def test_issues_labels_and_comments(github: GitHubEmulator) -> None:
    rest = Rest(github, minted(github))
    new = {"title": "Bug", "body": "words", "labels": ["bug"], "assignees": ["alice"]}
    issue = rest.call("POST", f"{REPO}/issues", 201, like=f"{R}/issues", body=new).json()
    assert issue["user"]["login"] == "bellhop[bot]"
    assert issue["user"]["type"] == "Bot"
    rest.call("POST", f"{REPO}/issues", 422, like=f"{R}/issues", body={"title": ""})
    rest.call("POST", f"{REPO}/issues", 422, body={})
    rest.call("GET", f"{REPO}/issues", 200, like=f"{R}/issues")
    one = f"{R}/issues/{{issue_number}}"
    rest.call("GET", f"{REPO}/issues/1", 200, like=one)
    rest.call("GET", f"{REPO}/issues/2", 404)
    closed = rest.call("PATCH", f"{REPO}/issues/1", 200, like=one, body={"title": "B", "state": "closed"}).json()
    assert (closed["state"], closed["title"], closed["body"], closed["state_reason"]) == ("closed", "B", "words", "completed")
    rest.call("POST", f"{REPO}/issues/1/labels", 200, like=f"{one}/labels", body={"labels": ["bellhop"]})
    rest.call("POST", f"{REPO}/issues/1/labels", 200, like=f"{one}/labels", body=["third"])
    listed = rest.call("GET", f"{REPO}/issues/1/labels", 200, like=f"{one}/labels").json()
    assert [label["name"] for label in listed] == ["bug", "bellhop", "third"]
    rest.call("DELETE", f"{REPO}/issues/1/labels/third", 200, like=f"{one}/labels/{{name}}")
    assert rest.call("DELETE", f"{REPO}/issues/1/labels/third", 404).json()["message"] == "Label does not exist"
    comment = rest.call("POST", f"{REPO}/issues/1/comments", 201, like=f"{one}/comments", body={"body": "hi"}).json()
    assert comment["performed_via_github_app"]["slug"] == "bellhop"
    like = f"{R}/issues/comments/{{comment_id}}"
    rest.call("PATCH", f"{REPO}/issues/comments/{comment['id']}", 200, like=like, body={"body": "ho"})
    listed = rest.call("GET", f"{REPO}/issues/1/comments", 200, like=f"{one}/comments").json()
    assert [entry["body"] for entry in listed] == ["ho"]
    assert [one.body for one in github.comments("octo/hello", 1)] == ["ho"]
    rest.call("DELETE", f"{REPO}/issues/comments/{comment['id']}", 204)
    assert github.comments("octo/hello", 1) == []


def test_checks_and_statuses(github: GitHubEmulator) -> None:
    rest = Rest(github, minted(github))
    head = github.branches("octo/hello")["main"]
    new = {"name": "bellhop", "head_sha": head, "status": "in_progress"}
    run = rest.call("POST", f"{REPO}/check-runs", 201, like=f"{R}/check-runs", body=new).json()
    done = {"status": "completed", "conclusion": "success", "output": {"title": "t", "summary": "s"}}
    like = f"{R}/check-runs/{{check_run_id}}"
    rest.call("PATCH", f"{REPO}/check-runs/{run['id']}", 200, like=like, body=done)
    rest.call("POST", f"{REPO}/check-runs", 422, body={"name": "n", "head_sha": head, "status": "completed"})
    listed = rest.call("GET", f"{REPO}/commits/main/check-runs", 200, like=f"{R}/commits/{{ref}}/check-runs").json()
    assert [(one["status"], one["conclusion"]) for one in listed["check_runs"]] == [("completed", "success")]
    # An earlier one of the same name is there for those who ask for all.
    rest.call("POST", f"{REPO}/check-runs", 201, body={"name": "bellhop", "head_sha": head, "external_id": "two"})
    every = f"{REPO}/commits/main/check-runs?check_name=bellhop&filter=all"
    assert [one["external_id"] for one in rest.call("GET", f"{REPO}/commits/main/check-runs", 200).json()["check_runs"]] == ["two"]
    assert [one["external_id"] for one in rest.call("GET", every, 200).json()["check_runs"]] == ["", "two"]
    rest.call("POST", f"{REPO}/check-runs", 422, body={"name": "n", "head_sha": head, "output": {"title": "no summary"}})
    button = {"label": "x" * 21, "description": "d", "identifier": "i"}
    rest.call("POST", f"{REPO}/check-runs", 422, body={"name": "n", "head_sha": head, "actions": [button]})
    status = {"state": "failure", "context": "ci", "description": "d"}
    rest.call("POST", f"{REPO}/statuses/{head}", 201, like=f"{R}/statuses/{{sha}}", body=status)
    combined = rest.call("GET", f"{REPO}/commits/main/status", 200, like=f"{R}/commits/{{ref}}/status").json()
    assert (combined["state"], combined["total_count"]) == ("failure", 1)


def test_every_answer_carries_githubs_headers(github: GitHubEmulator) -> None:
    rest = Rest(github, minted(github))
    first, second = rest.call("GET", REPO, 200), rest.call("GET", "/nothing/here", 404)
    assert first.headers["x-github-request-id"]
    assert first.headers["x-ratelimit-limit"] == "5000"
    assert int(first.headers["x-ratelimit-used"]) == 5000 - int(first.headers["x-ratelimit-remaining"])
    third = rest.call("GET", f"{REPO}/issues/99", 404)
    assert int(third.headers["x-ratelimit-used"]) == int(first.headers["x-ratelimit-used"]) + 1
    assert set(second.json()) == set(third.json()) == {"message", "documentation_url", "status"}
    rate = rest.call("GET", "/rate_limit", 200, like="/rate_limit").json()
    assert rate["rate"]["used"] == int(third.headers["x-ratelimit-used"])


def test_long_lists_have_links(github: GitHubEmulator) -> None:
    for number in range(5):
        github.person("alice").open_issue("octo/hello", f"issue {number}")
    rest = Rest(github, minted(github))
    seen, url = [], f"{REPO}/issues?per_page=2&state=all"
    pages = 0
    while url:
        answer = rest.client.get(url)
        pages += 1
        seen += [one["number"] for one in answer.json()]
        assert answer.links.get("last", {"url": "page=3"})["url"].endswith("page=3")
        url = answer.links.get("next", {}).get("url", "")
    assert (pages, seen) == (3, [5, 4, 3, 2, 1])


def test_a_body_that_is_not_json_is_refused(github: GitHubEmulator) -> None:
    rest = Rest(github, minted(github))
    answer = rest.client.post(f"{REPO}/issues", content=b"{nonsense")
    assert (answer.status_code, answer.json()["message"]) == (400, "Problems parsing JSON")
    answer = rest.client.post(f"{REPO}/issues", json={"title": 5})
    assert answer.status_code == 422


def test_a_renamed_repository_redirects(github: GitHubEmulator) -> None:
    """R28: the old name answers 301, and what it points at is served."""
    rest = Rest(github, minted(github))
    github.rename_repository("octo/hello", "hallo")
    answer = rest.call("GET", REPO, 301, like=R)
    followed = rest.client.get(answer.headers["location"])
    assert followed.json()["full_name"] == "octo/hallo"
    assert rest.call("POST", f"{REPO}/issues", 307, body={"title": "t"}).headers["location"].endswith("/1001/issues")


def test_an_archived_repository_takes_no_writes(github: GitHubEmulator) -> None:
    """R28."""
    github.archive("octo/hello")
    rest = Rest(github, minted(github))
    rest.call("GET", REPO, 200)
    assert "archived" in rest.call("POST", f"{REPO}/issues", 403, body={"title": "t"}).json()["message"]


def test_pages_open_for_every_html_url(github: GitHubEmulator) -> None:
    alice = github.person("alice")
    alice.open_issue("octo/hello", "<script>alert(1)</script>", "<b>body</b>")
    alice.comment("octo/hello", 1, "<i>comment</i>")
    alice.push("octo/hello", "feat", {"a.txt": "added line\n"})
    pull = alice.open_pull("octo/hello", "feat", "Feature")
    rest = Rest(github, minted(github))
    urls = [
        rest.call("GET", REPO, 200).json()["html_url"],
        rest.call("GET", f"{REPO}/issues/1", 200).json()["html_url"],
        rest.call("GET", f"{REPO}/pulls/{pull.number}", 200).json()["html_url"],
        rest.call("GET", f"{REPO}/pulls/{pull.number}", 200).json()["diff_url"],
        rest.call("GET", f"{REPO}/commits/feat", 200).json()["html_url"],
        rest.call("GET", f"{REPO}/issues/1/comments", 200).json()[0]["html_url"],
    ]
    texts = [rest.client.get(url) for url in urls]
    assert [one.status_code for one in texts] == [200] * len(urls)
    assert "<script>" not in texts[1].text
    assert "<i>" not in texts[1].text
    assert "&lt;i&gt;comment" in texts[1].text
    assert "+added line" in texts[2].text
    assert texts[3].text.startswith("diff --git")
    assert rest.client.get(f"{github.web_url}/octo/hello/issues/99").status_code == 404


def test_reactions_are_put_on_once(github: GitHubEmulator) -> None:
    rest = Rest(github, minted(github))
    github.person("alice").open_issue("octo/hello", "t")
    comment = github.person("alice").comment("octo/hello", 1, "hi")
    eyes = {"content": "eyes"}
    for path, like in (
        (f"{REPO}/issues/1/reactions", f"{R}/issues/{{issue_number}}/reactions"),
        (f"{REPO}/issues/comments/{comment.id}/reactions", f"{R}/issues/comments/{{comment_id}}/reactions"),
    ):
        made = rest.call("POST", path, 201, like=like, body=eyes).json()
        assert rest.call("POST", path, 200, like=like, body=eyes).json() == made
        rest.call("POST", path, 422, body={"content": "shrug"})
        assert [one["content"] for one in rest.call("GET", path, 200).json()] == ["eyes"]
    rest.call("POST", f"{REPO}/issues/9/reactions", 404, body=eyes)


def test_a_review_is_submitted_whole_or_not_at_all(github: GitHubEmulator) -> None:
    rest, alice = Rest(github, minted(github)), github.person("alice")
    alice.push("octo/hello", "feat", {"a.txt": "one\ntwo\n"})
    head = github.branches("octo/hello")["feat"]
    alice.open_pull("octo/hello", "feat", "t")
    path, like = f"{REPO}/pulls/1/reviews", f"{R}/pulls/{{pull_number}}/reviews"
    said = {"commit_id": head, "event": "COMMENT", "body": "b", "comments": [{"path": "a.txt", "line": 2, "body": "here"}]}
    rest.call("POST", path, 422, body=said | {"comments": [{"path": "a.txt", "line": 3, "body": "not there"}]})
    rest.call("POST", path, 422, body=said | {"commit_id": "0" * 40})
    rest.call("POST", path, 422, body={"event": "COMMENT"})
    assert rest.call("GET", path, 200).json() == []
    made = rest.call("POST", path, 200, like=like, body=said).json()
    assert (made["state"], made["body"]) == ("COMMENTED", "b")
    assert [one["id"] for one in rest.call("GET", path, 200, like=like).json()] == [made["id"]]


def test_whether_a_pull_request_merges_is_known_a_little_later(github: GitHubEmulator) -> None:
    rest, alice = Rest(github, minted(github)), github.person("alice")
    alice.push("octo/hello", "feat", {"README.md": "one\n"})
    alice.open_pull("octo/hello", "feat", "t")

    def state() -> tuple[bool | None, str]:
        found = rest.call("GET", f"{REPO}/pulls/1", 200, like=f"{R}/pulls/{{pull_number}}").json()
        return found["mergeable"], found["mergeable_state"]

    # The webhook that told of it has asked already.
    assert state() == (True, "clean")
    alice.push("octo/hello", "main", {"README.md": "two\n"})
    assert [state(), state()] == [(None, "unknown"), (False, "dirty")]
