"""One case over all three surfaces: asked for in Slack, followed up at GitHub and in Linear, stopped in Linear, told everywhere."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from app.core.deciding.whose import account_named
from app.emulators.linear import LinearEmulator, SeedApp, SeedIssue, SeedTeam, SeedUser
from app.emulators.linear import Seed as LinearSeed
from app.emulators.linear import serve as serve_linear
from app.emulators.slack import Seed as SlackSeed
from app.emulators.slack import SeedChannel, SeedMember, SlackEmulator
from app.emulators.slack import serve as serve_slack
from app.ledger import links, runs
from app.ledger.tables import outbox
from tests.e2e.conftest import Embed
from tests.e2e.embedded import Road, sealed
from tests.e2e.harness import REPO, until

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]

BEGIN = """\
echo "begun" > $HOME/session
sed -i s/999/1000/ till.txt
mkfifo $HOME/gate; cat $HOME/gate > /dev/null
"""
NEXT = "grep -oE 'say(two|three|wait)' >> $HOME/session; cp $HOME/session session.txt; [ -z \"$(grep saywait session.txt)\" ] || sleep 300"
PEOPLE = SlackSeed(members=(SeedMember(name="ada", id="U0ADA00001"),), channels=(SeedChannel(name="general", members=("bellhop", "ada")),))
PLAN = LinearSeed(
    app=SeedApp(), users=(SeedUser(name="ada", full_name="Ada", admin=True),), teams=(SeedTeam(key="ENG", name="Engineering"),),
    issues=(SeedIssue(team="ENG", title="A cent is lost", creator="ada", state="Todo"),),
)


def cards(road: Road) -> str:
    with road.bellhop.database.read() as tx:
        rows = tx.execute(select(outbox.c.kind, outbox.c.version, outbox.c.delivered_version, outbox.c.last_error)).all()
    return f"{road.log()}\noutbox: {rows}"


def test_one_case_over_three_surfaces_with_a_follow_up_from_each_and_a_stop_from_another(embed: Embed) -> None:
    written = sealed(BEGIN).replace("    run: |", f"    next: {json.dumps(NEXT)}\n    run: |").replace("on:\n", "on:\n  slack: {}\n  linear: {}\n", 1)
    with SlackEmulator(PEOPLE) as slack, serve_slack(slack), LinearEmulator(PLAN) as linear, serve_linear(linear):
        road = embed(
            written, slack_signing_secret=SecretStr(slack.app.signing_secret), slack_bot_token=SecretStr(slack.app.bot_token),
            slack_api_url=slack.api_url.rstrip("/"), linear_webhook_secret=SecretStr(PLAN.app.webhook_secret), linear_client_id=PLAN.app.client_id,
            linear_client_secret=SecretStr(PLAN.app.client_secret), linear_api_url=linear.url, linear_web_url=linear.url,
        )
        slack.set_urls(f"{road.bellhop.url}/hooks/slack")
        linear.set_webhook_url(f"{road.bellhop.url}/hooks/linear")
        at_github, in_slack, in_linear = road.github.person("ada"), slack.person("ada"), linear.person("ada")
        team = in_slack.member.team.id
        with road.bellhop.database.begin() as tx:
            for source, account in (("slack", f"{team}/{in_slack.id}"), ("linear", in_linear.user.id)):
                links.link(tx, account_named(source, account), at_github.user.id, "ada", "operator")

        # Asked for in Slack, about an issue at GitHub.
        root = in_slack.say("general", f"@bellhop mend {road.github.web_url}/{REPO}/issues/1")
        gate = road.gate()
        run = road.newest()
        until(lambda: len(road.comments(1)) == 1, "its status is told in the issue", lambda: cards(road))
        # Followed up from each: Slack, GitHub, Linear.
        in_slack.say("general", "@bellhop and mind the drawer", thread_ts=root.ts)
        at_github.comment(REPO, 1, "please saytwo")
        session = in_linear.mention("ENG-1", f"this is about {road.github.web_url}/{REPO}/issues/1 please saythree")
        until(lambda: any("append" in each for each in road.decisions("linear.mentioned")), "Linear's words are for the same run", lambda: cards(road))
        until(lambda: any("append" in each for each in road.decisions("slack.mention")), "Slack's words are for the same run", lambda: cards(road))
        gate.write_text("")
        until(lambda: road.newest().state == "done", "it is done", lambda: cards(road), 90)
        assert road.newest().id == run.id
        assert road.github.read(REPO, road.branch(), "session.txt").split() == ["begun", "saytwo", "saythree"]
        until(lambda: any("Pull request" in body for body in road.comments(1)), "told at GitHub", lambda: cards(road))
        until(lambda: any("Pull request" in str(each) for each in slack.messages("general", root.ts)), "told in Slack", lambda: cards(road))
        until(lambda: linear.status(session) == "complete", "told in Linear", lambda: cards(road))
        until(lambda: len(linear.attachments("ENG-1")) == 1, "the pull request is attached", lambda: cards(road))

        road.nothing_is_left()

        # The same session goes on, rung for in Linear, and is stopped in Slack.
        in_linear.prompt(session, "and now saywait")
        until(lambda: road.newest().id != run.id and road.newest().state == "running", "the follow-up works", lambda: cards(road), 90)
        second = road.newest()
        assert second.parent_id == run.id
        kept = road.state_dir / "scratch" / f"{second.id}-work" / "home" / "session"
        until(lambda: kept.exists() and "saywait" in kept.read_text(), "it has begun", lambda: cards(road), 60)
        in_slack.say("general", "@bellhop stop", thread_ts=root.ts)
        until(lambda: road.newest().state == "done", "the stopped run is done", lambda: cards(road), 60)
        assert road.newest().stopped_by == "ada"
        until(lambda: linear.status(session) == "complete", "told in Linear again", lambda: cards(road))
        with road.bellhop.database.read() as tx:
            assert [each.id for each in runs.recent(tx)] == [second.id, run.id]
        assert len(road.github.pull_requests(REPO)) == 1
        slack.set_urls(None)
        linear.set_webhook_url(None)
        road.nothing_is_left()
