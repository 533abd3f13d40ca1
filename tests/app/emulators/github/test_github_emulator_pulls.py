"""Pull requests: opening, GitHub's refusals, forks, moving heads and merging."""

from __future__ import annotations

from app.emulators.github import GitHubEmulator, SeedRepository
from tests.app.emulators.github.github_kit import REPO, Rest, minted

R = "/repos/{owner}/{repo}"
PULL = f"{R}/pulls/{{pull_number}}"


def opened(github: GitHubEmulator, rest: Rest, branch: str = "bellhop/abc") -> int:
    github.person("alice").push("octo/hello", branch, {"a.txt": "one\ntwo\n", "README.md": None})
    body = {"title": "Fix", "body": "words", "head": branch, "base": "main", "draft": True}
    number: int = rest.call("POST", f"{REPO}/pulls", 201, like=f"{R}/pulls", body=body).json()["number"]
    return number


def test_a_pull_request_shows_what_git_has(github: GitHubEmulator) -> None:
    rest = Rest(github, minted(github))
    number = opened(github, rest)
    shape = rest.call("GET", f"{REPO}/pulls/{number}", 200, like=PULL).json()
    assert (shape["additions"], shape["deletions"], shape["changed_files"], shape["commits"]) == (2, 1, 2, 1)
    assert shape["head"]["sha"] == github.branches("octo/hello")["bellhop/abc"]
    assert shape["head"]["label"] == "octo:bellhop/abc"
    assert shape["draft"] is True
    files = rest.call("GET", f"{REPO}/pulls/{number}/files", 200, like=f"{PULL}/files").json()
    assert {one["filename"]: one["status"] for one in files} == {"a.txt": "added", "README.md": "removed"}
    assert files[1]["patch"] == "@@ -0,0 +1,2 @@\n+one\n+two\n"
    changed = {"title": "Fix 2", "body": "more", "state": "closed"}
    shape = rest.call("PATCH", f"{REPO}/pulls/{number}", 200, like=PULL, body=changed).json()
    assert (shape["title"], shape["body"], shape["state"]) == ("Fix 2", "more", "closed")
    issue = rest.call("GET", f"{REPO}/issues/{number}", 200, like=f"{R}/issues/{{issue_number}}").json()
    assert issue["pull_request"]["url"] == shape["url"]


def test_the_list_is_narrowed_by_head_and_state(github: GitHubEmulator) -> None:
    rest = Rest(github, minted(github))
    number = opened(github, rest)

    def found(**query: str) -> list[int]:
        listed = rest.call("GET", f"{REPO}/pulls", 200, like=f"{R}/pulls", **query).json()
        return [one["number"] for one in listed]

    assert found(head="octo:bellhop/abc") == [number]
    assert found(head="octo:other") == []
    assert found(head="octo:bellhop/abc", state="closed") == []
    assert found(base="other") == []
    github.person("alice").close("octo/hello", number)
    assert found(head="octo:bellhop/abc") == []
    assert found(head="octo:bellhop/abc", state="all") == [number]


def test_githubs_refusals(github: GitHubEmulator) -> None:
    """R27: each with the words that a client has to go by."""
    rest = Rest(github, minted(github))
    opened(github, rest)
    head = github.branches("octo/hello")["main"]
    rest.call("POST", f"{REPO}/git/refs", 201, body={"ref": "refs/heads/same", "sha": head})

    def refusal(head: str, base: str = "main") -> dict[str, str]:
        body = {"title": "t", "head": head, "base": base}
        answer = rest.call("POST", f"{REPO}/pulls", 422, like=f"{R}/pulls", body=body).json()
        assert answer["message"] == "Validation Failed"
        error: dict[str, str] = answer["errors"][0]
        return error

    exists = {"resource": "PullRequest", "code": "custom",
              "message": "A pull request already exists for octo:bellhop/abc."}
    assert refusal("bellhop/abc") == exists
    assert refusal("octo:bellhop/abc") == exists
    assert refusal("same")["message"] == "No commits between main and same"
    assert refusal("none") == {"resource": "PullRequest", "field": "head", "code": "invalid"}
    assert refusal("bellhop/abc", "none") == {"resource": "PullRequest", "field": "base", "code": "invalid"}
    assert len(github.pull_requests("octo/hello")) == 1
    github.person("alice").close("octo/hello", 1)
    again = {"title": "t", "head": "bellhop/abc", "base": "main"}
    rest.call("POST", f"{REPO}/pulls", 201, body=again)


def test_a_pull_request_of_a_fork(github: GitHubEmulator) -> None:
    fork = SeedRepository(full_name="mallory/hello", fork_of="octo/hello", private=False)
    github.add_repository(fork)
    mallory = github.person("mallory")
    sha = mallory.push("mallory/hello", "feat", {"evil.txt": "x"})
    rest = Rest(github, minted(github))
    made = mallory.open_pull("octo/hello", "mallory:feat", "From a fork")
    shape = rest.call("GET", f"{REPO}/pulls/{made.number}", 200, like=PULL).json()
    assert (shape["head"]["repo"]["full_name"], shape["head"]["sha"]) == ("mallory/hello", sha)
    assert shape["head"]["repo"]["fork"] is True
    assert shape["changed_files"] == 1
    assert "feat" not in github.branches("octo/hello")
    rest.call("GET", f"{REPO}/git/ref/pull/{made.number}/head", 200)


def test_a_branch_that_moves_or_goes_takes_its_pull_request_along(github: GitHubEmulator) -> None:
    rest = Rest(github, minted(github))
    number = opened(github, rest)
    alice = github.person("alice")
    sha = alice.push("octo/hello", "bellhop/abc", {"b.txt": "x"})
    assert rest.call("GET", f"{REPO}/pulls/{number}", 200).json()["head"]["sha"] == sha
    alice.delete_branch("octo/hello", "bellhop/abc")
    assert rest.call("GET", f"{REPO}/pulls/{number}", 200, like=PULL).json()["state"] == "closed"
    actions = [(one.event, one.action) for one in github.deliveries if one.event == "pull_request"]
    assert actions == [("pull_request", "opened"), ("pull_request", "synchronize"), ("pull_request", "closed")]


def test_merging(github: GitHubEmulator) -> None:
    rest = Rest(github, minted(github))
    number = opened(github, rest)
    rest.call("PUT", f"{REPO}/pulls/{number}/merge", 405, body={})
    github.person("alice").push("octo/hello", "ready", {"c.txt": "c"})
    ready = rest.call("POST", f"{REPO}/pulls", 201, body={"title": "t", "head": "ready", "base": "main"}).json()
    path = f"{REPO}/pulls/{ready['number']}/merge"
    rest.call("PUT", path, 409, body={"sha": "0" * 40})
    merged = rest.call("PUT", path, 200, like=f"{PULL}/merge", body={"sha": ready["head"]["sha"]}).json()
    assert github.branches("octo/hello")["main"] == merged["sha"]
    assert github.read("octo/hello", "main", "c.txt") == "c"
    assert rest.call("GET", f"{REPO}/pulls/{ready['number']}", 200, like=PULL).json()["merged"] is True


def test_a_conflict_does_not_merge(github: GitHubEmulator) -> None:
    alice = github.person("alice")
    alice.push("octo/hello", "one", {"README.md": "one\n"})
    alice.push("octo/hello", "main", {"README.md": "two\n"})
    pull = alice.open_pull("octo/hello", "one", "t")
    head = github.branches("octo/hello")["main"]
    Rest(github, "ghp_alice").call("PUT", f"{REPO}/pulls/{pull.number}/merge", 409, body={})
    assert github.branches("octo/hello")["main"] == head
