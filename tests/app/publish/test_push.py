"""Pushing to an emulated GitHub: one branch, by compare-and-swap, and nobody's work overwritten."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.core.event import Actor, Repo
from app.core.grant import Credential, Grant
from app.emulators.github import GitHubEmulator, serve
from app.errors import PublishRefused, ServiceError
from app.execute.workspace import Workspaces
from app.git import Git, GitResult, Remote
from app.publish.commit import commit_message
from app.publish.push import RemoteBranch, push, remote_branch
from app.settings import Settings
from tests.app.emulators.github.github_kit import minted, seed

REPO = Repo(id=1001, full_name="octo/hello", default_branch="main", installation_id=55)
BRANCH = "bellhop/k2m3n4p5"


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubEmulator]:
    place = tmp_path_factory.mktemp("github")
    with GitHubEmulator(place / "github", seed(place / "app.pem")) as emulator, serve(emulator):
        yield emulator


@dataclass
class Publisher:
    """A quarantine-like repository with commits to publish, and what it takes to push them."""

    github: GitHubEmulator
    git_dir: Path
    base: str
    credential: Credential
    branch: str
    url: str

    def commit(self, run_id: str = "abcdefabcdef", content: str = "x\n", path: str = "new.txt", parent: str = "") -> str:
        git = Git()
        blob = git.run("hash-object", "-w", "--stdin", git_dir=self.git_dir, stdin=content.encode()).text
        for piece in reversed(path.split("/")):
            mode = "040000 tree" if piece != path.rsplit("/", 1)[-1] else "100644 blob"
            blob = git.run("mktree", git_dir=self.git_dir, stdin=f"{mode} {blob}\t{piece}\n".encode()).text
        text = commit_message(title="t", body="", run_id=run_id, requester=Actor(id="101", login="alice", kind="person"), hold_ci=True)
        who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
               for key, value in (("NAME", "b"), ("EMAIL", "b@b.invalid"), ("DATE", "@1700000000 +0000"))}
        return git.run("commit-tree", blob, "-p", parent or self.base, git_dir=self.git_dir, env=who, stdin=text.encode()).text

    def push(self, commit: str, expected: str | None = None) -> str:
        return push(Git(), self.git_dir, commit, self.url, self.branch, self.credential, expected)

    def standing(self) -> str | None:
        return self.github.branches("octo/hello").get(self.branch)


def credential(token: str) -> Credential:
    grant = Grant(purpose="publish", repo=REPO, permissions={"contents": "write"})
    return Credential(id="x", grant=grant, token=SecretStr(token), expires_at="2030-01-01T00:00:00Z")


@pytest.fixture
def publisher(github: GitHubEmulator, tmp_path: Path) -> Iterator[Publisher]:
    """What a run has when it publishes: a mirror fetched with a read token, and a token to write."""
    workspaces = Workspaces(Settings(state_dir=tmp_path / "state"))
    url = f"{github.web_url}/octo/hello.git"
    base = workspaces.fetch(REPO, url, credential(minted(github, {"contents": "read"})))
    yield Publisher(github, workspaces.mirror(REPO), base, credential(minted(github, {"contents": "write"})), BRANCH, url)
    if BRANCH in github.branches("octo/hello"):
        github.person("alice").delete_branch("octo/hello", BRANCH)


def test_a_new_branch_is_made_and_no_other_ref_moves(publisher: Publisher) -> None:
    """T66."""
    before = publisher.github.branches("octo/hello")
    commit = publisher.commit()
    assert remote_branch(Git(), publisher.git_dir, publisher.url, BRANCH, publisher.credential) == RemoteBranch()
    assert publisher.push(commit) == commit
    assert publisher.github.branches("octo/hello") == {**before, BRANCH: commit}
    found = remote_branch(Git(), publisher.git_dir, publisher.url, BRANCH, publisher.credential)
    assert found == RemoteBranch(commit=commit, run_id="abcdefabcdef")


def test_doing_it_twice_pushes_once(publisher: Publisher) -> None:
    commit = publisher.commit()
    publisher.push(commit)
    sent = len(publisher.github.deliveries)
    assert publisher.push(commit) == commit
    assert len(publisher.github.deliveries) == sent


def test_the_same_run_publishing_again_finds_what_it_pushed(publisher: Publisher) -> None:
    """A worker that died after the push, and whose successor made another commit of the same run."""
    first = publisher.commit()
    publisher.push(first)
    assert publisher.push(publisher.commit(content="other\n")) == first
    assert publisher.standing() == first


def test_a_persons_commit_is_never_pushed_over(publisher: Publisher) -> None:
    """T66, with `expected` at what Bellhop had pushed, and without."""
    first = publisher.commit()
    publisher.push(first)
    theirs = publisher.github.person("alice").push("octo/hello", BRANCH, {"theirs.txt": "hand-made\n"})
    for expected in (None, first):
        with pytest.raises(PublishRefused) as caught:
            publisher.push(publisher.commit(run_id="zzzzzzzzzzzz"), expected)
        assert caught.value.reason == "branch_moved"
    assert publisher.standing() == theirs


def test_a_later_run_of_the_case_moves_the_branch_from_where_it_expects_it(publisher: Publisher) -> None:
    first = publisher.commit()
    publisher.push(first)
    second = publisher.commit(run_id="zzzzzzzzzzzz", content="second\n")
    with pytest.raises(PublishRefused):
        publisher.push(second)
    assert publisher.push(second, expected=first) == second
    assert publisher.standing() == second


def test_a_branch_that_a_person_deleted_is_made_again(publisher: Publisher) -> None:
    first = publisher.commit()
    publisher.push(first)
    publisher.github.person("alice").delete_branch("octo/hello", BRANCH)
    second = publisher.commit(run_id="zzzzzzzzzzzz")
    assert publisher.push(second, expected=first) == second


def test_pushers_at_once_leave_one_commit(publisher: Publisher) -> None:
    """Whoever comes second, before or after its look, is told that the branch moved."""
    commits = [publisher.commit(run_id=f"{letter * 12}") for letter in "abcd"]
    ended: list[str] = []

    def go(commit: str) -> None:
        try:
            ended.append(publisher.push(commit))
        except PublishRefused as error:
            ended.append(error.reason)

    crowd = [threading.Thread(target=go, args=(commit,)) for commit in commits]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(60)
    assert ended.count("branch_moved") == 3
    assert publisher.standing() in commits
    assert publisher.standing() in ended


def test_the_lease_itself_refuses_what_came_between_look_and_push(publisher: Publisher) -> None:
    """The compare-and-swap is the server's word, not only our look: a stale expectation is refused by git."""
    first, second = publisher.commit(run_id="a" * 12), publisher.commit(run_id="b" * 12)
    publisher.push(first)
    with pytest.raises(ServiceError, match="stale info"):
        Git().run(
            "push", f"--force-with-lease=refs/heads/{BRANCH}:", publisher.url, f"{second}:refs/heads/{BRANCH}",
            git_dir=publisher.git_dir, remote=Remote(url=publisher.url, token=publisher.credential.token),
        )
    assert publisher.standing() == first


