"""What a push starts, as the workflows of a commit say, hostile ones included."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.git import Git
from app.publish.workflows import FILE_BYTES, Workflows, events_of, read_workflows
from tests.app.publish.hostile import Agent


@pytest.mark.parametrize(("text", "events"), [
    ("on: push", {"push"}),
    ("name: x\non: [push, pull_request]\njobs: {}", {"push", "pull_request"}),
    ("on:\n  push:\n    branches: [main]\n  pull_request_target:\n", {"push", "pull_request_target"}),
    ("'on': {schedule: [{cron: '0 0 * * *'}], issue_comment: {types: [created]}}", {"schedule", "issue_comment"}),
    ("jobs: {on: [push]}\nenv: {a: [b, {on: c}]}\non: pull_request", {"pull_request"}),
    ("on: push\non: pull_request_target", {"push", "pull_request_target"}),
    ("on:\n- push\n- workflow_run", {"push", "workflow_run"}),
    ("? [a, b]\n: c\non: push", {"push"}),
    ("&k on: &v push", {"push"}),
], ids=range(9))
def test_the_events_of_a_workflow(text: str, events: set[str]) -> None:
    assert sorted(events_of(text.encode()) or ()) == sorted(events)


@pytest.mark.parametrize("content", [
    b"", b"[push]", b"push", b"jobs: {}", b"on: *x", b"x: &x [push]\non: *x", b"on: [[push]]", b"on: \xff", b"on: [", b"\0", b"{" * 50_000,
    b"on: " + b"[" * 50_000, b"on: {? {a: b} : c}",
], ids=lambda content: repr(content[:20]))
def test_what_cannot_be_told_is_not_guessed(content: bytes) -> None:
    assert events_of(content) is None


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text("on: push[]{},&*!|>-#'\"\n ?", max_size=80).map(str.encode)))
def test_no_file_breaks_the_reader(content: bytes) -> None:
    found = events_of(content)
    assert found is None or isinstance(found, frozenset)


def test_aliases_do_not_multiply() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)), "on: [push]"]
    assert list(events_of("\n".join(lines).encode()) or ()) == ["push"]


def test_the_workflows_of_a_commit(agent: Agent) -> None:
    agent.write(".github/workflows/ci.yml", "on: [push, pull_request]\n")
    agent.write(".github/workflows/label.yaml", "on: {pull_request_target: , push: }\n")
    agent.write(".github/workflows/nightly.yml", "on: {schedule: [{cron: '0 0 * * *'}]}\n")
    agent.write(".github/workflows/odd.yml", "on: *x\n")
    agent.write(".github/workflows/large.yml", "on: push\n" + "#" * FILE_BYTES)
    agent.write(".github/workflows/notes.md", "on: push\n")
    agent.write(".github/workflows/sub/deep.yml", "on: push\n")
    (agent.place / ".github/workflows/link.yml").symlink_to("ci.yml")
    head = agent.write("x", "x")
    assert read_workflows(Git(), agent.place / ".git", head) == Workflows(
        held=("ci.yml", "label.yaml"), anyway=(("label.yaml", ("pull_request_target",)),), unread=("large.yml", "link.yml", "odd.yml"),
    )


def test_a_repository_without_workflows(agent: Agent) -> None:
    assert read_workflows(Git(), agent.place / ".git", agent.base) == Workflows()
