"""The roads that begin in Linear, each to its end: a delegation, a stop, a word in a session, a label without one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest
from pydantic import SecretStr

from app.core.account import Account
from app.emulators.linear import LinearEmulator, Seed, SeedIssue, SeedTeam, SeedUser, serve
from app.emulators.linear.state import Activity
from app.ledger import links, repositories
from tests.e2e.conftest import Embed
from tests.e2e.embedded import Road, sealed
from tests.e2e.harness import REPO, until

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]

WORK = "echo begun > $HOME/session; sed -i s/999/1000/ till.txt"
NEXT = "cat - >> $HOME/session; cp $HOME/session said.txt"
SEED = Seed(
    users=(SeedUser(name="ada", full_name="Ada", admin=True), SeedUser(name="bob", full_name="Bob")), teams=(SeedTeam(key="ENG"),),
    issues=(SeedIssue(team="ENG", title="A cent is lost", creator="ada", description="It should be 1000.", state="Todo"),),
)


class Linear(NamedTuple):
    """A Bellhop between an emulated GitHub and an emulated Linear, where ada is ada at GitHub."""

    road: Road
    linear: LinearEmulator

    def said(self, *kinds: str) -> list[Activity]:
        """What the app has said in the issue's first session, of these kinds."""
        own = [each for each in self.linear.activities(self.linear.sessions()[0]) if each.user is self.linear.app_user]
        return [each for each in own if not kinds or each.type in kinds]

    def ended(self, times: int = 1) -> Activity:
        """Wait for the app's last word of so many runs, and return it."""
        until(lambda: len(self.said("response", "error")) >= times, f"{times} runs have said their last word", self.log)
        assert len(self.said("response", "error")) == times
        return self.said("response", "error")[-1]

    def log(self) -> str:
        deliveries = [(each.event, each.action, [attempt.status for attempt in each.attempts]) for each in self.linear.deliveries]
        said = [[(each.type, each.content) for each in self.linear.activities(session)] for session in self.linear.sessions()]
        return f"{self.road.log()}\ndeliveries: {deliveries}\nsaid: {said}\ncomments: {[each.body for each in self.linear.comments('ENG-1')]}"


def _has_counted(road: Road) -> bool:
    with road.bellhop.database.read() as tx:
        return bool(repositories.known(tx, "github"))


@pytest.fixture
def begun(embed: Embed) -> Iterator[Callable[..., Linear]]:
    with ExitStack() as stack:

        def begin(run: str, then: str = "", on: str = "{}") -> Linear:
            linear = stack.enter_context(LinearEmulator(SEED))
            stack.enter_context(serve(linear))
            written = sealed(run)
            if then:
                written = written.replace("    run: |", f"    next: {json.dumps(then)}\n    run: |")
            settings: dict[str, Any] = {
                "linear_webhook_secret": SecretStr(SEED.app.webhook_secret), "linear_client_id": SEED.app.client_id,
                "linear_client_secret": SecretStr(SEED.app.client_secret), "linear_api_url": linear.url, "linear_web_url": linear.url,
            }
            road = embed(f"on:\n  linear: {on}\n" + written[written.index("agent:"):], **settings)
            github = road.github.person("ada").user
            with road.bellhop.database.begin() as tx:
                links.link(tx, Account(source="linear", workspace="", id=linear.person("ada").user.id), github.id, github.login, "operator")
            until(lambda: _has_counted(road), "Bellhop knows where it is installed", road.log)
            linear.set_webhook_url(f"{road.bellhop.url}/hooks/linear")
            return Linear(road, linear)

        yield begin


def test_a_delegated_issue_comes_to_a_pull_request_that_is_attached_and_a_word_in_the_session_goes_on_with_it(begun: Callable[..., Linear]) -> None:
    both = begun(WORK, NEXT)
    road, linear = both.road, both.linear
    session = linear.person("ada").delegate("ENG-1")
    assert session is not None
    last = both.ended()
    assert last.type == "response"
    assert not linear.unresponsive(session)
    assert [each.ephemeral for each in both.said("thought", "action")] == [True] * len(both.said("thought", "action"))
    (pull,) = road.github.pull_requests(REPO)
    assert f"/pull/{pull.number})" in str(last.content["body"])
    until(lambda: [each.url.rpartition("/")[2] for each in linear.attachments("ENG-1")] == [str(pull.number)], "it is attached", both.log)
    assert linear.issue("ENG-1").state.name == "In Progress"
    assert linear.issue("ENG-1").delegate is linear.app_user
    assert linear.status(session) == "complete"
    assert "cents: 1000" in road.github.read(REPO, road.branch(), "till.txt")
    assert road.newest().event.actor.login == "ada"

    # A word in the session: the same agent's session, one more commit on the same branch.
    first = road.newest()
    until(lambda: road.newest().state == "done" and road.left() == [], "the first run is over", both.log)
    linear.person("ada").prompt(session, "also say why")
    both.ended(2)
    assert road.newest().parent_id == first.id
    assert [each.number for each in road.github.pull_requests(REPO)] == [pull.number]
    assert "also say why" in road.github.read(REPO, road.branch(), "said.txt")
    assert "begun" in road.github.read(REPO, road.branch(), "said.txt")
    assert [each.id for each in linear.sessions()] == [session.id]
    road.nothing_is_left()


def test_stop_pressed_in_linear_ends_the_run_with_one_last_word(begun: Callable[..., Linear]) -> None:
    both = begun("mkfifo $HOME/gate; read -r _ < $HOME/gate")
    session = both.linear.person("ada").mention("ENG-1", "fix this")
    both.road.gate()
    both.linear.person("ada").stop(session)
    both.ended()
    until(lambda: both.road.newest().state == "done", "the run is over", both.log)
    assert len(both.said("response", "error")) == 1
    both.road.nothing_is_left()


def test_a_label_without_a_session_is_answered_in_one_comment(begun: Callable[..., Linear]) -> None:
    both = begun(WORK, on="{types: [labeled], labels: [agent]}")
    both.linear.person("ada").label("ENG-1", "other")
    both.linear.person("ada").label("ENG-1", "agent")
    until(lambda: any("Pull request" in each.body for each in both.linear.comments("ENG-1")), "a comment has the pull request", both.log)
    assert len(both.linear.comments("ENG-1")) == 1
    assert both.linear.sessions() == []
    assert both.linear.issue("ENG-1").state.name == "In Progress"
    until(lambda: len(both.linear.attachments("ENG-1")) == 1, "it is attached", both.log)
    both.road.nothing_is_left()


def test_somebody_who_is_not_linked_starts_nothing_and_is_told_how_that_changes(begun: Callable[..., Linear]) -> None:
    both = begun(WORK)
    bob = both.linear.person("bob")
    bob.mention("ENG-1", "fix this")
    assert "Who are you on GitHub?" in str(both.ended().content["body"])
    # Once somebody who runs Bellhop has said who he is, what he has asked for goes on; as eve, he may only read.
    eve = both.road.github.person("eve").user
    with both.road.bellhop.database.begin() as tx:
        links.link(tx, Account(source="linear", workspace="", id=bob.user.id), eve.id, eve.login, "operator")
    until(lambda: both.road.decisions("linear.mentioned")[:1] and "not_permitted" in both.road.decisions("linear.mentioned")[0], "eve may not", both.log)
    assert both.road.github.pull_requests(REPO) == []