def test_t66_a_commit_that_comes_between_look_and_push_is_not_pushed_over(publisher: Publisher) -> None:
    theirs: list[str] = []

    class Beaten(Git):
        """Somebody else is quicker: their commit comes after we have looked, and before we push."""

        def run(self, *arguments: str, **options: Any) -> GitResult:
            if arguments[0] == "push":
                theirs.append(publisher.github.person("alice").push("octo/hello", BRANCH, {"README.md": "mine\n"}, "Mine"))
            return super().run(*arguments, **options)

    with pytest.raises(PublishRefused) as caught:
        push(Beaten(), publisher.git_dir, publisher.commit(), publisher.url, BRANCH, publisher.credential)
    assert caught.value.reason == "branch_moved"
    assert [publisher.standing()] == theirs


@pytest.mark.parametrize("branch", ["main", "refs/heads/main", "bellhop/../main", "bellhop/x:main", "+bellhop/x", "bellhop/", "bellhop/X", "-f", ""])
def test_no_other_branch_can_be_named(publisher: Publisher, branch: str) -> None:
    """T66."""
    publisher.branch = branch
    before = publisher.github.branches("octo/hello")
    with pytest.raises(PublishRefused) as caught:
        publisher.push(publisher.commit())
    assert caught.value.reason == "wrong_branch"
    assert publisher.github.branches("octo/hello") == before


def test_a_rule_of_the_repository_is_said_in_its_words(publisher: Publisher) -> None:
    """GitHub does not let an App without `workflows` change a workflow."""
    with pytest.raises(PublishRefused) as caught:
        publisher.push(publisher.commit(path=".github/workflows/ci.yml"))
    assert caught.value.reason == "push_rejected"
    assert "without `workflows` permission" in str(caught.value)
    assert publisher.standing() is None


def test_a_token_that_may_only_read_is_refused(publisher: Publisher) -> None:
    token = minted(publisher.github, {"contents": "read"})
    publisher.credential = credential(token)
    with pytest.raises(ServiceError) as caught:
        publisher.push(publisher.commit())
    assert (caught.value.status, caught.value.retryable) == (403, False)
    assert token not in str(caught.value)


def test_a_token_that_nobody_knows_is_refused(publisher: Publisher) -> None:
    publisher.credential = credential("ghs_canary")
    with pytest.raises(ServiceError) as caught:
        publisher.push(publisher.commit())
    assert caught.value.status == 401
    assert "canary" not in str(caught.value)


def test_the_token_is_on_no_disk(publisher: Publisher) -> None:
    """T63."""
    publisher.push(publisher.commit())
    token = publisher.credential.token.get_secret_value().encode()
    for path in publisher.git_dir.rglob("*"):
        assert not path.is_file() or token not in path.read_bytes()
