"""Cloning and pushing over HTTP with the real git."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import httpx
import pytest

from app.emulators.github import GitHubEmulator, SeedInstallation
from tests.app.emulators.github.github_kit import (
    INSTALLATION,
    SettableClock,
    clone_url,
    git,
    minted,
    receiving,
)

HELLO = "octo/hello"


def cloned(github: GitHubEmulator, token: str | None, directory: Path, name: str = HELLO) -> Path:
    git(directory, "clone", "-q", clone_url(github, token, name), "work")
    return directory / "work"


def committed(work: Path, name: str, text: str = "text\n", *, branch: str = "topic") -> str:
    git(work, "checkout", "-q", "-B", branch)
    (work / name).parent.mkdir(parents=True, exist_ok=True)
    (work / name).write_text(text)
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", f"Change {name}")
    return git(work, "rev-parse", "HEAD").stdout.strip()


def test_clone_and_push(github: GitHubEmulator, tmp_path: Path) -> None:
    work = cloned(github, minted(github, {"contents": "write"}), tmp_path)
    assert (work / "README.md").read_text() == "hello\n"
    sha = committed(work, "new.txt")
    git(work, "push", "-q", "origin", "topic")
    assert github.branches(HELLO)["topic"] == sha
    git(work, "push", "-q", "origin", ":topic")
    assert "topic" not in github.branches(HELLO)


def test_a_large_push_and_a_shallow_fetch(github: GitHubEmulator, tmp_path: Path) -> None:
    token = minted(github, {"contents": "write"})
    work = cloned(github, token, tmp_path)
    # More than git's http.postBuffer, so that the pack comes in chunks.
    big = random.Random(1).randbytes(3_000_000)  # noqa: S311 - only to be incompressible
    git(work, "checkout", "-q", "-b", "big")
    (work / "big.bin").write_bytes(big)
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "Big")
    git(work, "push", "-q", "origin", "big")
    git(tmp_path, "clone", "-q", "--depth=1", "--branch=big", clone_url(github, token), "shallow")
    assert (tmp_path / "shallow" / "big.bin").read_bytes() == big
    assert git(tmp_path / "shallow", "rev-list", "--count", "HEAD").stdout.strip() == "1"


def test_a_push_that_is_not_a_fast_forward_is_refused(github: GitHubEmulator, tmp_path: Path) -> None:
    """R28: and a compare-and-swap against the wrong commit too."""
    work = cloned(github, minted(github, {"contents": "write"}), tmp_path)
    ours = committed(work, "ours.txt", branch="main")
    theirs = github.person("alice").push(HELLO, "main", {"theirs.txt": "x"})
    assert git(work, "push", "origin", "main", check=False).returncode != 0
    stale = git(work, "push", f"--force-with-lease=main:{ours}", "origin", "main", check=False)
    assert stale.returncode != 0
    assert github.branches(HELLO)["main"] == theirs
    git(work, "push", "-q", f"--force-with-lease=main:{theirs}", "origin", "main")
    assert github.branches(HELLO)["main"] == ours


@pytest.mark.parametrize(
    ("permissions", "may_fetch", "may_push"),
    [({"contents": "write"}, True, True), ({"contents": "read"}, True, False), ({"issues": "write"}, False, False)],
)
def test_a_tokens_permissions_hold_for_git(
    github: GitHubEmulator, tmp_path: Path, permissions: dict[str, str], may_fetch: bool, may_push: bool
) -> None:
    fetched = git(tmp_path, "ls-remote", clone_url(github, minted(github, permissions)), check=False)
    assert (fetched.returncode == 0) is may_fetch
    work = cloned(github, "ghp_alice", tmp_path)
    committed(work, "new.txt")
    pushed = git(work, "push", clone_url(github, minted(github, permissions)), "topic", check=False)
    assert (pushed.returncode == 0) is may_push
    assert ("topic" in github.branches(HELLO)) is may_push
    if not may_push:
        assert "403" in pushed.stderr


def test_bad_tokens_and_wrong_repositories(github: GitHubEmulator, tmp_path: Path, clock: SettableClock) -> None:
    def status(token: str | None, name: str = HELLO, service: str = "git-upload-pack") -> int:
        auth = httpx.BasicAuth("x-access-token", token) if token else None
        url = f"{github.web_url}/{name}.git/info/refs?service={service}"
        answer = httpx.get(url, auth=auth, trust_env=False)
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"] == 'Basic realm="GitHub"'
        return answer.status_code

    token = minted(github, {"contents": "write"}, repository_ids=[1001])
    assert status(token) == 200
    assert [status(bad) for bad in (None, "ghs_4711_x.y.z", "ghp_nobody")] == [401, 401, 401]
    assert status(token, "octo/secret") == 404
    assert status("ghp_mallory") == 404
    assert status(None, "octo/open") == 200
    assert status(None, "octo/open", "git-receive-pack") == 401
    assert status("ghp_bob") == 200
    assert status("ghp_bob", service="git-receive-pack") == 403
    clock.advance(3600)
    assert status(token) == 401
    assert git(tmp_path, "clone", clone_url(github, token), "w", check=False).returncode != 0


def test_workflow_files_need_their_own_permission(github: GitHubEmulator, tmp_path: Path) -> None:
    work = cloned(github, minted(github, {"contents": "write"}), tmp_path)
    committed(work, ".github/workflows/ci.yml", "on: push\n")
    committed(work, "after.txt")
    refused = git(work, "push", "origin", "topic", check=False)
    assert refused.returncode != 0
    words = "refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml` without `workflows`"
    assert words in refused.stderr
    assert "topic" not in github.branches(HELLO)
    # A person's push is not held to it, and once the commits are there, a branch of them is free to make.
    git(work, "push", "-q", clone_url(github, "ghp_alice"), "topic")
    git(work, "push", "-q", "origin", "topic:refs/heads/again")
    github.uninstall(INSTALLATION)
    github.app.permissions["workflows"] = "write"
    github.install(SeedInstallation(account="octo", id=INSTALLATION))
    permitted = minted(github, {"contents": "write", "workflows": "write"})
    committed(work, ".github/workflows/ci.yml", "on: pull_request\n")
    git(work, "push", "-q", clone_url(github, permitted), "topic")


def test_nobody_pushes_to_a_pull_requests_own_ref(github: GitHubEmulator, tmp_path: Path) -> None:
    work = cloned(github, minted(github, {"contents": "write"}), tmp_path)
    committed(work, "x")
    assert git(work, "push", "origin", "topic:refs/pull/1/head", check=False).returncode != 0


def test_a_push_rings_before_git_returns(github: GitHubEmulator, tmp_path: Path) -> None:
    work = cloned(github, minted(github, {"contents": "write"}), tmp_path)
    committed(work, "one.txt")
    git(work, "push", "-q", "origin", "topic")
    pull = github.person("alice").open_pull(HELLO, "topic", "t")
    second = committed(work, "two.txt")
    git(work, "push", "-q", "origin", "topic")
    assert github.issue(HELLO, pull.number).pull
    assert [one.pull.head_sha for one in github.pull_requests(HELLO) if one.pull] == [second]
    heard = [(one.event, one.action) for one in github.deliveries]
    assert heard == [("push", None), ("pull_request", "opened"), ("push", None), ("pull_request", "synchronize")]


def test_git_follows_a_renamed_repository(github: GitHubEmulator, tmp_path: Path) -> None:
    """R28."""
    token = minted(github, {"contents": "write"})
    github.rename_repository(HELLO, "hallo")
    work = cloned(github, token, tmp_path)
    assert (work / "README.md").exists()


def test_pushes_at_once_keep_their_own_events(github: GitHubEmulator, tmp_path: Path) -> None:
    url = clone_url(github, minted(github, {"contents": "write"}))
    shas = {}
    for number in range(4):
        directory = tmp_path / str(number)
        directory.mkdir()
        work = cloned(github, "ghp_alice", directory)
        shas[f"b{number}"] = committed(work, f"{number}.txt", branch=f"b{number}")

    async def push(number: int) -> int:
        process = await asyncio.create_subprocess_exec(
            "git", "push", "-q", url, f"b{number}", cwd=tmp_path / str(number) / "work"
        )
        return await asyncio.wait_for(process.wait(), 30)

    async def all_at_once() -> list[int]:
        return await asyncio.gather(*(push(number) for number in range(4)))

    with receiving() as receiver:
        github.set_webhook_url(receiver.url)
        assert asyncio.run(all_at_once()) == [0, 0, 0, 0]
        github.wait_for_deliveries()
        pushed = {body["ref"].removeprefix("refs/heads/"): body["after"] for body in map(json.loads, (one.body for one in receiver.got))}
    assert pushed == shas
    assert len(receiver.got) == 4
