"""What stands in a checkout of somebody's pull request, on real git and a real disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.core.event import Repo
from app.errors import ServiceError, WorkspaceError
from app.execute.workspace import Workspaces
from tests.app.execute.workspace.conftest import GitCommand


@pytest.fixture
def head(origin: Path, git_in: GitCommand) -> str:
    """Good configuration on `main`, one file of it a link; a fork's pull request 7 that is hostile in every way."""
    (origin / "CLAUDE.md").write_text("good\n")
    (origin / "docs").mkdir()
    (origin / "docs" / "rules.md").write_text("good rules\n")
    (origin / "AGENTS.md").symlink_to("docs/rules.md")
    (origin / ".agents" / "skills").mkdir(parents=True)
    (origin / ".agents" / "skills" / "s.md").write_text("good skill\n")
    (origin / ".claude").mkdir()
    (origin / ".claude" / "skills").symlink_to("../.agents/skills")
    git_in(origin, "add", ".")
    git_in(origin, "commit", "-qm", "configuration")
    git_in(origin, "checkout", "-q", "--detach")
    (origin / "hello.py").write_text("print('hello, fork')\n")
    (origin / "CLAUDE.md").unlink()
    (origin / "CLAUDE.md").symlink_to("evil.md")
    (origin / "docs" / "rules.md").write_text("evil\n")
    (origin / ".agents" / "skills" / "s.md").write_text("evil\n")
    (origin / ".claude" / "settings.json").write_text("evil\n")
    (origin / "evil.md").write_text("evil\n")
    (origin / "sub").mkdir()
    (origin / "sub" / "claude.md").write_text("evil\n")
    (origin / ".codex").symlink_to("docs")
    git_in(origin, "add", ".")
    git_in(origin, "commit", "-qm", "a fork's")
    commit = git_in(origin, "rev-parse", "HEAD")
    git_in(origin, "update-ref", "refs/pull/7/head", commit)
    git_in(origin, "checkout", "-q", "main")
    return commit


def test_t12_t27_t28_a_forks_head_is_laid_out_with_the_default_branchs_configuration(
    workspaces: Workspaces, repo: Repo, origin: Path, head: str, git_in: GitCommand
) -> None:
    url = f"file://{origin}"
    trusted = workspaces.fetch(repo, url, None)
    assert workspaces.fetch(repo, url, None, head, 7) == head
    commit = workspaces.with_trusted_config(repo, head, trusted)
    assert commit == workspaces.with_trusted_config(repo, head, trusted)
    prepared = workspaces.prepare(repo, commit, "run-work", uid=os.getuid(), gid=os.getgid())
    tree = prepared.lower
    assert (tree / "hello.py").read_text() == "print('hello, fork')\n"
    assert [(tree / name).read_text() for name in ("CLAUDE.md", "AGENTS.md", ".agents/skills/s.md", ".claude/skills/s.md")] == [
        "good\n", "good rules\n", "good skill\n", "good skill\n",
    ]
    links = [path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_symlink() and ".git" not in path.parts]
    assert links == ["link"]
    evil = [path.relative_to(tree).as_posix() for path in tree.rglob("*")
            if path.is_file() and ".git" not in path.parts and "evil" in path.read_text()]
    assert sorted(evil) == ["docs/rules.md", "evil.md"]
    assert git_in(tree, "status", "--porcelain") == ""
    assert git_in(tree, "rev-parse", "HEAD^") == head


def test_a_head_with_the_same_configuration_is_taken_as_it_is(
    workspaces: Workspaces, repo: Repo, origin: Path, git_in: GitCommand
) -> None:
    trusted = workspaces.fetch(repo, f"file://{origin}", None)
    head = git_in(origin, "rev-parse", "secret")
    assert workspaces.with_trusted_config(repo, head, trusted) == head


def test_without_its_number_a_forks_head_is_not_there(workspaces: Workspaces, repo: Repo, origin: Path, head: str) -> None:
    """The control: the mirror holds this repository's branches, and no fork's."""
    with pytest.raises(WorkspaceError):
        workspaces.fetch(repo, f"file://{origin}", None, head)
    with pytest.raises(ServiceError):
        workspaces.fetch(repo, f"file://{origin}", None, head, 8)


def test_t27_a_heads_attributes_do_not_change_how_the_configuration_is_written(
    workspaces: Workspaces, repo: Repo, origin: Path, git_in: GitCommand
) -> None:
    (origin / "sub" / ".Claude").mkdir(parents=True)
    good = {"sub/.Claude/settings.json": b'{"deny": 1}\n', "CLAUDE.md": b"be good $Id$\n", ".mcp.json": b"{}\n"}
    for name, content in good.items():
        (origin / name).write_bytes(content)
    git_in(origin, "add", ".")
    git_in(origin, "commit", "-qm", "configuration")
    git_in(origin, "checkout", "-q", "-b", "head")
    (origin / ".gitattributes").write_text("*.json working-tree-encoding=UTF-16\nCLAUDE.md ident text eol=crlf\nhello.py eol=crlf\n")
    git_in(origin, "add", ".gitattributes")
    git_in(origin, "commit", "-qm", "attributes")
    head = git_in(origin, "rev-parse", "HEAD")
    trusted = workspaces.fetch(repo, f"file://{origin}", None)
    assert workspaces.fetch(repo, f"file://{origin}", None, head) == head
    commit = workspaces.with_trusted_config(repo, head, trusted)
    tree = workspaces.prepare(repo, commit, "run-work", uid=os.getuid(), gid=os.getgid()).lower
    assert {name: (tree / name).read_bytes() for name in good} == good
    assert (tree / "hello.py").read_bytes().endswith(b"\r\n")
    assert git_in(tree, "status", "--porcelain") == ""
