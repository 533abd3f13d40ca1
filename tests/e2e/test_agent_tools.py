"""An agent in a real sandbox speaks to its thread through the runner's loopback, and is answered there."""

from __future__ import annotations

import json

import pytest

from app.execute.tooling.layout import PYTHON
from tests.e2e.conftest import Embed
from tests.e2e.embedded import sealed
from tests.e2e.harness import REPO, until

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]  # whole runs, some seconds each

AGENT = """\
import json, os, pathlib, urllib.request
def use(tool, **arguments):
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    asked = urllib.request.Request(os.environ["BELLHOP_MCP_URL"], json.dumps(body).encode(), {
        "Content-Type": "application/json", "Accept": "application/json, text/event-stream"})
    with urllib.request.urlopen(asked, timeout=120) as answer:
        return json.load(answer)["result"]["content"][0]["text"]
print(use("post_update", text="I have read the till."))
answer = use("ask", question="How many cents should it be?", wait_seconds=100)
pathlib.Path("till.txt").write_text("cents: " + answer.split()[-1] + chr(10))
print(use("propose_pull_request", title="Set the till right", body="As @ada said."))
"""


def test_t19_an_agent_asks_is_answered_and_titles_its_pull_request(embed: Embed) -> None:
    road = embed(sealed(f"{PYTHON} -I -c {json.dumps('import os; exec(os.environ[chr(65)])')}", env=json.dumps({"A": AGENT})))
    road.ring()
    # The run's own comment tells of it, too, and may do so first.
    question = road.told("To answer, write a comment here")
    assert "I have read the till." in road.comments()[0]
    assert "How many cents should it be?" in question
    # Somebody who may only read is no answer.
    road.github.person("eve").comment(REPO, 1, "it should be 13")
    until(lambda: len(road.decisions("issue_comment.created")) == 1, "eve's comment is decided on", road.log)
    road.github.person("ada").comment(REPO, 1, "it should be 1000")
    until(lambda: road.newest().state == "done", "the run is over", road.log)
    [pull] = road.github.pull_requests(REPO)
    assert pull.title == "Set the till right"
    assert "@ada said" not in (pull.body or "")
    assert road.github.read(REPO, road.branch(), "till.txt") == "cents: 1000\n"
    until(lambda: "Somebody has written here since." in road.comments()[1], "the question says that it was answered", road.log)
    assert len(road.comments()) == 2
    road.nothing_is_left()
