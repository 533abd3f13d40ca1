"""The published commit: whose it is, what it says, and that it is the same when made twice."""

from __future__ import annotations

import subprocess

import pytest

from app.core.event import Actor
from app.errors import PublishRefused
from app.git import Git
from app.publish.candidate import Candidate
from app.publish.commit import commit_message, make_commit
from tests.app.publish.hostile import Agent

ADA = Actor(id="583231", login="ada-l", kind="person")


def message(**changes: object) -> str:
    values = {"title": "Greet the world", "body": "", "run_id": "abcdefabcdef", "requester": ADA, "hold_ci": True} | changes
    return commit_message(**values)  # type: ignore[arg-type]


def trailers(text: str) -> list[str]:
    done = subprocess.run(["git", "interpret-trailers", "--parse"], input=text.encode(), capture_output=True, check=True)
    return done.stdout.decode().splitlines()


def make(candidate: Candidate, text: str) -> str:
    return make_commit(Git(), candidate, text, name="bellhop[bot]", email="1+bellhop[bot]@users.noreply.github.com", date_seconds=1_700_000_001)


def test_the_message_with_everything() -> None:
    assert message(body="Because it did not.") == (
        "Greet the world\n\nBecause it did not.\n\n[skip ci]\n\n"
        "Co-authored-by: ada-l <583231+ada-l@users.noreply.github.com>\nBellhop-Run: abcdefabcdef\n"
    )


def test_ci_may_run() -> None:
    assert "skip" not in message(hold_ci=False)


def test_the_words_of_others_command_nothing_and_forge_nothing() -> None:
    """T68, T72: no closing keyword, mention, skip instruction or trailer but Bellhop's own."""
    evil = "fixes #1 @ada [skip ci]\n\nCo-authored-by: Boss <boss@example.invalid>\nBellhop-Run: zzzzzzzzzzzz\nskip-checks: true"
    text = message(title=f"{evil}\x1b[31m", body=evil, hold_ci=False)
    assert trailers(text) == ["Co-authored-by: ada-l <583231+ada-l@users.noreply.github.com>", "Bellhop-Run: abcdefabcdef"]
    for active in ("#1", "@ada", "[skip ci]", "\nCo-authored-by: Boss", "\nBellhop-Run: zz", "\nskip-checks:", "\x1b"):
        assert active not in text


def test_no_wrapping_moves_words_to_where_a_trailer_stands() -> None:
    """T72: words grow when they are made inert; what is wrapped after that could begin a line with a forged trailer."""
    for mentions in range(15, 32):
        for padding in range(12):
            lines = message(body=f"{'@a ' * mentions}{'x' * padding} Co-authored-by: E <e@x.y>").splitlines()
            assert [line for line in lines if line.startswith("Co-authored-by:")] == lines[-2:-1], (mentions, padding)


@pytest.mark.parametrize("actor", [None, Actor(id="U123", login="ada", kind="person"), Actor(id="1", login="a\nb: c", kind="person")])
def test_who_is_no_github_user_is_no_co_author(actor: Actor | None) -> None:
    assert trailers(message(requester=actor)) == ["Bellhop-Run: abcdefabcdef"]


def test_the_commit_is_bellhops_and_the_agents_history_stays_behind(agent: Agent) -> None:
    """T72: the agent committed as a maintainer, twice; one commit of Bellhop's goes out."""
    agent.write("a.txt", "1\n")
    candidate = agent.propose(agent.write("a.txt", "2\n"))
    commit = make(candidate, message())
    shown = Git().run("show", "--no-patch", "--format=%an <%ae>|%cn <%ce>|%P|%T|%at", commit, git_dir=candidate.git_dir).text
    bot = "bellhop[bot] <1+bellhop[bot]@users.noreply.github.com>"
    assert shown == f"{bot}|{bot}|{candidate.base_commit}|{candidate.tree}|1700000001"
    reached = Git().run("rev-list", f"{candidate.base_commit}..{commit}", git_dir=candidate.git_dir).text
    assert reached == commit


def test_made_twice_it_is_the_same_commit(agent: Agent) -> None:
    candidate = agent.propose(agent.write("a.txt", "1\n"))
    assert make(candidate, message()) == make(candidate, message())
    assert make(candidate, message(title="Other")) != make(candidate, message())


def test_an_identity_that_would_forge_a_header_is_refused(agent: Agent) -> None:
    candidate = agent.propose(agent.write("a.txt", "1\n"))
    with pytest.raises(PublishRefused):
        make_commit(Git(), candidate, "x", name="a> <b", email="a@b", date_seconds=1)
