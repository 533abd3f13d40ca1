"""Command position: what is said to the bot, and what only shows its name (T10)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.deciding.mention import commands

SAID = {
    "@bellhop": [""],
    "@bellhop cancel": ["cancel"],
    "/bellhop cancel": ["cancel"],
    "  @BellHop: please do": ["please do"],
    "@bellhop[bot] go": ["go"],
    "Hello\n@bellhop a\n\n@bellhop b": ["a", "b"],
    "> quoted\n\n@bellhop go": ["go"],
    "```\ncode\n```\n@bellhop go": ["go"],
    "~~~~\n```\n~~~~\n@bellhop go": ["go"],
    "<!-- hidden -->\n@bellhop go": ["go"],
    "@bellhop go <!-- hidden": ["go"],
    "@bellhop go\r\n": ["go"],
}
NOT_SAID = [
    "", "please ask @bellhop", "@bellhopper go", "@bell go", "bellhop go", "@bellhop.example.com", "x@bellhop go",
    "> @bellhop go", "  > @bellhop go", "> quoted\n@bellhop go", "`@bellhop go`", "    @bellhop go", "\t@bellhop go",
    "```\n@bellhop go\n```", "```\n@bellhop go", "~~~\n@bellhop go\n```\n@bellhop go", "````\n```\n@bellhop go",
    "<!-- @bellhop go -->", "<!--\n@bellhop go\n-->", "<!--\n@bellhop go", "https://github.com/@bellhop go",
    "[@bellhop](https://x) go", "- @bellhop go", "On Monday octocat wrote:\n> @bellhop go\n",
]


@pytest.mark.parametrize(("text", "said"), SAID.items(), ids=repr)
def test_what_is_said(text: str, said: list[str]) -> None:
    assert commands(text, "bellhop[bot]") == said


@pytest.mark.parametrize("text", NOT_SAID, ids=repr)
def test_t10_what_is_not_said(text: str) -> None:
    assert commands(text, "bellhop[bot]") == []


def test_a_login_is_no_pattern() -> None:
    assert commands("@b.t go", "b.t[bot]") == ["go"]
    assert commands("@bot go", "b.t[bot]") == []


@given(st.text(alphabet="@bellhop /`~><!-\n \tx"))
def test_any_text_is_read(text: str) -> None:
    assert all(isinstance(words, str) for words in commands(text, "bellhop[bot]"))
