"""A review is asked for, and comes: one, with comments on lines, by an agent in a real sandbox."""

from __future__ import annotations

import json

import pytest

from app.core.outcome import Review
from app.execute.tooling.layout import PYTHON
from tests.e2e.conftest import Embed
from tests.e2e.embedded import sealed
from tests.e2e.harness import REPO, until

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]  # a whole run

AGENT = """\
import json, os, pathlib, re, subprocess, urllib.request
def use(tool, **arguments):
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    asked = urllib.request.Request(os.environ["BELLHOP_MCP_URL"], json.dumps(body).encode(), {
        "Content-Type": "application/json", "Accept": "application/json, text/event-stream"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer)["result"]["content"][0]["text"]
prompt = pathlib.Path(os.environ["BELLHOP_PROMPT_FILE"]).read_text()
shown = re.search("`(git diff [0-9a-f]+ [0-9a-f]+)`", prompt).group(1)
diff = subprocess.run(shown.split(), capture_output=True, text=True, check=True).stdout
assert "+cents: 1000" in diff, diff
use("comment_on_line", path="till.txt", line=1, text="Why not 1001? @ada [skip ci]")
use("comment_on_line", path="README.md", line=1, text="This one is not shown.")
pathlib.Path("till.txt").write_text("nothing that is kept")
print("It rounds up.")
"""


def test_a_review_that_was_asked_for_is_one_with_comments_on_lines(embed: Embed) -> None:
    written = sealed(f"{PYTHON} -I -c {json.dumps('import os; exec(os.environ[chr(65)])')}", env=json.dumps({"A": AGENT}),
                     workspace="ro", review="{max-comments: 5}")
    on = "on:\n  pull_request: {types: [review_requested], reviewers: [eve]}\n"
    road = embed(on + written[written.index("agent:"):])
    ada, github = road.github.person("ada"), road.github
    ada.push(REPO, "feature", {"till.txt": "cents: 1000\n"})
    pull = ada.open_pull(REPO, "feature", "Round up")
    ada.request_review(REPO, pull.number, "eve")
    road.told("Reviewed", number=pull.number)
    outcome = road.newest().outcome
    assert isinstance(outcome, Review)
    assert (outcome.comments, outcome.elsewhere) == (1, 1)
    [review] = github.issue(REPO, pull.number).reviews
    [said] = github.issue(REPO, pull.number).review_comments
    assert (review.user, review.state, review.commit_id) == (github.app.bot, "commented", github.branches(REPO)["feature"])
    assert "It rounds up." in review.body
    assert "README.md:1" in review.body
    assert (said.path, said.line) == ("till.txt", 1)
    assert "Why not 1001?" in said.body
    assert "@ada" not in said.body
    assert "[skip ci]" not in said.body
    # It has published nothing, and its check is a success on the head that it looked at.
    assert sorted(github.branches(REPO)) == ["feature", "main"]
    checks = github.repository(REPO).check_runs.values()
    until(lambda: [(each.head_sha, each.conclusion) for each in checks] == [(review.commit_id, "success")], "the check is over", road.log)
    road.nothing_is_left()
