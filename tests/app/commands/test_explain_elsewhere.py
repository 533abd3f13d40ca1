"""What `bellhop explain` says of something said in Slack."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.commands.explain import explain_event
from app.core.decide import Facts
from app.core.event import Actor, Event, Repo
from app.settings import Settings

PROFILE = "on:\n  slack: {}\nagent:\n  uses: command\n  with: {run: 'true'}\ncontainer: {isolation: process}\n"


@pytest.mark.parametrize(("words", "says"), [
    ("@bellhop repo=octo/hello mend it", "Decision: start fix"), ("@bellhop mend it", "Decision: none as long as nobody has said which repository"),
    ("lunch?", "Decision: ignore not_addressed"),
], ids=["named", "not-named", "not-addressed"])
def test_it_says_what_would_be_asked(tmp_path: Path, words: str, says: str) -> None:
    (tmp_path / "fix.yaml").write_text(PROFILE)
    event = Event(
        source="slack", kind="slack.mention", delivery_key="1", thread="slack:T1/C1/1.1", actor=Actor(id="T1/U1", login="ann", kind="person"), repo=Repo.unsaid(),
        url="", text=words,
    )
    lines = [*explain_event(Settings(profiles_dir=tmp_path), event, Facts(bot_login="bellhop[bot]", actor_permission="write"))]
    assert any(each.startswith(says) for each in lines), lines
    assert any("linked with it" in each for each in lines) is ("lunch" not in words)
