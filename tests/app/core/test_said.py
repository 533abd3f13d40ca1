"""What a comment says to the bot: a command, options, words."""

from __future__ import annotations

import pytest

from app.core.deciding.said import Said, said_to

BOT = "bellhop[bot]"


@pytest.mark.parametrize(("text", "said"), [
    ("please do", Said()),
    ("@bellhop please do", Said(is_addressed=True)),
    ("@bellhop stop", Said(verb="stop", is_addressed=True)),
    ("@bellhop stop.", Said(verb="stop", is_addressed=True)),
    ("@bellhop Cancel !", Said(verb="cancel", is_addressed=True)),
    ("@bellhop now stop", Said(verb="stop", is_addressed=True)),
    ("@bellhop now: cancel.", Said(verb="cancel", is_addressed=True)),
    ("@bellhop now stop using tabs", Said(verb="now", is_addressed=True)),
    ("@bellhop stop using tabs", Said(is_addressed=True)),
    ("@bellhop now: agent=codex do", Said(verb="now", options={"agent": "codex"}, is_addressed=True)),
    ("@bellhop agent=codex MODEL=openai/gpt-5 fix it", Said(options={"agent": "codex", "model": "openai/gpt-5"}, is_addressed=True)),
    ("@bellhop budget=5\n@bellhop budget=3 branch=next", Said(options={"budget": "3", "branch": "next"}, is_addressed=True)),
    ("@bellhop set model=x in the config", Said(is_addressed=True)),
    ("@bellhop colour=red model=x", Said(is_addressed=True)),
    ("> @bellhop model=x", Said()),
    ("```\n@bellhop model=x\n```", Said()),
    ("<!-- @bellhop model=x -->", Said()),
])
def test_what_a_comment_says(text: str, said: Said) -> None:
    assert said_to(text, BOT) == said
